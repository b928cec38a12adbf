//! Everything that a run depends on.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use taper_trainer::epochs::{SettingError, StepConfig};
use taper_trainer::files;
use taper_trainer::recipe::{Rule, ScheduleRecipe};
use taper_trainer::store::origin;

use super::error::TrainError;
use crate::data::AugmentConfig;
use crate::model::{Anchors, Asking, Pooling, Training};

/// `recipe.toml` of a detector. Every setting may be left out; the defaults are those said here.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// What all that is random follows from. Default 0.
    pub seed: u64,
    /// Where the pictures are, in a form that [`open`](crate::data::open()) knows.
    pub data: PathBuf,
    /// The backbone. Default `squeezenet1_1`, whose weights are in the library.
    pub model: String,
    /// Whether it begins with pretrained weights. Default yes.
    pub pretrained: bool,
    /// A file of them in the place of the model's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<PathBuf>,
    /// The stage whose map regions are read from. Default the last with a cell for 16 pixels or
    /// fewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// A file of boxes in the place of the region proposal network: Fast R-CNN. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proposals: Option<PathBuf>,
    /// How a region is read. Default `align`, torchvision's; the papers' is `max`.
    pub pooling: Pooling,
    /// Height and width of a region's map. Default 7, the papers' and torchvision's.
    pub pooled: usize,
    /// Outputs of each of the head's two layers. Default 256; torchvision's 1024 are four times the
    /// work and the memory of the first, which on a CPU outweighs the backbone.
    pub hidden: usize,
    /// How large pictures are seen and how they are changed.
    pub pictures: PictureRecipe,
    /// The shapes of anchors.
    pub anchors: Anchors,
    /// What a step looks at.
    pub training: Training,
    /// How long and how fast.
    pub optimize: OptimizeRecipe,
    /// Which detections are told.
    pub asking: Asking,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            seed: 0,
            data: PathBuf::new(),
            model: "squeezenet1_1".to_owned(),
            pretrained: true,
            weights: None,
            stage: None,
            proposals: None,
            pooling: Pooling::default(),
            pooled: 7,
            hidden: 256,
            pictures: PictureRecipe::default(),
            // Measured of the training pictures.
            anchors: Anchors { sizes: Vec::new(), ..Anchors::default() },
            training: Training::default(),
            optimize: OptimizeRecipe::default(),
            asking: Asking::default(),
        }
    }
}

/// How pictures are seen.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct PictureRecipe {
    /// The short side, pixels. Default 320: two fifths of torchvision's 800, for a CPU.
    pub short: u32,
    /// The most of the long side, pixels. Default 533.
    pub long: u32,
    /// How they are changed in training.
    pub augment: AugmentConfig,
}

impl Default for PictureRecipe {
    fn default() -> Self {
        Self { short: 320, long: 533, augment: AugmentConfig::default() }
    }
}

/// How long and how fast.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizeRecipe {
    /// The update rule. Default `adamw`; the papers' and torchvision's is `momentum`.
    pub rule: Rule,
    /// The course of the learning rate. Default `cosine` to 0; torchvision's is `multi_step`.
    pub schedule: ScheduleRecipe,
    /// Peak learning rate. Default 5e-4, for the rules `sgd`, `momentum`, `nesterov` and `sgdw`
    /// 5e-3: torchvision's 0.02 for 16 pictures, scaled to 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lr: Option<f64>,
    /// The factor of that for the backbone. Default 0.2; torchvision's 1.
    pub backbone_lr_scale: f64,
    /// Share of all steps spent on the way up, fraction. Default 0.05; torchvision warms up for
    /// 1000 steps.
    pub warmup: f64,
    /// Weight decay of all but biases and norms. Default 1e-4, torchvision's.
    pub weight_decay: f64,
    /// The most of the gradient's global norm; 0 for no limit. Default 10, where torchvision has
    /// none.
    pub clip: f64,
    /// Passes over the training pictures. Default 12.
    pub epochs: usize,
    /// Pictures of a step. Default 4.
    pub batch_size: usize,
    /// Epochs between two measures on the validation pictures; the last epoch is always measured.
    /// Default 1.
    pub measure_every: usize,
}

