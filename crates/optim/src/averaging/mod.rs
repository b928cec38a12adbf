//! An average of parameters along a run.
//!
//! [`Averaging`] says what enters and how much it counts, [`Average`] keeps it beside the
//! parameters, and `average_state` saves and restores it.

#[expect(clippy::module_inception, reason = "the folder is named after its enum")]
mod averaging;

mod average;
pub(crate) mod average_state;

pub use average::Average;
pub use averaging::Averaging;
