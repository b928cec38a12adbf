//! Regions of feature maps as small maps of one size, with exact gradients.
//!
//! A [`Roi`] is a region of interest: a box in a picture of a batch. [`roi_align`] reads it between
//! the pixels of the map, [`roi_pool`] takes the maxima of whole pixels. Both are operations of
//! candle's on the CPU, in float32 and float64, on maps (N,H,W,C). A region is computed by one
//! thread, and so is a row of the map's gradient, which adds the regions up in their order: the
//! number of threads changes no bit.

mod roi;

mod elements;

mod taps;

mod roi_align;
mod roi_pool;

pub use roi::{Roi, RoiError};
pub use roi_align::{RoiAlign, roi_align};
pub use roi_pool::{RoiPool, roi_pool};
