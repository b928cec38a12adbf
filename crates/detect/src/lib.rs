//! Object detection: Fast R-CNN and Faster R-CNN on the backbones of `taper-transfer`.
//!
//! A detector says where on a picture which things are. Read in this order: [`boxes`] is the
//! arithmetic of boxes, [`ops`] reads regions of feature maps, [`data`] is pictures with boxes,
//! [`model`] the network, [`evaluate`] what it is judged by, and [`train`] how it is trained, into
//! a run folder that [`model::open`] opens.
//!
//! Boxes are in pixels from the upper left corner of a picture, as in torchvision and COCO; feature
//! maps are (N,H,W,C). What is random follows from a seed by keyed streams, and what is computed in
//! parallel is added up in one order: the number of threads changes no bit, nor does a stop.
//!
//! # Examples
//! ```
//! use taper_detect::boxes::{BBox, batched_nms};
//! let boxes = [BBox::new(0.0, 0.0, 10.0, 10.0), BBox::new(1.0, 0.0, 11.0, 10.0)];
//! // Boxes of two classes do not suppress each other, those of one do.
//! assert_eq!(batched_nms(&boxes, &[0.9, 0.8], &[0, 1], 0.5), [0, 1]);
//! assert_eq!(batched_nms(&boxes, &[0.9, 0.8], &[0, 0], 0.5), [0]);
//! ```

pub mod boxes;

pub mod ops;

pub mod data;

pub mod model;

pub mod evaluate;

pub mod train;

pub use candle_core;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
