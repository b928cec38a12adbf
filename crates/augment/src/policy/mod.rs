//! Which of several transforms a picture gets, and how strong.
//!
//! In reading order: [`choice`] (a probability, one of several) works with any transform.
//! [`image_op`] has the changes without chance as data, and [`varied`] one of them at a random
//! strength. The policies draw kind and strength from one table ([`magnitude`]): [`rand_augment`],
//! [`trivial_augment`], [`aug_mix`].

mod choice;

mod image_op;
mod varied;

mod magnitude;

mod aug_mix;
mod rand_augment;
mod trivial_augment;

pub use aug_mix::AugMix;
pub use choice::{Maybe, OneOf};
pub use image_op::ImageOp;
pub use rand_augment::RandAugment;
pub use trivial_augment::TrivialAugment;
pub use varied::Varied;
