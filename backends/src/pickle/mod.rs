//! Python pickles as data.
//!
//! A pickle is a program. This reader knows the instructions that build plain containers; of the
//! calls that a pickle may ask for it knows those that [`Objects`] names, and answers them
//! itself. Anything else ends in an error that names it, and nothing is ever executed.

mod machine;
pub mod numpy;
mod value;
mod write;

pub use machine::{Objects, load};
pub use value::{Items, Value};
pub use write::PickleWriter;
