//! The schedules of the learning rate by name.

use serde::{Deserialize, Serialize};

use super::choice::choices;
use super::named::by_name;
use super::range::Range::Whole;
use super::range::{EPOCHS, LENGTH, Row};

/// The course of the learning rate over each phase: `schedule = { name = "cosine", floor = 0.01 }`,
/// or `schedule = "cosine"` for the defaults.
///
/// Lengths are epochs, places are fractions of the phase; both become steps when the number of
/// batches is known. All but `one_cycle` and `triangular`, which go up themselves, come after a
/// warm-up of `optimize.warmup` of the phase.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum ScheduleRecipe {
    /// [`OneCycle`](taper_optim::OneCycle), the default: up for `optimize.warmup` of the phase and
    /// down again.
    #[serde(alias = "one-cycle")]
    OneCycle {
        /// The peak over the first rate. Default 25.
        #[serde(default = "usual::div_factor")]
        div_factor: f64,
        /// The first rate over the last. Default 1e4.
        #[serde(default = "usual::final_div_factor")]
        final_div_factor: f64,
        /// The momentum where the rate is highest, in [0, 1); this or the next makes the rule's
        /// momentum cycle against the rate. Default 0.85 with `max_momentum`, else the rule's own
        /// throughout.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base_momentum: Option<f64>,
        /// The momentum at the start and the end, in [0, 1). Default 0.95 with `base_momentum`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_momentum: Option<f64>,
    },
    /// [`Constant`](taper_optim::Constant).
    Constant {},
    /// [`LinearSchedule`](taper_optim::LinearSchedule): straight down.
    Linear {
        /// The last rate, fraction of the peak. Default 0.
        #[serde(default)]
        floor: f64,
    },
    /// [`Polynomial`](taper_optim::Polynomial).
    Polynomial {
        /// *p*: 1 is a straight line. Default 2.
        #[serde(default = "usual::power")]
        power: f64,
        /// The last rate, fraction of the peak. Default 0.
        #[serde(default)]
        floor: f64,
    },
    /// [`Cosine`](taper_optim::Cosine): down along half a wave.
    Cosine {
        /// The last rate, fraction of the peak. Default 0.
        #[serde(default)]
        floor: f64,
    },
    /// [`CosineRestarts`](taper_optim::CosineRestarts): the same again and again.
    CosineRestarts {
        /// *T₀*: the length of the first cycle, epochs. Default 1.
        #[serde(default = "usual::epoch")]
        epochs: f64,
        /// *m*: how many times longer each cycle is than the one before. Default 2.
        #[serde(default = "usual::t_mult")]
        t_mult: u64,
        /// The lowest rate, fraction of the peak. Default 0.
        #[serde(default)]
        floor: f64,
        /// *γ*: how high each peak is, fraction of the one before in (0, 1]. Default 1.
        #[serde(default = "usual::level")]
        decay: f64,
    },
    /// [`StepDecay`](taper_optim::StepDecay).
    StepDecay {
        /// The length of a step, epochs. Default 4.
        #[serde(default = "usual::every")]
        epochs: f64,
        /// *γ*: the factor of each step down. Default 0.1.
        #[serde(default = "usual::gamma")]
        gamma: f64,
    },
    /// [`MultiStep`](taper_optim::MultiStep).
    MultiStep {
        /// Where the rate falls, ascending fractions of the phase. Default 0.5 and 0.75.
        #[serde(default = "usual::milestones")]
        milestones: Vec<f64>,
        /// *γ*: the factor at each of them. Default 0.1.
        #[serde(default = "usual::gamma")]
        gamma: f64,
    },
    /// [`Exponential`](taper_optim::Exponential), by epoch.
    Exponential {
        /// *γ*: the factor of an epoch. Default 0.8.
        #[serde(default = "usual::gamma_of_an_epoch")]
        gamma: f64,
    },
    /// [`InverseTime`](taper_optim::InverseTime).
    InverseTime {
        /// *k*: 1/(1 + *k*) of the peak is left after one epoch. Default 1.
        #[serde(default = "usual::epoch")]
        k: f64,
    },
    /// [`Triangular`](taper_optim::Triangular): straight up, straight down, and again.
    Triangular {
        /// The length of each flank, epochs; at most the phase, so that the peak is reached.
        /// Default 2.
        #[serde(default = "usual::flank")]
        epochs: f64,
        /// The lowest rate, fraction of the peak. Default 0.1.
        #[serde(default = "usual::gamma")]
        floor: f64,
        /// How high the later triangles are. Default `triangular`.
        #[serde(default)]
        mode: TriangularMode,
    },
    /// [`SnapshotCycles`](taper_optim::SnapshotCycles), without a warm-up, so that a cycle can end
    /// with an epoch.
    SnapshotCycles {
        /// *M*: how many cycles a phase has, at most one a step. Default 3.
        #[serde(default = "usual::cycles")]
        cycles: u64,
    },
    /// [`ReduceOnPlateau`](taper_optim::ReduceOnPlateau), told the validation loss after each
    /// epoch.
    ReduceOnPlateau {
        /// *γ*: the factor when the loss has stopped falling. Default 0.1.
        #[serde(default = "usual::gamma")]
        factor: f64,
        /// How many epochs without improvement are endured. Default 2.
        #[serde(default = "usual::patience")]
        patience: u64,
        /// An improvement is more than this, fraction of the best loss. Default 1e-4.
        #[serde(default = "usual::threshold")]
        threshold: f64,
        /// How many epochs after a fall are not judged. Default 0.
        #[serde(default)]
        cooldown: u64,
        /// The lowest rate, fraction of the peak. Default 0.
        #[serde(default)]
        floor: f64,
    },
}

