//! The second gradient of a step: sharpness-aware minimization.

use candle_core::backprop::GradStore;
use taper_optim::{OptimError, Optimizer, Sam, SamConfig};

use crate::error::Result;
use crate::recipe::Recipe;

/// Takes the gradient of a step at the worst point near by.
pub(super) struct Sharpness {
    sam: Sam,
}

impl Sharpness {
    /// None where the recipe has none.
    pub(super) fn new(recipe: &Recipe) -> Result<Option<Self>, OptimError> {
        let rho = recipe.optimize.sam.rho;
        (rho > 0.0).then(|| Sam::new(SamConfig { rho }).map(|sam| Self { sam })).transpose()
    }

    /// The gradients where the loss is highest near by, which `again` computes there, from `grads`,
    /// those where the weights are. The weights are then what they were. Gradients that are not
    /// finite are handed back: the step knows what to do about them.
    pub(super) fn gradients(
        &self,
        optimizer: &Optimizer,
        grads: GradStore,
        again: impl FnOnce() -> Result<GradStore>,
    ) -> Result<GradStore> {
        let perturbed = match self.sam.perturb(optimizer, &grads) {
            Err(OptimError::NonFiniteGradient { .. }) => return Ok(grads),
            perturbed => perturbed?,
        };
        drop(grads);
        let grads = again()?;
        perturbed.restore()?;
        Ok(grads)
    }
}
