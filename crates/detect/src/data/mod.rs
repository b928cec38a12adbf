//! Pictures with boxes: where they come from, and how they become a batch.
//!
//! In reading order: a [`DetectionSet`] is pictures with their [`Object`]s; [`coco`], [`yolo`] and
//! [`voc`] read one from the files of that name, and [`open`](open()) finds out which; [`Loading`]
//! makes of some of its pictures a [`Batch`], in training changed at random ([`AugmentConfig`]).
//! [`scenes`] composes pictures whose boxes are known exactly.

mod error;

mod set;

mod files;

pub mod coco;
pub mod voc;
pub mod yolo;

mod open;

mod augment;
mod batch;

pub mod proposals;
pub mod scenes;

pub use augment::AugmentConfig;
pub use batch::{Batch, Framing, Loading};
pub use error::AnnotationError;
pub use open::{Side, Sides, open, open_side};
pub use set::{Annotated, DetectionSet, Object, Units};
