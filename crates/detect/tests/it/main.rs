//! What the crate computes beside torchvision and COCO's own code, and what has to hold of a
//! training.
#![allow(clippy::unwrap_used, clippy::panic)]

mod golden_file;
mod scene_set;

mod boxes;
mod data;
mod evaluate;
mod model;
mod ops;
mod train;
