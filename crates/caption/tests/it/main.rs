//! What the crate computes beside PyTorch and COCO's own code, and what has to hold of a training.
#![allow(clippy::unwrap_used, clippy::panic)]

mod caption_set;
mod golden_file;

mod cells;
mod data;
mod evaluate;
mod model;
mod train;
mod vectors;
