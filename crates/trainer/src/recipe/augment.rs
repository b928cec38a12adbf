//! What is done to pictures.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use taper_augment::{Border, Interpolation};

use super::field::Takes::Transforms;
use super::field::fields;
use super::named::named_list;
use super::transform::TransformRecipe;

fields! {
    /// What is done to a picture in training; in testing it is resized and cut in the center.
    pub struct AugmentRecipe in "augment." {
        /// What is done to pictures in training: names with their defaults, or none. They are done
        /// one after the other; where none of them cuts or resizes, what is done in testing comes
        /// first.
        /// Fine-tuning mirrors left to right, then does one of perspective, lens and rubber, then
        /// one of sharpness, blur, noise and JPEG.
        #[serde(deserialize_with = "named_list")]
        train: Vec<TransformRecipe> = usual() => [Augmentation, "--augment NAMES", Short, Transforms];
    }
}

/// As `cargo xtask experiments augment` found it.
fn usual() -> Vec<TransformRecipe> {
    vec![TransformRecipe::Hflip { p: 0.5 }, TransformRecipe::warp(), TransformRecipe::camera()]
}

impl AugmentRecipe {
    /// Pictures in training as in testing.
    pub fn none() -> Self {
        Self { train: Vec::new() }
    }

    /// For pictures of a few dozen pixels: mirrored left to right, shifted by up to 0.07 of the
    /// side.
    pub fn shifted() -> Self {
        let shift = TransformRecipe::RandomAffine {
            degrees: 0.0,
            scale: (1.0, 1.0),
            translate: 0.07,
            shear: 0.0,
            stretch: (1.0, 1.0),
            filter: Interpolation::Bilinear,
            border: Border::Reflect,
        };
        Self { train: vec![TransformRecipe::Hflip { p: 0.5 }, shift] }
    }

    /// Whether a transform is to have the colors of the training pictures.
    pub fn measures(&self) -> bool {
        self.train.iter().any(TransformRecipe::measures)
    }

    /// Puts a transform at the end, in the place of those of its name.
    pub fn put(&mut self, transform: TransformRecipe) {
        let name = std::mem::discriminant(&transform);
        self.train.retain(|other| std::mem::discriminant(other) != name);
        self.train.push(transform);
    }
}

/// `none`, or names with commas between them.
impl FromStr for AugmentRecipe {
    type Err = serde::de::value::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = text.split(',').map(str::trim).filter(|_| text != "none");
        Ok(Self { train: names.map(TransformRecipe::named).collect::<Result<_, _>>()? })
    }
}
