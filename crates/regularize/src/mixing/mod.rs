//! What is done to a batch before the network sees it: [`smoothing`] changes the targets, [`mix`]
//! the pictures too.

mod smoothing;

mod mix;

pub use mix::Mixing;
pub use smoothing::smooth_labels;
