//! What captions are judged by: BLEU and CIDEr-D, as COCO's own code computes them.
//!
//! Both count runs of one to four words that a caption shares with captions that people wrote of
//! the same picture. A [`Judged`] is a picture's caption beside those; [`bleu`] and [`cider`] judge
//! a set of them, and [`Metrics`] has all.

mod ngrams;

mod bleu;

mod cider;

mod metrics;

pub use bleu::bleu;
pub use cider::cider;
pub use metrics::Metrics;
pub use ngrams::Judged;
