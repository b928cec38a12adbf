//! The detector: a backbone, a network that proposes regions, and a head that looks at each.
//!
//! In reading order: a [`Grid`] is where the cells of a backbone's map lie on the picture, and
//! [`anchors`](anchors()) are boxes of several shapes in each; [`matched`] and [`sampled`] say
//! which of many boxes training looks at, and for what; [`Rpn`] proposes regions, [`BoxHead`]
//! classifies them and moves their edges; [`Detector`] is all of it, described by a
//! [`DetectorCard`].

mod error;

mod anchors;
mod grid;

mod matching;
mod sampling;

mod losses;
mod targets;

mod rpn;

mod head;

mod card;
mod detector;

mod open;

pub use anchors::{Anchors, anchors};
pub use card::{Asking, DetectorCard, Pooling};
pub use detector::{Detector, Losses, Training};
pub use error::ModelError;
pub use grid::Grid;
pub use head::{BoxHead, Detection, HeadConfig};
pub use losses::smooth_l1;
pub use matching::{Match, Thresholds, matched};
pub use open::{Model, open};
pub use rpn::{Proposing, Rpn, RpnConfig};
pub use sampling::{Sample, sampled};
