//! What is done to gradients before a rule sees them.

use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use toml::Value;

use super::choice::choices;
use super::named::{by_name, of};
use super::range::Range::Positive;
use super::range::Row;

/// How gradients that are too large are made smaller: `clip = { name = "value", limit = 0.5 }`, or
/// `clip = "none"`. A number alone is the limit of the global norm.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClipRecipe {
    /// By one factor for all, the default.
    GlobalNorm {
        /// The greatest length of all gradients as one vector, above 0. Default 5.
        #[serde(default = "usual_norm")]
        limit: f64,
    },
    /// Element by element.
    Value {
        /// The greatest absolute element, above 0. Default 0.5.
        #[serde(default = "usual_value")]
        limit: f64,
    },
    /// The gradient of each unit by the length of the unit.
    Adaptive {
        /// *λ*: the greatest length of a gradient, fraction of that of its unit; above 0. Default
        /// 0.01.
        #[serde(default = "usual_ratio")]
        ratio: f64,
        /// *ε*: the length that a unit has at least, above 0. Default 1e-3.
        #[serde(default = "usual_eps")]
        eps: f64,
    },
    /// Not at all.
    None {},
}

impl Default for ClipRecipe {
    fn default() -> Self {
        Self::GlobalNorm { limit: usual_norm() }
    }
}

fn usual_norm() -> f64 {
    5.0
}

fn usual_value() -> f64 {
    0.5
}

fn usual_ratio() -> f64 {
    0.01
}

fn usual_eps() -> f64 {
    1e-3
}

choices! {
    /// What to do about a gradient that holds a NaN or an infinity.
    pub enum NonFiniteRecipe, default Error {
        /// The training ends and names the parameter.
        Error = "error",
        /// The step is left out and counted.
        Skip = "skip",
    }
}

/// What the numbers of each may be.
pub(super) const RANGES: &[Row] = &[
    ("optimize.clip.global_norm.limit", Positive),
    ("optimize.clip.value.limit", Positive),
    ("optimize.clip.adaptive.ratio", Positive),
    ("optimize.clip.adaptive.eps", Positive),
];

/// A number, a name, or a table, as behind `clip =` in a recipe.
impl FromStr for ClipRecipe {
    type Err = toml::de::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let value = format!("x = {text}").parse().ok().and_then(|mut table: toml::Table| table.remove("x"));
        clip(value.unwrap_or_else(|| Value::String(text.to_owned())))
    }
}

/// Reads a clipping with its name, its name alone, or a number.
pub(super) fn clip<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ClipRecipe, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Float(limit) => Ok(ClipRecipe::GlobalNorm { limit }),
        Value::Integer(limit) => Ok(ClipRecipe::GlobalNorm { limit: limit as f64 }),
        Value::String(name) => by_name(&name).map_err(D::Error::custom),
        Value::Table(table) => of(table).map_err(D::Error::custom),
        other => {
            let wanted = "a name, a table of a name and its settings, or the limit of the global norm";
            Err(D::Error::custom(format_args!("invalid type: {}, expected {wanted}", other.type_str())))
        }
    }
}
