//! What a detector is, as a file.

use std::path::Path;

use candle_core::{DType, Device};
use serde::{Deserialize, Serialize};
use taper_nn::Params;
use taper_tensor::Rng;
use taper_transfer::{BackboneConfig, Stage, architecture};

use super::anchors::Anchors;
use super::error::ModelError;
use super::rpn::Proposing;
use crate::data::Framing;

/// How a region is read from a map.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// [`roi_align`](crate::ops::roi_align), 2 points a side of a bin: torchvision's.
    #[default]
    Align,
    /// [`roi_pool`](crate::ops::roi_pool): the papers'.
    Max,
}

/// Which of what a detector finds it tells.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Asking {
    /// The score that one must be above. Default 0.05, torchvision's.
    pub score: f32,
    /// The largest IoU of two of one class. Default 0.5, torchvision's.
    pub overlap: f32,
    /// The most of a picture. Default 100, COCO's and torchvision's.
    pub most: usize,
    /// How many regions are looked at. Default [`Proposing::ANSWERS`].
    pub proposing: Proposing,
}

impl Default for Asking {
    fn default() -> Self {
        Self { score: 0.05, overlap: 0.5, most: 100, proposing: Proposing::ANSWERS }
    }
}

/// `model.json`: what the weights beside it are weights of.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorCard {
    /// Version of this file: 1.
    pub schema: u32,
    /// The backbone, a name that [`taper_transfer::backbone`] knows.
    pub model: String,
    /// The last stage of it that is used, whose map regions are read from.
    pub stage: String,
    /// The shapes of anchors; none where proposals come from a file (Fast R-CNN).
    pub anchors: Option<Anchors>,
    /// How a region is read.
    pub pooling: Pooling,
    /// Height and width of a region's map, pixels of it.
    pub pooled: usize,
    /// Outputs of the head's two layers.
    pub hidden: usize,
    /// The classes in the order of their numbers.
    pub classes: Vec<String>,
    /// How large a picture is seen.
    pub framing: Framing,
    /// Mean of each channel, of values in 0..1.
    pub mean: [f32; 3],
    /// Standard deviation of each channel.
    pub std: [f32; 3],
    /// Which detections are told.
    pub asking: Asking,
}

impl DetectorCard {
    /// Reads a `model.json`.
    ///
    /// # Errors
    /// When the file cannot be read, is no card of a detector, or has a number out of its range.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        let text = taper_trainer::files::read_text(path)?;
        let card: Self =
            serde_json::from_str(&text).map_err(|source| ModelError::Card { path: path.into(), source })?;
        card.check()?;
        Ok(card)
    }

    /// Refuses numbers out of their range.
    ///
    /// # Errors
    /// Names the setting.
    pub fn check(&self) -> Result<(), ModelError> {
        let whole = |field, number: usize, range: std::ops::RangeInclusive<usize>, wanted| {
            let got = number.to_string();
            if range.contains(&number) { Ok(()) } else { Err(ModelError::Setting { field, wanted, got }) }
        };
        whole("hidden", self.hidden, 1..=8192, "in 1..=8192")?;
        whole("pooled", self.pooled, 1..=32, "in 1..=32")?;
        whole("the number of classes", self.classes.len(), 1..=10_000, "in 1..=10000")?;
        let (short, long) = (self.framing.short as usize, self.framing.long as usize);
        whole("the short side", short, 32..=4096, "in 32..=4096 pixels")?;
        whole("the long side", long, short..=8192, "from the short side to 8192 pixels")?;
        self.anchors.as_ref().map_or(Ok(()), Anchors::check)
    }

    /// The stages of the backbone that are used.
    ///
    /// # Errors
    /// When there is no such backbone or stage.
    pub fn stages(&self) -> Result<Vec<Stage>, ModelError> {
        let all = architecture(&self.model)?.stages();
        let place = all.iter().position(|stage| stage.name == self.stage);
        let known = || all.iter().map(|stage| stage.name).collect();
        let unknown = || ModelError::NoStage { model: self.model.clone(), got: self.stage.clone(), known: known() };
        let last = place.ok_or_else(unknown)?;
        Ok(all.into_iter().take(last + 1).collect())
    }

    /// The stage of a backbone whose map has a cell for 16 pixels, as the papers' and most single
    /// maps of detectors; of one that has none, the last with a smaller stride.
    ///
    /// # Errors
    /// When there is no such backbone.
    pub fn usual_stage(model: &str) -> Result<&'static str, ModelError> {
        let stages = architecture(model)?.stages();
        let found = stages.iter().rfind(|stage| (1..=16).contains(&stage.stride));
        let none = || ModelError::NoMaps { model: model.to_owned(), stage: "any stage" };
        Ok(found.ok_or_else(none)?.name)
    }

    /// The backbone with first values for its weights.
    pub(super) fn backbone(&self, rng: Rng) -> Result<(Box<dyn taper_transfer::Backbone>, Params), ModelError> {
        let params = Params::new(rng, DType::F32, Device::Cpu);
        let config = BackboneConfig { stages: self.stages()?.len(), ..BackboneConfig::default() };
        let backbone = taper_transfer::backbone(&self.model, &params.root(), &config)?;
        Ok((backbone, params))
    }
}