impl Default for OptimizeRecipe {
    fn default() -> Self {
        Self {
            rule: Rule::default(),
            schedule: ScheduleRecipe::Cosine { floor: 0.0 },
            lr: None,
            backbone_lr_scale: 0.2,
            warmup: 0.05,
            weight_decay: 1e-4,
            clip: 10.0,
            epochs: 12,
            batch_size: 4,
            measure_every: 1,
        }
    }
}

impl OptimizeRecipe {
    /// The peak learning rate.
    pub fn peak(&self) -> f64 {
        let plain = matches!(self.rule.name(), "sgd" | "momentum" | "nesterov" | "sgdw");
        self.lr.unwrap_or(if plain { 5e-3 } else { 5e-4 })
    }

    /// How steps are taken.
    pub(super) fn steps(&self) -> StepConfig {
        let (rule, schedule) = (self.rule, self.schedule.clone());
        let (warmup, weight_decay, clip) = (self.warmup, self.weight_decay, self.clip);
        StepConfig { rule, schedule, lr: self.peak(), warmup, weight_decay, clip }
    }

    fn check(&self) -> Result<(), SettingError> {
        self.steps().check()?;
        let scale = self.backbone_lr_scale;
        if !(scale > 0.0 && scale <= 1000.0) {
            return Err(SettingError::new("optimize.backbone_lr_scale", "in (0, 1000]", scale));
        }
        SettingError::whole(&[
            ("optimize.epochs", self.epochs, 1, 100_000),
            ("optimize.batch_size", self.batch_size, 1, 1024),
            ("optimize.measure_every", self.measure_every, 1, 100_000),
        ])
    }
}

impl Recipe {
    /// Reads a recipe; errors name `path`.
    ///
    /// # Errors
    /// With line and column where the text is no recipe; names a number out of its range.
    pub fn parse(text: &str, path: &Path) -> Result<Self, TrainError> {
        let toml = |source| TrainError::Toml { path: path.into(), source: Box::new(source) };
        let recipe: Self = toml::from_str(text).map_err(toml)?;
        recipe.check()?;
        Ok(recipe)
    }

    /// Reads a file. Paths in the recipe of a run are seen from where that was begun, if they are
    /// there.
    ///
    /// # Errors
    /// When it cannot be read, and as [`parse`](Self::parse).
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let mut recipe = Self::parse(&files::read_text(path)?, path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let paths = [Some(&mut recipe.data), recipe.weights.as_mut(), recipe.proposals.as_mut()];
        for path in paths.into_iter().flatten() {
            *path = origin::settled(folder, path);
        }
        Ok(recipe)
    }

    /// Refuses numbers out of their range that no network is needed to know of.
    ///
    /// # Errors
    /// Names the setting.
    pub fn check(&self) -> Result<(), TrainError> {
        self.optimize.check()?;
        self.pictures.augment.check()?;
        if !self.anchors.sizes.is_empty() {
            self.anchors.check()?;
        }
        let Training { rpn, head, proposing, .. } = self.training;
        SettingError::whole(&[
            ("training.rpn.anchors", rpn.anchors, 1, 65_536),
            ("training.head.regions", head.regions, 1, 65_536),
            ("training.proposing.before", proposing.before, 1, 100_000),
            ("training.proposing.after", proposing.after, 1, 100_000),
            ("asking.proposing.before", self.asking.proposing.before, 1, 100_000),
            ("asking.proposing.after", self.asking.proposing.after, 1, 100_000),
            ("asking.most", self.asking.most, 1, 100_000),
        ])?;
        for (field, share) in [("training.rpn.positive", rpn.positive), ("training.head.positive", head.positive)] {
            if !(0.0..=1.0).contains(&share) {
                return Err(SettingError::new(field, "in [0, 1]", share).into());
            }
        }
        Ok(())
    }
}
