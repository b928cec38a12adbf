//! Recipes without noise, for a method that compares gradients of one and the same loss.

use super::average::AverageRecipe;
use super::data::Balance;
use super::error::RecipeError;
use super::head::HeadKind;
use super::plan::Plan;
use super::precision::PrecisionRecipe;
use super::root::Recipe;
use super::schedule::ScheduleRecipe;

impl Recipe {
    /// Refuses what would make another loss of it at every evaluation, and what a method that takes no single steps
    /// has no use for.
    pub(crate) fn require_quiet(&self) -> Result<(), RecipeError> {
        let (a, o) = (&self.augment, &self.optimize);
        let noise = |noise, remedy| Err(RecipeError::Noise { noise, remedy });
        let fail = |field, wanted, got: String| Err(RecipeError::Field { field, wanted, got });
        if self.plan != Plan::Probe {
            return noise(
                "the mini-batches that layers below the head are trained on",
                "plan = \"probe\" (--plan probe)",
            );
        }
        if !a.train.is_empty() {
            return noise("augmented pictures", "train = [] in [augment] (--augment none)");
        }
        if self.data.balance != Balance::None {
            let wanted = "none with the rule lbfgs, which minimises the mean over all pictures";
            return fail("data.balance", wanted, format!("{:?}", self.data.balance).to_lowercase());
        }
        let r = &self.regularize;
        if r.mixes() {
            return noise("mixed pictures", "mixup = 0 and cutmix = 0 in [regularize]");
        }
        for (field, value) in [
            ("regularize.l1", r.l1),
            ("regularize.l2", r.l2),
            ("regularize.max_norm", r.max_norm),
            ("regularize.patience", r.patience as f64),
        ] {
            if value != 0.0 {
                return fail(field, "0 with the rule lbfgs, whose penalty is weight_decay", value.to_string());
            }
        }
        if self.head.dropout != 0.0 {
            return noise("dropout", "head.dropout = 0");
        }
        if self.head.kind != HeadKind::ConcatPool {
            return noise("a head that is not linear", "head.hidden = 0 and no other head.kind");
        }
        if self.head.hidden != 0 {
            return noise("the batch norm of a head with a hidden layer", "head.hidden = 0, which is a linear head");
        }
        if o.accumulate != 1 {
            return fail(
                "optimize.accumulate",
                "1 with the rule lbfgs, which takes all pictures at once",
                o.accumulate.to_string(),
            );
        }
        if o.precision != PrecisionRecipe::F32 {
            let wanted = "f32 with the rule lbfgs, which computes in float64";
            return fail("optimize.precision", wanted, "bf16".into());
        }
        if o.average != AverageRecipe::default() {
            let wanted = "none with the rule lbfgs, which ends at the minimum and not around it";
            return fail("optimize.average", wanted, o.average.name().to_owned());
        }
        if o.schedule != ScheduleRecipe::default() {
            let wanted = "left out with the rule lbfgs, whose line search finds the length of each step";
            return fail("optimize.schedule", wanted, o.schedule.name().to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
            (format!("{PROBE}precision = \"bf16\"\n"), ["optimize.precision", "f32"]),
            (format!("{PROBE}average = \"ema\"\n"), ["optimize.average", "minimum"]),
            (format!("{PROBE}schedule = \"cosine\"\n"), ["optimize.schedule", "line search"]),
        ] {
            let said = quiet(&text).check().unwrap_err().to_string();
            assert!(words.iter().all(|word| said.contains(word)), "{said}");
        }
    }
}
