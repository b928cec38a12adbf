//! A detector from the folder of its run.

use std::path::Path;

use taper_augment::Normalize;
use taper_nn::Params;
use taper_tensor::Rng;
use taper_transfer::{Fit, load_weights, read_weights};

use super::card::DetectorCard;
use super::detector::Detector;
use super::error::ModelError;

/// A trained detector.
#[derive(Debug)]
pub struct Model {
    /// What it is.
    pub card: DetectorCard,
    /// The network.
    pub detector: Detector,
    /// Its weights.
    pub params: Params,
}

/// Opens the folder of a run, with `model.json` and `model.safetensors` in it.
///
/// # Errors
/// When one is missing or broken, or they do not fit together.
pub fn open(run: &Path) -> Result<Model, ModelError> {
    let card = run.join("model.json");
    if !card.is_file() {
        return Err(ModelError::NoRun { path: run.into() });
    }
    let card = DetectorCard::read(&card)?;
    let weights = read_weights(run.join("model.safetensors"))?;
    let (detector, params) = Detector::new(&card, Rng::new(0))?;
    load_weights(&params, &weights.tensors, Fit::Exact)?;
    Ok(Model { card, detector, params })
}

impl DetectorCard {
    /// What is subtracted from the colors of a picture, and what they are divided by.
    ///
    /// # Errors
    /// When a number is impossible.
    pub fn normalize(&self) -> Result<Normalize, ModelError> {
        Normalize::new(self.mean, self.std).map_err(|source| {
            let (field, wanted) = ("mean and std", "finite numbers, std above 0");
            ModelError::Setting { field, wanted, got: source.to_string() }
        })
    }
}
