//! Everything a run depends on.

mod average;
mod clip;
mod named;
mod optimize;
mod quiet;
mod rule;
mod schedule;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use taper_optim::OptimError;
use taper_regularize::RegularizeError;

pub use self::average::AverageRecipe;
pub use self::clip::{ClipRecipe, NonFiniteRecipe};
pub use self::optimize::OptimizeRecipe;
pub use self::rule::{LbfgsRecipe, NesterovRecipe, Rule, SgdRecipe};
pub use self::schedule::ScheduleRecipe;

/// Everything a run depends on, as plain data: the same recipe on the same machine gives the same bits. It is
/// written into the run folder as `recipe.toml` and runs again with `taper fine-tune -c recipe.toml`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// The network: pretrained, a name that `models/` has a manifest for; from scratch, one that
    /// [`taper_transfer::backbone`] knows. Default `squeezenet1_1`.
    pub model: String,
    /// Whether it begins with pretrained weights; otherwise with random ones. Default yes.
    pub pretrained: bool,
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
    /// Probability that a rectangle is erased. Default 0.
    pub erasing: f64,
    /// Side of a square that is cut out, pixels; 0 for none. Default 0.
    pub cutout: u32,
}

/// The new head: average and maximum of each channel, batch norm, dropout, a hidden layer, classes. Without a hidden
/// layer it is linear: the average of each channel, then the classes.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeadRecipe {
    /// Units of the hidden layer; 0 for a linear head. Default 512.
    pub hidden: usize,
    /// Dropout before the classes; half of it before the hidden layer. A linear head has none. Probability, default 0.5.
    pub dropout: f64,
}

/// What keeps the network from learning by heart. Biases and norm scales are left out of all that acts on weights.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegularizeRecipe {
    /// Decay of weights, decoupled or coupled as the rule has it. Default 0.01.
    pub weight_decay: f64,
    /// Part of the target spread over all classes, fraction. Default 0.1.
    pub label_smoothing: f64,
    /// *α* of mixup, 0 for none. Default 0.
    pub mixup: f64,
    /// *α* of CutMix, 0 for none; with mixup each has half of the batches. Default 0.
    pub cutmix: f64,
    /// The factor of Σ|w|, by a proximal step that makes weights exactly 0. Default 0.
    pub l1: f64,
    /// The factor of Σw²/2, in the gradient. Default 0.
    pub l2: f64,
    /// The longest that the weights of a unit may be, 0 for any length. Default 0.
    pub max_norm: f64,
    /// Epochs without a lower validation loss after which a phase ends with the network of its best epoch; 0 for never.
    /// Default 0.
    pub patience: usize,
    /// By how much a loss must be lower to count, nats. Default 0.
    pub min_delta: f64,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            model: "squeezenet1_1".into(),
            pretrained: true,
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
            erasing: 0.0,
            cutout: 0,
        }
    }
}

impl Default for HeadRecipe {
    fn default() -> Self {
        Self { hidden: 512, dropout: 0.5 }
    }
}

