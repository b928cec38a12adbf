//! A recipe's average of the weights.

use taper_optim::Averaging;

use super::span::Span;
use crate::recipe::{AverageRecipe, RecipeError};

/// The average of the weights over a phase, if there is to be one.
///
/// # Errors
/// Names a place or length that is out of its range.
pub fn averaging(average: AverageRecipe, span: Span) -> Result<Option<Averaging>, RecipeError> {
    // Places are steps done before; a snapshot is taken after a step, the last one at the latest.
    let first = |place: u64| (place + 1).min(span.steps.max(1));
    Ok(match average {
        AverageRecipe::None {} => None,
        AverageRecipe::Polyak { start: 0.0 } => Some(Averaging::PolyakRuppert),
        AverageRecipe::Polyak { start } => {
            let start = first(span.place("optimize.average.start", start)?);
            Some(Averaging::Snapshots { start, every: 1 })
        }
        AverageRecipe::Ema { decay, warm_up } => Some(Averaging::Exponential { decay, warm_up }),
        AverageRecipe::Swa { start, every } => {
            let start = first(span.place("optimize.average.start", start)?);
            let every = span.epochs("optimize.average.every", every)?;
            Some(Averaging::Snapshots { start, every })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Span = Span { steps: 40, per_epoch: 10 };

    #[test]
    fn fractions_and_epochs_become_steps() {
        let averaging = |average| averaging(average, SPAN).unwrap().unwrap();
        assert_eq!(averaging(AverageRecipe::Polyak { start: 0.0 }), Averaging::PolyakRuppert);
        let half = Averaging::Snapshots { start: 21, every: 1 };
        assert_eq!(averaging(AverageRecipe::Polyak { start: 0.5 }), half);
        let swa = Averaging::Snapshots { start: 31, every: 5 };
        assert_eq!(averaging(AverageRecipe::Swa { start: 0.75, every: 0.5 }), swa);
        // The last step is the last that can begin.
        let late = Averaging::Snapshots { start: 40, every: 1 };
        assert_eq!(averaging(AverageRecipe::Swa { start: 0.999, every: 0.01 }), late);
    }
}
