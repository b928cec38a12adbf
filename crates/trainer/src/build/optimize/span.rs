//! Fractions and epochs of a recipe as numbers of steps.

use crate::recipe::RecipeError;

/// How many steps a phase has. Fractions and epochs of a recipe become steps by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Steps of the phase.
    pub steps: u64,
    /// Steps of an epoch.
    pub per_epoch: u64,
}

impl Span {
    /// The nearest number of steps to a number of epochs, at least 1.
    pub(super) fn epochs(self, field: &'static str, epochs: f64) -> Result<u64, RecipeError> {
        if !(epochs > 0.0 && epochs.is_finite()) {
            let wanted = "a positive number of epochs";
            return Err(RecipeError::Field { field, wanted, got: epochs.to_string() });
        }
        Ok(((epochs * self.per_epoch as f64).round() as u64).max(1))
    }

    /// The number of steps before a place in the phase.
    pub(super) fn place(self, field: &'static str, fraction: f64) -> Result<u64, RecipeError> {
        if !(0.0..1.0).contains(&fraction) {
            let wanted = "in [0, 1), a fraction of the phase";
            return Err(RecipeError::Field { field, wanted, got: fraction.to_string() });
        }
        Ok((fraction * self.steps as f64).round() as u64)
    }
}
