//! What the crate computes beside torchvision and COCO's own code, and what has to hold of a
//! training.

mod boxes;
mod golden_file;
mod ops;
