//! What comes of a training, and of a test.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

/// A part of a data set.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Train,
    Val,
    Test,
}

impl Part {
    pub(super) const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// The folder that it lies in.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}

/// How good a network is on a part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// The share of pictures that it gets right.
    pub(crate) accuracy: f64,
    /// The mean of that share over the classes that there are pictures of.
    pub(crate) balanced: f64,
    /// How many pictures there are.
    pub(crate) images: usize,
}

impl Measured {
    /// What a file of JSON says at these places.
    pub(super) fn read(told: &Value, accuracy: &str, balanced: &str, images: &str) -> Result<Self> {
        let number = |place: &str| told.pointer(place).and_then(Value::as_f64).with_context(|| format!("no {place}"));
        Ok(Self { accuracy: number(accuracy)?, balanced: number(balanced)?, images: number(images)? as usize })
    }
}

/// What came of a training.
#[derive(Clone, Debug)]
pub(crate) struct Trained {
    /// Where it lies.
    pub(crate) folder: PathBuf,
    /// On the validation part.
    pub(crate) val: Measured,
    /// Seconds of the training.
    pub(crate) seconds: f64,
}

/// A file of JSON.
pub(super) fn read(path: &Path) -> Result<Value> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", path.display()))
}
