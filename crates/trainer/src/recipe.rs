//! Everything a run depends on.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Everything a run depends on, as plain data: the same recipe on the same machine gives the same bits. It is
/// written into the run folder as `recipe.toml` and runs again with `taper fine-tune -c recipe.toml`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// The pretrained model, a name that `models/` has a manifest for. Default `squeezenet1_1`.
    pub model: String,
    /// A file of weights in place of the model's own. Default none.
    pub weights: Option<PathBuf>,
    /// Which layers are trained. Default `full`.
    pub plan: Plan,
    /// The seed of every random stream. Default 0.
    pub seed: u64,
    /// Where the pictures come from.
    pub data: DataRecipe,
    /// What is done to a picture in training.
    pub augment: AugmentRecipe,
    /// The new head.
    pub head: HeadRecipe,
    /// How long and how fast.
    pub optimize: OptimizeRecipe,
    /// What keeps the network from learning by heart.
    pub regularize: RegularizeRecipe,
}

/// Which layers are trained after the head.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Plan {
    /// The head alone, for all epochs.
    Probe,
    /// The head first, then with it the last stage of the backbone.
    Top,
    /// The head first, then all layers above `optimize.frozen_stages`.
    Full,
}

/// Where the pictures come from.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataRecipe {
    /// A folder with `train/<class>/*` and `val/<class>/*`, or with `<class>/*` to be split.
    pub path: PathBuf,
    /// The part of each class that validates where the folder has no split, fraction. Default 0.2.
    pub val_fraction: f64,
    /// Side of the square that the network sees, pixels. Default 160.
    pub image_size: u32,
    /// Pictures in a batch. Default 32.
    pub batch_size: usize,
}

/// What is done to a picture in training; in testing it is resized and cut in the centre.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentRecipe {
    /// Range of the area of the random crop, fraction of the picture. `[1, 1]`, the default, takes the
    /// centre crop.
    pub crop_scale: (f64, f64),
    /// Probability of a horizontal flip. Default 0.5.
    pub flip: f64,
    /// Largest rotation to either side, degrees. Default 10.
    pub rotation: f64,
    /// Range of the zoom, factor. Default `[1, 1.1]`.
    pub zoom: (f64, f64),
    /// Largest shift, fraction of the side. Default 0.
    pub translate: f64,
    /// Largest change of brightness, fraction. Default 0.2.
    pub brightness: f64,
    /// Largest change of contrast, fraction. Default 0.2.
    pub contrast: f64,
    /// Largest change of saturation, fraction. Default 0.
    pub saturation: f64,
}

/// The new head: average and maximum of each channel, batch norm, dropout, a hidden layer, classes.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeadRecipe {
    /// Units of the hidden layer. Default 512.
    pub hidden: usize,
    /// Dropout before the classes; half of it before the hidden layer. Probability, default 0.5.
    pub dropout: f64,
}

/// An update rule.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// Adam with decoupled weight decay.
    AdamW,
    /// Stochastic gradient descent with momentum and coupled weight decay.
    Sgd,
    /// The same with Nesterov's momentum.
    Nesterov,
}

/// The course of the learning rate over a phase.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// Always the same, after the warm-up.
    Constant,
    /// Down along a half cosine, after the warm-up.
    Cosine,
    /// Up and down again along half cosines.
    OneCycle,
}

/// How long and how fast.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizeRecipe {
    /// The update rule. Default `adamw`.
    pub rule: Rule,
    /// Momentum of SGD. Default 0.9.
    pub momentum: f64,
    /// The course of the learning rate in each phase. Default `one-cycle`.
    pub schedule: ScheduleKind,
    /// Share of a phase spent on the way up, fraction. Default 0.3.
    pub warmup: f64,
    /// Epochs with the head alone. Default 4.
    pub head_epochs: usize,
    /// Epochs after that. Default 14.
    pub epochs: usize,
    /// Peak learning rate while the head is trained alone. Default 2e-3.
    pub rate: f64,
    /// Factor on it for the head once layers below are trained too. Default 0.5.
    pub head_factor: f64,
    /// Factor on it for the topmost stage of the backbone. Default 0.05.
    pub backbone_factor: f64,
    /// Further factor for each stage below. Default 0.3.
    pub stage_decay: f64,
    /// Stages of the backbone, from the picture, that keep their weights whatever the plan. Default 1: the first
    /// filters (edges, colours) serve any pictures, and their gradients cost the most.
    pub frozen_stages: usize,
    /// Limit of the global norm of the gradients. Default 5.
    pub clip: f64,
}

/// What keeps the network from learning by heart.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegularizeRecipe {
    /// Decay of weights; biases and norm scales are left out. Default 0.01.
    pub weight_decay: f64,
    /// Part of the target spread over all classes, fraction. Default 0.1.
    pub label_smoothing: f64,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            model: "squeezenet1_1".into(),
            weights: None,
            plan: Plan::Full,
            seed: 0,
            data: DataRecipe::default(),
            augment: AugmentRecipe::default(),
            head: HeadRecipe::default(),
            optimize: OptimizeRecipe::default(),
            regularize: RegularizeRecipe::default(),
        }
    }
}

