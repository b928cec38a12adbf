//! Everything a run depends on.

mod augment;
mod average;
mod clip;
mod error;
pub(crate) mod limits;
mod named;
mod optimize;
mod precision;
mod preset;
mod quiet;
mod read;
mod regularize;
mod rule;
mod schedule;
mod transform;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use self::augment::AugmentRecipe;
pub use self::average::AverageRecipe;
pub use self::clip::{ClipRecipe, NonFiniteRecipe};
pub use self::error::RecipeError;
pub use self::limits::OutOfRange;
pub use self::optimize::OptimizeRecipe;
pub use self::precision::PrecisionRecipe;
pub use self::preset::Preset;
pub use self::read::settings;
pub use self::regularize::RegularizeRecipe;
pub use self::rule::{LbfgsRecipe, NesterovRecipe, Rule, SgdRecipe};
pub use self::schedule::ScheduleRecipe;
pub use self::transform::TransformRecipe;

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
    /// Whether such a file may lack some of the network's weights, which then are random, or have others. Default no.
    pub partial: bool,
    /// The last stage of the network that is used, by name: where an earlier one serves better than the last
    /// ([`linear_probe`](mod@crate::evaluate::linear_probe)). Default all.
    pub cut: Option<String>,
    /// Which layers are trained. Default `full`.
    pub plan: Plan,
    /// The seed of every random stream. Default 0.
    pub seed: u64,
    /// How many networks are trained, each with a seed of its own from `seed` on, to answer together. Default 1.
    pub members: usize,
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
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Plan {
    /// The head alone, for all epochs.
    Probe,
    /// The head first, then with it the last stage of the backbone.
    Top,
    /// The head first, then all layers above `optimize.frozen_stages`.
    Full,
    /// The head first, then one stage more at a time from the top to `optimize.frozen_stages`, the epochs shared out among them;
    /// the optimizer keeps what it remembers (J. Howard, S. Ruder, *Universal Language Model Fine-tuning*, 2018).
    Gradual,
}

/// Where the pictures come from.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataRecipe {
    /// A folder with `train/<class>/*` and `val/<class>/*`, or with `<class>/*` to be split.
    pub path: PathBuf,
    /// The part of each class that validates where the folder has no split, fraction. Default 0.2.
    pub val_fraction: f64,
    /// The seed by which that part is drawn. Default the seed of the run.
    pub split_seed: Option<u64>,
    /// Side of the square that the network sees, pixels. Default 160.
    pub image_size: u32,
    /// Pictures in a batch. Default 32.
    pub batch_size: usize,
    /// What is done about classes of different sizes. Default `none`.
    pub balance: Balance,
    /// In how many variants of each picture the frozen stages see it, once, their output being kept: the first as in testing, the
    /// others augmented; 0 for a new one in every epoch. Default 1 with the plan `probe`, else 0.
    pub variants: Option<u32>,
}

/// What is done about classes of different sizes.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Balance {
    /// Nothing: the network learns how often each class is.
    #[default]
    None,
    /// The loss of a picture counts by *N*/(*C n*), for *n* of *N* pictures in its class of *C*; `class_weight="balanced"` in
    /// scikit-learn. The mean over all pictures is 1.
    Weights,
    /// An epoch, as long as any, has as many pictures of each class: [`balanced`](taper_data::LoaderConfig::balanced).
    Sampling,
}

/// The head.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeadRecipe {
    /// What it is made of. Default `concat_pool`.
    pub kind: HeadKind,
    /// Units of the hidden layer; 0 for a linear head: the average of each channel, then the classes. Default 512.
    pub hidden: usize,
    /// Dropout before the classes; half of it before the hidden layer of `concat_pool`. A linear head has none. Probability, default
    /// 0.5.
    pub dropout: f64,
    /// Probability that a weight before the hidden layer of `concat_pool` is forgotten in a step (DropConnect). Default 0.
    pub drop_connect: f64,
    /// How many of the last linear layers of an `own` head begin anew; those before them have the pretrained weights. Default 1.
    pub fresh: usize,
}

/// What a head is made of.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadKind {
    /// Average and maximum of each channel, batch norm, dropout, a hidden layer, batch norm, dropout, classes: fastai's.
    #[default]
    ConcatPool,
    /// Average of each channel, a hidden layer, dropout, classes.
    Mlp,
    /// The one that the network was trained with, with its own settings: `hidden` and `dropout` say nothing.
    Own,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            model: "squeezenet1_1".into(),
            pretrained: true,
            weights: None,
            partial: false,
            cut: None,
            plan: Plan::Full,
            seed: 0,
            members: 1,
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
        Self {
            path: PathBuf::new(),
            val_fraction: taper_data::DEFAULT_VAL_FRACTION,
            split_seed: None,
            image_size: 160,
            batch_size: 32,
            balance: Balance::None,
            variants: None,
        }
    }
}

impl Default for HeadRecipe {
    fn default() -> Self {
        Self { kind: HeadKind::ConcatPool, hidden: 512, dropout: 0.5, drop_connect: 0.0, fresh: 1 }
    }
}

/// The largest seed: the largest number that TOML has.
pub const MOST_SEED: u64 = i64::MAX as u64;

impl Recipe {
    /// What `taper train` begins with: `small_cnn` with random weights, all layers from the first epoch at one rate.
    pub fn from_scratch() -> Self {
        Self {
            model: "small_cnn".into(),
            pretrained: false,
            data: DataRecipe { image_size: 28, batch_size: 128, ..DataRecipe::default() },
            augment: AugmentRecipe::shifted(),
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

    /// [`DataRecipe::variants`], or its default.
    pub fn variants(&self) -> u32 {
        let usual = u32::from(self.plan == Plan::Probe && !self.regularize.mixes());
        self.data.variants.unwrap_or(usual)
    }

    /// [`DataRecipe::split_seed`], or its default.
    pub fn split_seed(&self) -> u64 {
        self.data.split_seed.unwrap_or(self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_name_line_and_field() {
        let message = Recipe::parse("seed = 1\n[optimize]\nrat = 1\n", "r.toml".as_ref()).unwrap_err().to_string();
        assert!(message.contains("r.toml") && message.contains("line 3") && message.contains("rat"), "{message}");
        let mut recipe = Recipe::default();
        recipe.optimize.rate = f64::NAN;
        assert!(recipe.check().unwrap_err().to_string().contains("optimize.rate"));
    }
}
