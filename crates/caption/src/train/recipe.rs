//! Everything that a run depends on.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use taper_trainer::epochs::{SettingError, StepConfig};
use taper_trainer::files;
use taper_trainer::recipe::{Rule, ScheduleRecipe};
use taper_trainer::store::origin;

use super::error::TrainError;
use crate::model::{Cell, Search};

/// `recipe.toml` of a captioner. Every setting may be left out; the defaults are those said here.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// What all that is random follows from. Default 0.
    pub seed: u64,
    /// The file of captions, or the folder that has one ([`find`](crate::data::karpathy::find)).
    pub data: PathBuf,
    /// The folder of the pictures. Default that of the file, or its `images`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<PathBuf>,
    /// The backbone. Default `squeezenet1_1`, whose weights are in the library.
    pub model: String,
    /// Whether it begins with pretrained weights. Default yes.
    pub pretrained: bool,
    /// A file of them in the place of the model's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<PathBuf>,
    /// Side of a picture as the network sees it, pixels; pictures are made square. Default 224.
    pub size: u32,
    /// The recurrent cell. Default `lstm`, as Vinyals et al. have it.
    pub cell: Cell,
    /// Numbers of its hidden state. Default 256; the paper's 512.
    pub hidden: usize,
    /// The share of what the cell is given and gives that is dropped in training, in [0, 1).
    /// Default 0.5, as in Karpathy's NeuralTalk.
    pub dropout: f64,
    /// The words.
    pub words: WordRecipe,
    /// How long and how fast.
    pub optimize: OptimizeRecipe,
    /// The epochs in which the backbone is trained, too.
    pub fine_tune: FineTuneRecipe,
    /// How captions are looked for.
    pub search: Search,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            seed: 0,
            data: PathBuf::new(),
            images: None,
            model: "squeezenet1_1".to_owned(),
            pretrained: true,
            weights: None,
            size: 224,
            cell: Cell::default(),
            hidden: 256,
            dropout: 0.5,
            words: WordRecipe::default(),
            optimize: OptimizeRecipe::default(),
            fine_tune: FineTuneRecipe::default(),
            search: Search::default(),
        }
    }
}

/// The words that are known, and what they begin with.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct WordRecipe {
    /// How often a word must occur in the captions to train on. Default 5, Karpathy's.
    pub least: usize,
    /// Numbers of a word. Default those of the vectors; without them 256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embed: Option<usize>,
    /// A file of [vectors](crate::vectors) that words begin with; those that it has not begin
    /// random. Default none: all begin random.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vectors: Option<PathBuf>,
    /// Whether the words' numbers are trained. Default yes; without, all of them stay what they
    /// began with, also those that have no vector.
    pub tuned: bool,
}

impl Default for WordRecipe {
    fn default() -> Self {
        Self { least: 5, embed: None, vectors: None, tuned: true }
    }
}

/// How long and how fast.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizeRecipe {
    /// The update rule. Default `adamw`; the paper's is `sgd`.
    pub rule: Rule,
    /// The course of the learning rate, over the epochs of the language model and again over those
    /// of fine-tuning. Default `cosine` to 0.
    pub schedule: ScheduleRecipe,
    /// Peak learning rate. Default 2e-3, for the rules `sgd`, `momentum`, `nesterov` and `sgdw`
    /// 0.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lr: Option<f64>,
    /// Share of all steps spent on the way up, fraction. Default 0.05.
    pub warmup: f64,
    /// Weight decay of all but biases and norms. Default 1e-4.
    pub weight_decay: f64,
    /// The most of the gradient's global norm; 0 for no limit. Default 5, im2txt's.
    pub clip: f64,
    /// Passes over the pictures to train on, with the backbone left alone. Default 20.
    pub epochs: usize,
    /// Pictures of a step, each with all its captions. Default 16.
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
            warmup: 0.05,
            weight_decay: 1e-4,
            clip: 5.0,
            epochs: 20,
            batch_size: 16,
            measure_every: 1,
        }
    }
}

impl OptimizeRecipe {
    /// The peak learning rate.
    pub fn peak(&self) -> f64 {
        let plain = matches!(self.rule.name(), "sgd" | "momentum" | "nesterov" | "sgdw");
        self.lr.unwrap_or(if plain { 0.1 } else { 2e-3 })
    }

    /// How steps are taken.
    pub(super) fn steps(&self) -> StepConfig {
        let (rule, schedule) = (self.rule, self.schedule.clone());
        let (warmup, weight_decay, clip) = (self.warmup, self.weight_decay, self.clip);
        StepConfig { rule, schedule, lr: self.peak(), warmup, weight_decay, clip }
    }
}

/// The second phase, in which the backbone is trained along with the language model: not from the
/// beginning, as what a random language model asks of a pretrained backbone would spoil it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct FineTuneRecipe {
    /// Passes over the pictures. Default 0: the backbone stays as it is.
    pub epochs: usize,
    /// The factor of the learning rate for the backbone. Default 0.1.
    pub backbone_lr_scale: f64,
    /// Stages of it that keep their weights, counted from the picture. Default 0.
    pub frozen: usize,
}

impl Default for FineTuneRecipe {
    fn default() -> Self {
        Self { epochs: 0, backbone_lr_scale: 0.1, frozen: 0 }
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
        for path in recipe.paths() {
            *path = origin::settled(folder, path);
        }
        Ok(recipe)
    }

    /// The files and folders that it names.
    fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let others = [self.images.as_mut(), self.weights.as_mut(), self.words.vectors.as_mut()];
        [&mut self.data].into_iter().chain(others.into_iter().flatten())
    }

    /// The recipe without what only says where something lies, which is known by its content.
    pub(super) fn placeless(&self) -> Result<String, TrainError> {
        let mut bare = self.clone();
        bare.paths().for_each(|path| *path = PathBuf::new());
        Ok(toml::to_string(&bare)?)
    }

    /// Refuses numbers out of their range that no network is needed to know of.
    ///
    /// # Errors
    /// Names the setting.
    pub fn check(&self) -> Result<(), SettingError> {
        let own = &self.optimize;
        own.steps().check()?;
        self.search.check()?;
        SettingError::whole(&[
            ("size", self.size as usize, 16, 2048),
            ("hidden", self.hidden, 1, 8192),
            ("words.least", self.words.least, 1, 1_000_000),
            ("words.embed", self.words.embed.unwrap_or(1), 1, 8192),
            ("optimize.epochs", own.epochs, 1, 100_000),
            ("optimize.batch_size", own.batch_size, 1, 1024),
            ("optimize.measure_every", own.measure_every, 1, 100_000),
            ("fine_tune.epochs", self.fine_tune.epochs + 1, 1, 100_001),
        ])?;
        let scale = self.fine_tune.backbone_lr_scale;
        for (field, wanted, got, good) in [
            ("dropout", "in [0, 1)", self.dropout, (0.0..1.0).contains(&self.dropout)),
            ("fine_tune.backbone_lr_scale", "in (0, 1000]", scale, scale > 0.0 && scale <= 1000.0),
        ] {
            if !good {
                return Err(SettingError::new(field, wanted, got));
            }
        }
        Ok(())
    }
}
