//! Pictures with captions: where they come from, and how they become tensors.
//!
//! In reading order: a [`CaptionSet`] is pictures with their captions; [`karpathy`] reads one of
//! each part from a file as Flickr8k, Flickr30k and COCO are handed on in; [`Loading`] makes pixels
//! of some pictures. [`grammar`] writes captions of things whose places are known.

mod error;

mod set;

pub mod karpathy;

mod loading;

pub mod grammar;

pub use error::CaptionError;
pub use loading::Loading;
pub use set::{CaptionSet, Captioned, Part, Parts};
