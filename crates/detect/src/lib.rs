//! Object detection by Fast R-CNN and Faster R-CNN on the backbones of `taper-transfer`.

pub mod boxes;

pub mod ops;

pub mod data;

pub mod model;

pub mod evaluate;

pub mod draw;

pub mod train;
