//! Boxes: how far they overlap, how one becomes another, and which of many stay.
//!
//! In reading order: [`bbox`](BBox) is a box; [`deltas`](Coder) are the four numbers that a network
//! says of how an anchor becomes a box; [`nms`](nms()) keeps the best of boxes that overlap.

mod bbox;

mod deltas;
mod nms;

pub use bbox::{BBox, iou_matrix};
pub use deltas::{BoxError, Coder};
pub use nms::{batched_nms, by_score, nms};
