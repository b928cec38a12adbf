//! The update rules by name: one table, with a row for each.

use serde::{Deserialize, Serialize};
use taper_optim::{
    AdaDelta, AdaDeltaConfig, AdaGrad, AdaGradConfig, AdaMax, AdaMaxConfig, Adafactor, AdafactorConfig, Adam,
    AdamConfig, AdamW, AdamWConfig, Lamb, LambConfig, Lars, LarsConfig, Lion, LionConfig, Momentum, MomentumConfig,
    Muon, MuonConfig, NAdam, NAdamConfig, NAdamW, NAdamWConfig, OptimError, Prodigy, ProdigyConfig, RAdam, RAdamConfig,
    RAdamW, RAdamWConfig, RmsProp, RmsPropConfig, ScheduleFreeAdamW, ScheduleFreeAdamWConfig, Sgd, SgdConfig, SgdW,
    SgdWConfig, Soap, SoapConfig, UpdateRule,
};

use super::named::by_name;
use super::range::Range::{Real, Whole};
use super::range::Row;

/// Declares the rules: `Variant(settings) = "name", usual rate, numbers that it remembers of each
/// weight, at least, constructor;` behind the documentation.
macro_rules! rules {
    (
        $(
            $(#[doc = $doc:literal])+
            $variant:ident($settings:ty) = $name:literal, $lr:literal, $slots:literal, $new:path;
        )+
    ) => {
        /// An update rule with its settings: `rule = { name = "lion", beta2 = 0.98 }`, or
        /// `rule = "lion"` for the defaults.
        #[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
        #[serde(tag = "name")]
        pub enum Rule {
            $(
                $(#[doc = $doc])+
                #[serde(rename = $name)]
                $variant($settings),
            )+
            /// [`Lbfgs`](taper_optim::Lbfgs): no rule, but a method that solves the head of the
            /// plan `probe` in full batch.
            #[serde(rename = "lbfgs")]
            Lbfgs(LbfgsRecipe),
        }

        impl Rule {
            /// All names, in the order of the variants.
            pub const NAMES: [&'static str; [$($name,)+ "lbfgs"].len()] = [$($name,)+ "lbfgs"];

            /// The name in recipes.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)+
                    Self::Lbfgs(_) => "lbfgs",
                }
            }

            /// The peak learning rate of the head where a recipe has none. The scale of a step is
            /// the rule's own: Lion moves every weight by the whole rate, LARS a tensor by a
            /// thousandth of its length. Most are the best of a few that were tried on
            /// `tests/data/emoji` with 96 pixels and 2 + 6 epochs; those of Adafactor, Prodigy,
            /// SOAP and schedule-free AdamW are their authors'.
            pub fn usual_lr(&self) -> f64 {
                match self {
                    $(Self::$variant(_) => $lr,)+
                    // The line search of L-BFGS starts from the whole step.
                    Self::Lbfgs(_) => 1.0,
                }
            }

            /// How many numbers it remembers of each weight, at least.
            pub(crate) fn slots(&self) -> u64 {
                match self {
                    $(Self::$variant(_) => $slots,)+
                    Self::Lbfgs(_) => 0,
                }
            }

            /// What it is as an object: what `steps` makes of a rule, or `full_batch` of a method
            /// that takes no single steps.
            ///
            /// # Errors
            /// Names a setting that is out of its range.
            pub(crate) fn build<T>(
                &self,
                steps: impl FnOnce(Box<dyn UpdateRule>) -> T,
                full_batch: impl FnOnce(LbfgsRecipe) -> Result<T, OptimError>,
            ) -> Result<T, OptimError> {
                match *self {
                    $(Self::$variant(settings) => Ok(steps(Box::new($new(settings)?))),)+
                    Self::Lbfgs(settings) => full_batch(settings),
                }
            }
        }
    };
}

rules! {
    /// [`AdamW`](taper_optim::AdamW), the default.
    AdamW(AdamWConfig) = "adamw", 2e-3, 2, AdamW::new;
    /// [`Adam`](taper_optim::Adam).
    Adam(AdamConfig) = "adam", 2e-3, 2, Adam::new;
    /// [`RAdam`](taper_optim::RAdam).
    RAdam(RAdamConfig) = "radam", 1e-2, 2, RAdam::new;
    /// [`RAdamW`](taper_optim::RAdamW), whose decay is decoupled.
    RAdamW(RAdamWConfig) = "radamw", 1e-2, 2, RAdamW::new;
    /// [`NAdam`](taper_optim::NAdam).
    NAdam(NAdamConfig) = "nadam", 2e-3, 2, NAdam::new;
    /// [`NAdamW`](taper_optim::NAdamW), whose decay is decoupled.
    NAdamW(NAdamWConfig) = "nadamw", 2e-3, 2, NAdamW::new;
    /// [`AdaMax`](taper_optim::AdaMax).
    AdaMax(AdaMaxConfig) = "adamax", 2e-3, 2, AdaMax::new;
    /// [`Sgd`](taper_optim::Sgd) with momentum.
    Sgd(SgdRecipe) = "sgd", 5e-2, 1, SgdRecipe::rule;
    /// [`SgdW`](taper_optim::SgdW) with momentum, whose decay is decoupled.
    SgdW(SgdWRecipe) = "sgdw", 5e-2, 1, SgdWRecipe::rule;
    /// [`Sgd`](taper_optim::Sgd) with Nesterov's momentum.
    Nesterov(NesterovRecipe) = "nesterov", 5e-2, 1, NesterovRecipe::rule;
    /// [`Momentum`](taper_optim::Momentum), with the rate inside the velocity.
    Momentum(MomentumConfig) = "momentum", 5e-2, 1, Momentum::new;
    /// [`AdaGrad`](taper_optim::AdaGrad).
    AdaGrad(AdaGradConfig) = "adagrad", 2e-2, 1, AdaGrad::new;
    /// [`AdaDelta`](taper_optim::AdaDelta).
    AdaDelta(AdaDeltaConfig) = "adadelta", 1.0, 2, AdaDelta::new;
    /// [`RmsProp`](taper_optim::RmsProp).
    RmsProp(RmsPropConfig) = "rmsprop", 1e-3, 1, RmsProp::new;
    /// [`Lion`](taper_optim::Lion).
    Lion(LionConfig) = "lion", 5e-4, 1, Lion::new;
    /// [`Lars`](taper_optim::Lars).
    Lars(LarsConfig) = "lars", 5.0, 1, Lars::new;
    /// [`Lamb`](taper_optim::Lamb).
    Lamb(LambConfig) = "lamb", 1e-2, 2, Lamb::new;
    /// [`Muon`](taper_optim::Muon).
    Muon(MuonConfig) = "muon", 2e-3, 1, Muon::new;
    /// [`Soap`](taper_optim::Soap).
    Soap(SoapConfig) = "soap", 3e-3, 2, Soap::new;
    /// [`Prodigy`](taper_optim::Prodigy), which finds its rate.
    Prodigy(ProdigyConfig) = "prodigy", 1.0, 4, Prodigy::new;
    /// [`Adafactor`](taper_optim::Adafactor).
    Adafactor(AdafactorConfig) = "adafactor", 1e-2, 0, Adafactor::new;
    /// [`ScheduleFreeAdamW`](taper_optim::ScheduleFreeAdamW), for a constant rate.
    ScheduleFreeAdamW(ScheduleFreeAdamWConfig) = "schedule_free_adamw", 2.5e-3, 2, ScheduleFreeAdamW::new;
}

impl Rule {
    /// The rule of this name with its defaults.
    ///
    /// # Errors
    /// Lists the names when this is not among them.
    pub fn named(name: &str) -> Result<Self, serde::de::value::Error> {
        by_name(name)
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

impl SgdRecipe {
    fn rule(self) -> Result<Sgd, OptimError> {
        let Self { momentum, dampening } = self;
        Sgd::new(SgdConfig { momentum, dampening, nesterov: false })
    }
}

/// Settings of the rule `sgdw`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SgdWRecipe {
    /// *μ*: the fraction of the velocity that survives an update, in [0, 1). Default 0.9.
    pub momentum: f64,
    /// *τ*: how much of a new gradient does not enter the velocity, fraction in [0, 1). Default 0.
    pub dampening: f64,
    /// Whether the momentum is Nesterov's. Default no.
    pub nesterov: bool,
}

impl Default for SgdWRecipe {
    fn default() -> Self {
        Self { momentum: 0.9, dampening: 0.0, nesterov: false }
    }
}

impl SgdWRecipe {
    fn rule(self) -> Result<SgdW, OptimError> {
        let Self { momentum, dampening, nesterov } = self;
        SgdW::new(SgdWConfig { momentum, dampening, nesterov })
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

impl NesterovRecipe {
    fn rule(self) -> Result<Sgd, OptimError> {
        Sgd::new(SgdConfig { momentum: self.momentum, dampening: 0.0, nesterov: true })
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
    ("optimize.rule.soap.frequency", Whole(1, 1_000_000)),
    ("optimize.rule.soap.max_dim", Whole(1, 16_384)),
    // Infinity, which other numbers may not be, is the default.
    ("optimize.rule.prodigy.growth_rate", Real(1.0, f64::INFINITY)),
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
