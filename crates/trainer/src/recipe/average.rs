//! Averages of the weights by name.

use serde::{Deserialize, Serialize};

use super::named::by_name;
use super::range::Range::Fraction;
use super::range::{LENGTH, Row};

/// Which average of the weights is validated and left: `average = { name = "ema", decay = 0.99 }`,
/// or `average = "ema"` for the defaults. Each phase begins an average of its own, and goes on from
/// that of the one before.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum AverageRecipe {
    /// None, the default of `taper train`: the weights of the last step.
    None {},
    /// Polyak-Ruppert: the mean of the weights after every step.
    Polyak {
        /// Where it begins, fraction of the phase in [0, 1). Default 0.5, when the way from the
        /// start is over; the papers' is 0.
        #[serde(default = "usual_polyak_start")]
        start: f64,
    },
    /// The exponential moving average; with its own defaults that of `taper fine-tune`.
    Ema {
        /// *d*: the fraction of the average that survives a step, in [0, 1). Default 0.999.
        #[serde(default = "usual_decay")]
        decay: f64,
        /// Whether a young average forgets faster. Default yes.
        #[serde(default = "usual_warm_up")]
        warm_up: bool,
    },
    /// Stochastic weight averaging: the mean of snapshots. Wants a rate that stays up, as
    /// `constant` or `cosine_restarts`.
    Swa {
        /// The place of the first snapshot, fraction of the phase in [0, 1). Default 0.75.
        #[serde(default = "usual_swa_start")]
        start: f64,
        /// What lies between two snapshots, epochs. Default 1.
        #[serde(default = "usual_every")]
        every: f64,
    },
}

impl AverageRecipe {
    /// All names, in the order of the variants.
    pub const NAMES: [&'static str; 4] = ["none", "polyak", "ema", "swa"];

    /// The average of this name with its defaults.
    ///
    /// # Errors
    /// Lists the names when this is not among them.
    pub fn named(name: &str) -> Result<Self, serde::de::value::Error> {
        by_name(name)
    }

    /// Whether somebody asked for it: it is neither none nor the default.
    pub(super) fn is_asked_for(&self) -> bool {
        !matches!(self, Self::None {}) && *self != Self::default()
    }

    /// The name in recipes.
    pub fn name(&self) -> &'static str {
        match self {
            Self::None {} => "none",
            Self::Polyak { .. } => "polyak",
            Self::Ema { .. } => "ema",
            Self::Swa { .. } => "swa",
        }
    }
}

impl Default for AverageRecipe {
    fn default() -> Self {
        Self::Ema { decay: usual_decay(), warm_up: usual_warm_up() }
    }
}

/// What the numbers of each may be; where it begins depends on the phase.
pub(super) const RANGES: &[Row] = &[("optimize.average.ema.decay", Fraction), ("optimize.average.swa.every", LENGTH)];

fn usual_polyak_start() -> f64 {
    0.5
}

fn usual_decay() -> f64 {
    0.999
}

fn usual_warm_up() -> bool {
    true
}

fn usual_swa_start() -> f64 {
    0.75
}

fn usual_every() -> f64 {
    1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_that_recipes_know() {
        for name in AverageRecipe::NAMES {
            assert_eq!(AverageRecipe::named(name).unwrap().name(), name);
        }
        let said = AverageRecipe::named("mean").unwrap_err().to_string();
        let known: Vec<_> = said.split('`').skip(3).step_by(2).collect();
        assert_eq!(known, AverageRecipe::NAMES, "{said}");
    }
}
