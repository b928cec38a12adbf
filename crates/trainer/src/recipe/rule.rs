//! The update rules by name.

use serde::{Deserialize, Serialize};
use taper_optim::{
    AdaDeltaConfig, AdaGradConfig, AdaMaxConfig, AdamConfig, AdamWConfig, LambConfig, LarsConfig, LionConfig,
    MomentumConfig, MuonConfig, NAdamConfig, RAdamConfig, RmsPropConfig,
};

use super::named::by_name;
use super::range::Range::Whole;
use super::range::Row;

/// An update rule with its settings: `rule = { name = "lion", beta2 = 0.98 }`, or `rule = "lion"`
/// for the defaults.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "name", rename_all = "lowercase")]
pub enum Rule {
    /// [`AdamW`](taper_optim::AdamW), the default.
    AdamW(AdamWConfig),
    /// [`Adam`](taper_optim::Adam).
    Adam(AdamConfig),
    /// [`RAdam`](taper_optim::RAdam).
    RAdam(RAdamConfig),
    /// [`NAdam`](taper_optim::NAdam).
    NAdam(NAdamConfig),
    /// [`AdaMax`](taper_optim::AdaMax).
    AdaMax(AdaMaxConfig),
    /// [`Sgd`](taper_optim::Sgd) with momentum.
    Sgd(SgdRecipe),
    /// [`Sgd`](taper_optim::Sgd) with Nesterov's momentum.
    Nesterov(NesterovRecipe),
    /// [`Momentum`](taper_optim::Momentum), with the rate inside the velocity.
    Momentum(MomentumConfig),
    /// [`AdaGrad`](taper_optim::AdaGrad).
    AdaGrad(AdaGradConfig),
    /// [`AdaDelta`](taper_optim::AdaDelta).
    AdaDelta(AdaDeltaConfig),
    /// [`RmsProp`](taper_optim::RmsProp).
    RmsProp(RmsPropConfig),
    /// [`Lion`](taper_optim::Lion).
    Lion(LionConfig),
    /// [`Lars`](taper_optim::Lars).
    Lars(LarsConfig),
    /// [`Lamb`](taper_optim::Lamb).
    Lamb(LambConfig),
    /// [`Muon`](taper_optim::Muon).
    Muon(MuonConfig),
    /// [`Lbfgs`](taper_optim::Lbfgs): no rule, but a method that solves the head of the plan
    /// `probe` in full batch.
    Lbfgs(LbfgsRecipe),
}

impl Rule {
    /// All names, in the order of the variants.
    pub const NAMES: [&'static str; 16] = [
        "adamw", "adam", "radam", "nadam", "adamax", "sgd", "nesterov", "momentum", "adagrad", "adadelta", "rmsprop",
        "lion", "lars", "lamb", "muon", "lbfgs",
    ];

    /// The rule of this name with its defaults.
    ///
    /// # Errors
    /// Lists the names when this is none of them.
    pub fn named(name: &str) -> Result<Self, serde::de::value::Error> {
        by_name(name)
    }

    /// The name in recipes.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AdamW(_) => "adamw",
            Self::Adam(_) => "adam",
            Self::RAdam(_) => "radam",
            Self::NAdam(_) => "nadam",
            Self::AdaMax(_) => "adamax",
            Self::Sgd(_) => "sgd",
            Self::Nesterov(_) => "nesterov",
            Self::Momentum(_) => "momentum",
            Self::AdaGrad(_) => "adagrad",
            Self::AdaDelta(_) => "adadelta",
            Self::RmsProp(_) => "rmsprop",
            Self::Lion(_) => "lion",
            Self::Lars(_) => "lars",
            Self::Lamb(_) => "lamb",
            Self::Muon(_) => "muon",
            Self::Lbfgs(_) => "lbfgs",
        }
    }

    /// The peak learning rate of the head where a recipe has none. The scale of a step is the
    /// rule's own: Lion moves every weight by the whole rate, LARS a tensor by a thousandth of its
    /// length. Each is the best of a few that were tried on `tests/data/emoji` with 96 pixels and 2
    /// + 6 epochs.
    pub fn usual_lr(&self) -> f64 {
        match self {
            Self::AdamW(_) | Self::Adam(_) | Self::NAdam(_) | Self::AdaMax(_) | Self::Muon(_) => 2e-3,
            Self::Sgd(_) | Self::Nesterov(_) | Self::Momentum(_) => 5e-2,
            Self::AdaGrad(_) => 2e-2,
            Self::RmsProp(_) => 1e-3,
            Self::Lion(_) => 5e-4,
            Self::RAdam(_) | Self::Lamb(_) => 1e-2,
            Self::Lars(_) => 5.0,
            // The line search of L-BFGS starts from the whole step.
            Self::AdaDelta(_) | Self::Lbfgs(_) => 1.0,
        }
    }
}

impl Default for Rule {
    fn default() -> Self {
        Self::AdamW(AdamWConfig::default())
    }
}

/// Settings of the rule `sgd`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SgdRecipe {
    /// *μ*: the fraction of the velocity that survives an update, in [0, 1). Default 0.9; PyTorch's
    /// is 0.
    pub momentum: f64,
    /// *τ*: how much of a new gradient does not enter the velocity, fraction in [0, 1). Default 0.
    pub dampening: f64,
}

impl Default for SgdRecipe {
    fn default() -> Self {
        Self { momentum: 0.9, dampening: 0.0 }
    }
}

/// Settings of the rule `nesterov`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct NesterovRecipe {
    /// *μ*: the fraction of the velocity that survives an update, in (0, 1). Default 0.9.
    pub momentum: f64,
}

impl Default for NesterovRecipe {
    fn default() -> Self {
        Self { momentum: 0.9 }
    }
}

/// Settings of the method `lbfgs`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LbfgsRecipe {
    /// How many iterations an epoch has, at least 1; each sees all pictures at least once. Default
    /// 10.
    pub iterations: u64,
    /// *m*: how many of the last steps are remembered, at least 1. Default 100, as in PyTorch.
    pub history: usize,
    /// The greatest element of the gradient at which the head counts as solved, 0 or more. Default
    /// 1e-7.
    pub tolerance_grad: f64,
    /// A step that changes the loss by no more than this, or no weight by more, is the last; 0 or
    /// more. Default 1e-9.
    pub tolerance_change: f64,
}

impl Default for LbfgsRecipe {
    fn default() -> Self {
        Self { iterations: 10, history: 100, tolerance_grad: 1e-7, tolerance_change: 1e-9 }
    }
}

/// What the whole numbers of each may be; the others are checked by the rule.
pub(super) const RANGES: &[Row] = &[
    ("optimize.rule.lbfgs.iterations", Whole(1, 1_000_000)),
    ("optimize.rule.lbfgs.history", Whole(1, 10_000)),
    ("optimize.rule.muon.iterations", Whole(1, 100)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_that_recipes_know() {
        for name in Rule::NAMES {
            assert_eq!(Rule::named(name).unwrap().name(), name);
        }
        let said = Rule::named("adamm").unwrap_err().to_string();
        let known: Vec<_> = said.split('`').skip(3).step_by(2).collect();
        assert_eq!(known, Rule::NAMES, "{said}");
    }
}