choices! {
    /// How high the triangles of a schedule are.
    pub enum TriangularMode, default Triangular {
        /// All as high as the first.
        Triangular = "triangular",
        /// Each half as high as the one before: [`Triangular2`](taper_optim::Triangular2).
        Triangular2 = "triangular2",
    }
}

impl ScheduleRecipe {
    /// All names, in the order of the variants.
    pub const NAMES: [&'static str; 13] = [
        "one_cycle",
        "constant",
        "linear",
        "polynomial",
        "cosine",
        "cosine_restarts",
        "step_decay",
        "multi_step",
        "exponential",
        "inverse_time",
        "triangular",
        "snapshot_cycles",
        "reduce_on_plateau",
    ];

    /// The schedule of this name with its defaults.
    ///
    /// # Errors
    /// Lists the names when this is not among them.
    pub fn named(name: &str) -> Result<Self, serde::de::value::Error> {
        by_name(name)
    }

    /// The name in recipes.
    pub fn name(&self) -> &'static str {
        match self {
            Self::OneCycle { .. } => "one_cycle",
            Self::Constant {} => "constant",
            Self::Linear { .. } => "linear",
            Self::Polynomial { .. } => "polynomial",
            Self::Cosine { .. } => "cosine",
            Self::CosineRestarts { .. } => "cosine_restarts",
            Self::StepDecay { .. } => "step_decay",
            Self::MultiStep { .. } => "multi_step",
            Self::Exponential { .. } => "exponential",
            Self::InverseTime { .. } => "inverse_time",
            Self::Triangular { .. } => "triangular",
            Self::SnapshotCycles { .. } => "snapshot_cycles",
            Self::ReduceOnPlateau { .. } => "reduce_on_plateau",
        }
    }
}

/// What the whole numbers and lengths of each may be; the others are checked by the schedule.
pub(super) const RANGES: &[Row] = &[
    ("optimize.schedule.cosine_restarts.epochs", LENGTH),
    ("optimize.schedule.cosine_restarts.t_mult", Whole(1, 1000)),
    ("optimize.schedule.step_decay.epochs", LENGTH),
    ("optimize.schedule.triangular.epochs", LENGTH),
    ("optimize.schedule.snapshot_cycles.cycles", Whole(1, 1_000_000)),
    ("optimize.schedule.reduce_on_plateau.patience", EPOCHS),
    ("optimize.schedule.reduce_on_plateau.cooldown", EPOCHS),
];

impl Default for ScheduleRecipe {
    fn default() -> Self {
        Self::OneCycle {
            div_factor: usual::div_factor(),
            final_div_factor: usual::final_div_factor(),
            base_momentum: None,
            max_momentum: None,
        }
    }
}

/// What a setting is where a recipe does not say.
mod usual {
    use taper_optim::OneCycleConfig;

    pub(super) fn div_factor() -> f64 {
        OneCycleConfig::default().div_factor
    }
    pub(super) fn final_div_factor() -> f64 {
        OneCycleConfig::default().final_div_factor
    }
    pub(super) fn power() -> f64 {
        2.0
    }
    pub(super) fn epoch() -> f64 {
        1.0
    }
    pub(super) fn t_mult() -> u64 {
        2
    }
    pub(super) fn level() -> f64 {
        1.0
    }
    pub(super) fn every() -> f64 {
        4.0
    }
    pub(super) fn gamma() -> f64 {
        0.1
    }
    pub(super) fn milestones() -> Vec<f64> {
        vec![0.5, 0.75]
    }
    pub(super) fn gamma_of_an_epoch() -> f64 {
        0.8
    }
    pub(super) fn flank() -> f64 {
        2.0
    }
    pub(super) fn cycles() -> u64 {
        3
    }
    pub(super) fn patience() -> u64 {
        2
    }
    pub(super) fn threshold() -> f64 {
        1e-4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_that_recipes_know() {
        for name in ScheduleRecipe::NAMES {
            assert_eq!(ScheduleRecipe::named(name).unwrap().name(), name);
        }
        let said = ScheduleRecipe::named("cosin").unwrap_err().to_string();
        // An alias has its place in serde's list as well.
        let known: Vec<_> = said.split('`').skip(3).step_by(2).filter(|&name| name != "one-cycle").collect();
        assert_eq!(known, ScheduleRecipe::NAMES, "{said}");
        assert_eq!(ScheduleRecipe::named("one-cycle").unwrap(), ScheduleRecipe::default());
    }
}
