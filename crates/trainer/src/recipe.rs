//! Everything a run depends on.
//!
//! Read `field` first: a setting is declared once, and struct, default, flag, help and README are
//! made of that. Then the sections: `root` is the whole, `data`, `augment`, `head`, `optimize` and
//! `regularize` its parts; `rule`, `schedule`, `average`, `clip` and `transform` have a name and
//! settings of their own, `wrappers` go around a rule. `read` makes a recipe of text, `renamed`
//! knows what was called otherwise before, `check` refuses what cannot be run.

mod choice;
mod field;
mod named;
mod place;
mod range;

mod average;
mod clip;
mod error;
mod frozen;
mod normalize;
mod number_loss;
mod precision;
mod rule;
mod schedule;
mod transform;
mod wrappers;

mod augment;
mod data;
mod head;
mod optimize;
mod plan;
mod regularize;
mod root;

mod fields;
pub(crate) mod limits;
mod preset;
pub(crate) mod renamed;

mod check;
mod must;
mod quiet;
mod read;

pub use self::augment::AugmentRecipe;
pub use self::average::AverageRecipe;
pub use self::choice::Choice;
pub use self::clip::{ClipRecipe, NonFiniteRecipe};
pub use self::data::{Balance, CacheRecipe, DataRecipe, Labels};
pub use self::error::RecipeError;
pub use self::field::{Field, Heading, Shown, Takes};
pub use self::fields::fields;
pub use self::frozen::Frozen;
pub use self::head::{HeadKind, HeadRecipe};
pub use self::normalize::NormalizeRecipe;
pub use self::number_loss::NumberLoss;
pub use self::optimize::OptimizeRecipe;
pub use self::plan::Plan;
pub use self::precision::PrecisionRecipe;
pub use self::preset::Preset;
pub use self::range::{OutOfRange, Range};
pub use self::read::{Read, settings};
pub use self::regularize::RegularizeRecipe;
pub use self::renamed::{OLD_FLAGS, Renamed, modern};
pub use self::root::{MOST_SEED, Recipe};
pub use self::rule::{LbfgsRecipe, NesterovRecipe, Rule, SgdRecipe, SgdWRecipe};
pub use self::schedule::{ScheduleRecipe, TriangularMode};
pub use self::transform::{ColorsOf, TransformRecipe};
pub use self::wrappers::{LookaheadRecipe, SamRecipe};
