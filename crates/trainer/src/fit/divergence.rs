//! A training whose loss became NaN or infinite.

use std::fmt;
use std::path::PathBuf;

use crate::recipe::{ClipRecipe, Recipe};

/// A loss or a gradient that is no number any more: the training ends before it reaches the
/// weights.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Diverged {
    /// The epoch, from 1.
    pub epoch: usize,
    /// The step of the run, from 1.
    pub step: usize,
    /// What is not finite.
    pub what: String,
    /// What may have brought it about, the likeliest first.
    pub causes: Vec<String>,
    /// The file of the best network until then, where one is kept.
    pub kept: Option<PathBuf>,
}

impl fmt::Display for Diverged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { epoch, step, what, causes, kept } = self;
        write!(f, "training stopped in epoch {epoch} at step {step}: {what} is not finite; likely causes:")?;
        causes.iter().try_for_each(|cause| write!(f, "\n  {cause}"))?;
        match kept {
            Some(path) => write!(f, "\nthe best network until then is kept as {}", path.display()),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Diverged {}

/// What may have made a loss infinite that was `losses` in the steps before, the last one last, at
/// this rate.
pub(crate) fn causes(recipe: &Recipe, losses: &[f64], rate: f64) -> Vec<String> {
    let mut causes = Vec::new();
    let o = &recipe.optimize;
    let lower = format!("lower optimize.lr, to {:.0e} for a start", o.lr / 10.0);
    match losses {
        [] => {
            causes.push("it is the first step: the pictures or the weights hold NaN or infinite values".to_owned());
            causes.push(lower);
        }
        [first, ..] => {
            let last = losses[losses.len() - 1];
            if last > 1.5 * first {
                causes.push(format!(
                    "the loss has risen from {} to {} over {} steps, at a rate of {rate:.1e}: {lower}",
                    number(*first),
                    number(last),
                    losses.len()
                ));
            } else {
                causes.push(format!("the loss was {} a step ago, at a rate of {rate:.1e}: {lower}", number(last)));
            }
        }
    }
    if o.clip == (ClipRecipe::None {}) {
        causes.push("gradients are not clipped: leave out clip = \"none\", the usual limit is 5".to_owned());
    }
    if o.warmup == 0.0 {
        causes.push("there is no warm-up: set optimize.warmup to 0.1".to_owned());
    }
    causes.push(
        "single pictures: optimize.non_finite = \"skip\" leaves out the steps that have no finite gradient".to_owned(),
    );
    causes
}

/// A loss in a sentence.
pub(crate) fn number(loss: f64) -> String {
    if loss < 1e4 { format!("{loss:.3}") } else { format!("{loss:.1e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_follow_from_what_was_seen() {
        let mut recipe = Recipe::default();
        let said = |recipe: &Recipe, losses: &[f64]| causes(recipe, losses, 0.5).join("\n");
        assert!(
            said(&recipe, &[2.0, 9.0, 40.0]).contains("risen from 2.000 to 40.000 over 3 steps, at a rate of 5.0e-1")
        );
        assert!(said(&recipe, &[2.0, 1.0]).contains("was 1.000 a step ago"));
        assert!(said(&recipe, &[]).contains("first step") && !said(&recipe, &[]).contains("clipped"));
        recipe.optimize.clip = ClipRecipe::None {};
        recipe.optimize.warmup = 0.0;
        let all = said(&recipe, &[2.0]);
        assert!(all.contains("not clipped") && all.contains("no warm-up"), "{all}");
        let diverged = Diverged { epoch: 2, step: 31, what: "the loss".into(), causes: vec![all], kept: None };
        assert!(diverged.to_string().starts_with("training stopped in epoch 2 at step 31: the loss is not finite"));
    }
}
