//! Recipes without noise, for a method that compares gradients of one and the same loss.

use super::data::Balance;
use super::error::RecipeError;
use super::head::HeadKind;
use super::must::Must;
use super::plan::Plan;
use super::precision::PrecisionRecipe;
use super::root::Recipe;
use super::schedule::ScheduleRecipe;

/// What makes another loss at every evaluation.
struct Noise {
    noise: &'static str,
    remedy: &'static str,
    /// Whether a recipe has it.
    there: fn(&Recipe) -> bool,
}

const NOISES: &[Noise] = &[
    Noise {
        noise: "the mini-batches that layers below the head are trained on",
        remedy: "plan = \"probe\" (--plan probe)",
        there: |r| r.plan != Plan::Probe,
    },
    Noise {
        noise: "augmented pictures",
        remedy: "train = [] in [augment] (--augment none)",
        there: |r| !r.augment.train.is_empty(),
    },
    Noise {
        noise: "mixed pictures",
        remedy: "mixup = 0 and cutmix = 0 in [regularize]",
        there: |r| r.regularize.mixes(),
    },
    Noise { noise: "dropout", remedy: "head.dropout = 0", there: |r| r.head.dropout != 0.0 },
    Noise {
        noise: "a head that is not linear",
        remedy: "head.hidden = 0 and no other head.kind",
        there: |r| r.head.kind != HeadKind::ConcatPool,
    },
    Noise {
        noise: "the batch norm of a head with a hidden layer",
        remedy: "head.hidden = 0, which is a linear head",
        there: |r| r.head.hidden != 0,
    },
];

/// Of settings that act on a step, or on the weights beside the loss.
const PENALTY: &str = "0 with the rule lbfgs, whose penalty is weight_decay";

/// Of what goes around a rule.
const NO_STEPS: &str = "0 with the rule lbfgs, which takes no single steps";

/// What a method that takes no single steps has no use for.
const USELESS: &[Must] = &[
    Must {
        field: "data.balance",
        wanted: "none with the rule lbfgs, which minimizes the mean over all pictures",
        broken: |r| (r.data.balance != Balance::None).then(|| r.data.balance.name().into()),
    },
    Must { field: "regularize.l1", wanted: PENALTY, broken: |r| other(r.regularize.l1) },
    Must { field: "regularize.l2", wanted: PENALTY, broken: |r| other(r.regularize.l2) },
    Must { field: "regularize.max_norm", wanted: PENALTY, broken: |r| other(r.regularize.max_norm) },
    Must { field: "regularize.patience", wanted: PENALTY, broken: |r| other(r.regularize.patience as f64) },
    Must {
        field: "optimize.accumulate",
        wanted: "1 with the rule lbfgs, which takes all pictures at once",
        broken: |r| (r.optimize.accumulate != 1).then(|| r.optimize.accumulate.to_string()),
    },
    Must {
        field: "optimize.shards",
        wanted: "0 with the rule lbfgs, which takes all pictures at once",
        broken: |r| other(r.optimize.shards as f64),
    },
    Must {
        field: "optimize.precision",
        wanted: "auto or f32 with the rule lbfgs, which computes in float64",
        broken: |r| (r.optimize.precision == PrecisionRecipe::Bf16).then(|| r.optimize.precision.name().into()),
    },
    Must {
        field: "optimize.average",
        wanted: "none with the rule lbfgs, which ends at the minimum and not around it",
        broken: |r| r.optimize.average.is_asked_for().then(|| r.optimize.average.name().into()),
    },
    Must { field: "optimize.lookahead.k", wanted: NO_STEPS, broken: |r| other(r.optimize.lookahead.k as f64) },
    Must { field: "optimize.sam.rho", wanted: NO_STEPS, broken: |r| other(r.optimize.sam.rho) },
    Must {
        field: "optimize.centralize",
        wanted: "false with the rule lbfgs, whose gradients must be those of the loss",
        broken: |r| r.optimize.centralize.then(|| "true".into()),
    },
    Must {
        field: "optimize.schedule",
        wanted: "left out with the rule lbfgs, whose line search finds the length of each step",
        broken: |r| (r.optimize.schedule != ScheduleRecipe::default()).then(|| r.optimize.schedule.name().into()),
    },
];

/// A number that is not 0.
fn other(value: f64) -> Option<String> {
    (value != 0.0).then(|| value.to_string())
}

impl Recipe {
    /// Refuses what would make another loss of it at every evaluation, and what a method that takes
    /// no single steps has no use for.
    pub(crate) fn require_quiet(&self) -> Result<(), RecipeError> {
        if let Some(&Noise { noise, remedy, .. }) = NOISES.iter().find(|noise| (noise.there)(self)) {
            return Err(RecipeError::Noise { noise, remedy });
        }
        self.must(USELESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::chain;
    use crate::recipe::{AugmentRecipe, HeadRecipe, TransformRecipe};

    const PROBE: &str = "plan = \"probe\"\n[optimize]\nrule = \"lbfgs\"\n";

    fn quiet(text: &str) -> Recipe {
        Recipe::parse_over(&Recipe::default().quiet(), text, "r.toml".as_ref()).unwrap()
    }

    #[test]
    fn a_quiet_recipe_keeps_what_was_asked_for() {
        let recipe = quiet("[augment]\ntrain = [\"hflip\"]\n[head]\nhidden = 8\n");
        assert_eq!(recipe.augment, AugmentRecipe { train: vec![TransformRecipe::Hflip { p: 0.5 }] });
        assert_eq!(recipe.head, HeadRecipe { hidden: 8, ..HeadRecipe::linear() });
        assert_eq!(quiet("").augment, AugmentRecipe::none());
        assert_eq!(quiet("").head, HeadRecipe::linear());
    }

    #[test]
    fn full_batch_refuses_noise_and_says_how_to_turn_it_off() {
        assert!(quiet(PROBE).check().is_ok());
        for (text, words) in [
            ("[optimize]\nrule = \"lbfgs\"\n".to_owned(), ["mini-batches", "--plan probe"]),
            (format!("{PROBE}[augment]\ntrain = [\"hflip\"]\n"), ["augmented", "--augment none"]),
            (format!("{PROBE}[head]\nhidden = 9\ndropout = 0.5\n"), ["dropout", "head.dropout = 0"]),
            (format!("{PROBE}[head]\nhidden = 9\n"), ["batch norm", "head.hidden = 0"]),
            (format!("{PROBE}[regularize]\nmixup = 0.2\n"), ["mixed", "[regularize]"]),
            (format!("{PROBE}[regularize]\nl1 = 0.2\n"), ["regularize.l1", "weight_decay"]),
            (format!("{PROBE}accumulate = 2\n"), ["optimize.accumulate", "all pictures at once"]),
            (format!("{PROBE}shards = 4\n"), ["optimize.shards", "all pictures at once"]),
            (format!("{PROBE}precision = \"bf16\"\n"), ["optimize.precision", "f32"]),
            (format!("{PROBE}average = \"polyak\"\n"), ["optimize.average", "minimum"]),
            (format!("{PROBE}sam.rho = 0.05\n"), ["optimize.sam.rho", "no single steps"]),
            (format!("{PROBE}lookahead.k = 5\n"), ["optimize.lookahead.k", "no single steps"]),
            (format!("{PROBE}centralize = true\n"), ["optimize.centralize", "those of the loss"]),
            (format!("{PROBE}schedule = \"cosine\"\n"), ["optimize.schedule", "line search"]),
        ] {
            let said = chain(&quiet(&text).check().unwrap_err());
            assert!(words.iter().all(|word| said.contains(word)), "{said}");
        }
    }
}
