//! A captioner from the folder of its run.

use std::path::Path;

use candle_core::Tensor;
use taper_nn::{Mode, Params};
use taper_tensor::Rng;
use taper_transfer::{Fit, load_weights, read_weights};

use super::captioner::{Captioner, Frozen};
use super::card::CaptionCard;
use super::error::ModelError;

/// A trained captioner.
#[derive(Debug)]
pub struct Model {
    /// What it is.
    pub card: CaptionCard,
    /// The network.
    pub network: Captioner,
    /// Its weights.
    pub params: Params,
}

impl Model {
    /// What the network sees of pictures, (N,F), of pixels (N,H,W,3).
    ///
    /// # Errors
    /// When the pictures are too small for the backbone.
    pub fn features(&self, pixels: &Tensor) -> Result<Tensor, ModelError> {
        Ok(self.network.features(pixels, Frozen::All, Mode::Eval)?)
    }
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
    let card = CaptionCard::read(&card)?;
    let weights = read_weights(run.join("model.safetensors"))?;
    let (network, params) = Captioner::new(&card, Rng::new(0))?;
    load_weights(&params, &weights.tensors, Fit::Exact)?;
    Ok(Model { card, network, params })
}
