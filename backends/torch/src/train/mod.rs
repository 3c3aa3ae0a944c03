//! Training of actors and critics: supervised, and from what became of programs.
//!
//! Sequences come in as token ids, batches are padded tensors, and every loss is a sum over the
//! tokens of programs that were picked out of them: `batch` does the picking, `loss` holds the
//! formulas. What a training gives depends on its settings alone; where it was interrupted makes
//! no difference.

mod actor;
mod adapter;
mod batch;
mod checkpoint;
pub(crate) mod critic;
mod data;
mod harness_link;
pub mod loss;
mod optimizer;
mod order;
pub mod pretrain;
mod pretraining;
mod rl;
mod rollout;
mod run;
mod schedule;
mod sequence;
mod session;
mod supervised;

pub use actor::{Actor, Computing};
pub use batch::{Batch, Padding, PassLimits, Reads, Source, micro_batches};
pub use checkpoint::write_tensors;
pub use critic::{Critic, score_samples};
pub use harness_link::HarnessLink;
pub use optimizer::AdamW;
pub use run::{gradients, train};
pub use sequence::{Sequence, Sequencer};
