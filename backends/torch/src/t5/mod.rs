//! T5 encoder-decoders, as CodeT5 is one.

mod attention;
mod block;
mod model;
mod positions;
mod step;

pub use model::T5;
pub(crate) use model::may_be_left;
pub(crate) use positions::{BiasDirection, bucket_of_distance};
pub(crate) use step::Attend;
