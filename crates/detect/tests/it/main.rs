//! What the crate computes beside torchvision and COCO's own code, and what has to hold of a
//! training.

mod golden_file;
mod scene_set;

mod boxes;
mod data;
mod evaluate;
mod ops;
mod train;