impl Default for RegularizeRecipe {
    fn default() -> Self {
        Self {
            weight_decay: 0.01,
            label_smoothing: 0.1,
            mixup: 0.0,
            cutmix: 0.0,
            l1: 0.0,
            l2: 0.0,
            max_norm: 0.0,
            patience: 0,
            min_delta: 0.0,
        }
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
    /// A setting that the optimizer does not take.
    #[error("recipe: {section}: {source}")]
    Setting {
        /// The table of the setting, as written in the file.
        section: &'static str,
        /// What is wrong with it.
        source: Box<OptimError>,
    },
    /// A setting that a technique of regularization does not take.
    #[error("recipe: regularize: {0}")]
    Regularize(#[from] RegularizeError),
    /// Noise where a method needs the same loss at every evaluation.
    #[error(
        "recipe: the rule lbfgs takes differences of gradients for curvature, and with {noise} they would be gradients \
         of different functions: set {remedy}"
    )]
    Noise {
        /// What makes it.
        noise: &'static str,
        /// How it is turned off.
        remedy: &'static str,
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
    /// What `taper train` begins with: `small_cnn` with random weights, all layers from the first epoch at one rate.
    pub fn from_scratch() -> Self {
        Self {
            model: "small_cnn".into(),
            pretrained: false,
            data: DataRecipe { image_size: 28, batch_size: 128, ..DataRecipe::default() },
            augment: AugmentRecipe { flip: 0.5, translate: 0.07, ..AugmentRecipe::none() },
            head: HeadRecipe::linear(),
            optimize: OptimizeRecipe {
                head_epochs: 0,
                epochs: 12,
                frozen_stages: 0,
                head_factor: 1.0,
                backbone_factor: 1.0,
                stage_decay: 1.0,
                rate: 5e-3,
                ..OptimizeRecipe::default()
            },
            regularize: RegularizeRecipe { weight_decay: 0.05, label_smoothing: 0.05, ..RegularizeRecipe::default() },
            ..Self::default()
        }
    }

    /// Reads a recipe.
    ///
    /// # Errors
    /// With line and column where the text is no recipe: unknown fields are refused, missing ones get their defaults.
    pub fn parse(text: &str, path: &std::path::Path) -> Result<Self, RecipeError> {
        let parse = |source| RecipeError::Parse { path: path.into(), source: Box::new(source) };
        Self::settled(toml::from_str(text).map_err(parse)?, &text.parse().map_err(parse)?)
    }

    /// Reads a recipe whose missing fields are those of `usual`; a rule that it names without a rate brings its own.
    ///
    /// # Errors
    /// As [`Recipe::parse`].
    pub fn parse_over(usual: &Self, text: &str, path: &std::path::Path) -> Result<Self, RecipeError> {
        // By itself first: errors have the lines of the text.
        Self::parse(text, path)?;
        let parse = |source| RecipeError::Parse { path: path.into(), source: Box::new(source) };
        let said: toml::Table = text.parse().map_err(parse)?;
        let all = toml::Table::try_from(usual);
        let mut all = all.map_err(|error| parse(serde::de::Error::custom(error)))?;
        if says(&said, "optimize", "rule")
            && let Some(optimize) = all.get_mut("optimize").and_then(toml::Value::as_table_mut)
        {
            optimize.remove("rate");
        }
        for (name, value) in said {
            match (all.get_mut(&name).and_then(toml::Value::as_table_mut), value) {
                (Some(section), toml::Value::Table(fields)) => section.extend(fields),
                (_, value) => drop(all.insert(name, value)),
            }
        }
        Self::parse(&all.to_string(), path)
    }

    /// What follows from words that `table` has or lacks.
    fn settled(mut self, table: &toml::Table) -> Result<Self, RecipeError> {
        self.optimize.hand_on_momentum()?;
        if !says(table, "optimize", "rate") {
            self.optimize.rate = self.optimize.rule.usual_rate();
        }
        Ok(self)
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
        let (least, wanted) =
            if self.pretrained { (32, "from 32 to 2048 pixels") } else { (8, "from 8 to 2048 pixels") };
        if !(least..=2048).contains(&self.data.image_size) {
            return fail("data.image_size", wanted, self.data.image_size.to_string());
        }
        if !self.pretrained && self.weights.is_some() {
            return fail("weights", "left out with pretrained = false, which begins with random ones", "a file".into());
        }
        if self.data.batch_size < 2 {
            return fail("data.batch_size", "at least 2 (batch norm needs a batch)", self.data.batch_size.to_string());
        }
        if self.head.hidden == 0 && self.head.dropout != 0.0 {
            let wanted = "0 with head.hidden = 0, a linear head, which has none";
            return fail("head.dropout", wanted, self.head.dropout.to_string());
        }
        for (field, value) in [
            ("optimize.rate", o.rate),
            ("optimize.head_factor", o.head_factor),
            ("optimize.backbone_factor", o.backbone_factor),
            ("optimize.stage_decay", o.stage_decay),
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
        crate::optimize::check(o)?;
        crate::regularize::check(&self.regularize)?;
        if let Rule::Lbfgs(_) = o.rule { self.require_quiet() } else { Ok(()) }
    }
}

/// Whether a recipe's text has this field.
fn says(table: &toml::Table, section: &str, field: &str) -> bool {
    table.get(section).and_then(toml::Value::as_table).is_some_and(|section| section.contains_key(field))
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
    fn a_rule_that_is_named_brings_its_rate_whatever_is_usual() {
        for usual in [Recipe::default(), Recipe::from_scratch()] {
            let over = |text: &str| Recipe::parse_over(&usual, text, "r.toml".as_ref()).unwrap();
            let lion = over("[optimize]\nrule = \"lion\"\n").optimize;
            assert_eq!(lion.rate, lion.rule.usual_rate());
            assert_eq!(over("[optimize]\nrule = \"lion\"\nrate = 0.25\n").optimize.rate, 0.25);
            assert_eq!(over("seed = 3\n"), Recipe { seed: 3, ..usual.clone() });
        }
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
