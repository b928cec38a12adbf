//! How good detections are: average precision as COCO computes it.
//!
//! [`evaluate`](evaluate()) gives [`Metrics`]; `pairs` is which detection is which object, and
//! `precision` what follows from that.

mod pairs;
mod precision;

mod metrics;

pub use metrics::{Metrics, evaluate};
