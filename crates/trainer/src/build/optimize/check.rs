//! Whether an optimizer can be built of a recipe.

use taper_optim::{Sam, SamConfig};

use super::average::averaging;
use super::rule::{Method, method};
use super::schedule::pace;
use super::setting::setting;
use super::span::Span;
use crate::recipe::{OptimizeRecipe, RecipeError};

/// Builds everything once, so that a wrong setting is found before a picture is read.
///
/// # Errors
/// Names the first setting that is out of its range.
pub fn check(o: &OptimizeRecipe) -> Result<(), RecipeError> {
    let long = Span { steps: 10_000, per_epoch: 100 };
    let (method, pace) = (method(o, 1)?, pace(o, long)?);
    if let Method::Steps(rule) = method
        && pace.momentum(0).is_some()
        && !rule.has_momentum()
    {
        let (field, wanted) = ("optimize.schedule", "without momentum for a rule that has none to be cycled");
        return Err(RecipeError::Field { field, wanted, got: o.rule.name().into() });
    }
    if o.sam.rho > 0.0 {
        Sam::new(SamConfig { rho: o.sam.rho }).map_err(setting("optimize.sam"))?;
    }
    averaging(o.average, long)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::chain;
    use crate::recipe::AverageRecipe;

    #[test]
    fn settings_out_of_range_are_named_as_in_the_file() {
        let plain = OptimizeRecipe::default();
        for (o, word) in [
            (
                OptimizeRecipe { average: AverageRecipe::Swa { start: 1.0, every: 1.0 }, ..plain.clone() },
                "optimize.average.start",
            ),
            (
                OptimizeRecipe { average: AverageRecipe::Swa { start: 0.5, every: f64::NAN }, ..plain },
                "optimize.average.every",
            ),
        ] {
            let said = chain(&check(&o).unwrap_err());
            assert!(said.contains(word), "{said}");
        }
    }
}