impl Default for DataRecipe {
    fn default() -> Self {
        Self { path: PathBuf::new(), val_fraction: taper_data::DEFAULT_VAL_FRACTION, image_size: 160, batch_size: 32 }
    }
}

impl Default for AugmentRecipe {
    fn default() -> Self {
        Self {
            crop_scale: (1.0, 1.0),
            flip: 0.5,
            rotation: 10.0,
            zoom: (1.0, 1.1),
            translate: 0.0,
            brightness: 0.2,
            contrast: 0.2,
            saturation: 0.0,
        }
    }
}

impl Default for HeadRecipe {
    fn default() -> Self {
        Self { hidden: 512, dropout: 0.5 }
    }
}

impl Default for OptimizeRecipe {
    fn default() -> Self {
        Self {
            rule: Rule::AdamW,
            momentum: 0.9,
            schedule: ScheduleKind::OneCycle,
            warmup: 0.3,
            head_epochs: 4,
            epochs: 14,
            rate: 2e-3,
            head_factor: 0.5,
            backbone_factor: 0.05,
            stage_decay: 0.3,
            frozen_stages: 1,
            clip: 5.0,
        }
    }
}

impl Default for RegularizeRecipe {
    fn default() -> Self {
        Self { weight_decay: 0.01, label_smoothing: 0.1 }
    }
}

/// A recipe that cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// A number out of its range.
    #[error("recipe: {field} must be {wanted}; got {got}")]
    Field {
        /// The field, as written in the file.
        field: &'static str,
        /// What is wanted.
        wanted: &'static str,
        /// What was there.
        got: String,
    },
    /// Text that is not a recipe.
    #[error("{path}: {source}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, column and reason.
        source: Box<toml::de::Error>,
    },
}

impl Recipe {
    /// Reads a recipe.
    ///
    /// # Errors
    /// With line and column where the text is no recipe: unknown fields are refused, missing ones get their defaults.
    pub fn parse(text: &str, path: &std::path::Path) -> Result<Self, RecipeError> {
        toml::from_str(text).map_err(|source| RecipeError::Parse { path: path.into(), source: Box::new(source) })
    }

    /// Looks at every number that no crate below checks for itself.
    ///
    /// # Errors
    /// Names the first field that is out of range.
    pub fn check(&self) -> Result<(), RecipeError> {
        let o = &self.optimize;
        let fail = |field, wanted, got: String| Err(RecipeError::Field { field, wanted, got });
        if o.head_epochs + o.epochs == 0 {
            return fail("optimize.epochs", "at least 1 with optimize.head_epochs", "0".into());
        }
        if !(32..=2048).contains(&self.data.image_size) {
            return fail("data.image_size", "from 32 to 2048 pixels", self.data.image_size.to_string());
        }
        if self.data.batch_size < 2 {
            return fail("data.batch_size", "at least 2 (batch norm needs a batch)", self.data.batch_size.to_string());
        }
        for (field, value) in [
            ("optimize.rate", o.rate),
            ("optimize.head_factor", o.head_factor),
            ("optimize.backbone_factor", o.backbone_factor),
            ("optimize.stage_decay", o.stage_decay),
            ("optimize.clip", o.clip),
        ] {
            if !(value > 0.0 && value.is_finite()) {
                return fail(field, "a positive number", value.to_string());
            }
        }
        for (field, value) in
            [("regularize.label_smoothing", self.regularize.label_smoothing), ("optimize.warmup", o.warmup)]
        {
            if !(0.0..1.0).contains(&value) {
                return fail(field, "in [0, 1)", value.to_string());
            }
        }
        if !(0.0..1.0).contains(&self.regularize.weight_decay) {
            return fail("regularize.weight_decay", "in [0, 1)", self.regularize.weight_decay.to_string());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_survives_its_file() {
        let recipe = Recipe { seed: 3, weights: Some("w.safetensors".into()), ..Recipe::default() };
        let text = toml::to_string(&recipe).unwrap();
        assert_eq!(Recipe::parse(&text, "r.toml".as_ref()).unwrap(), recipe);
        assert_eq!(Recipe::parse("", "r.toml".as_ref()).unwrap(), Recipe::default());
    }

    #[test]
    fn mistakes_name_line_and_field() {
        let message = Recipe::parse("seed = 1\n[optimize]\nrat = 1\n", "r.toml".as_ref()).unwrap_err().to_string();
        assert!(message.contains("r.toml") && message.contains("line 3") && message.contains("rat"), "{message}");
        let mut recipe = Recipe::default();
        recipe.optimize.rate = f64::NAN;
        assert!(recipe.check().unwrap_err().to_string().contains("optimize.rate"));
    }
}
