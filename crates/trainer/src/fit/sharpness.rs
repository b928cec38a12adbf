//! The second gradient of a step: sharpness-aware minimization.

use candle_core::backprop::GradStore;
use candle_core::{Tensor, Var};
use taper_nn::Params;
use taper_optim::{OptimError, Optimizer, Sam, SamConfig};
use taper_tensor::backward;

use crate::error::Result;
use crate::recipe::Recipe;

/// Takes the gradient of a step at the worst point near by.
pub(super) struct Sharpness {
    sam: Sam,
    /// The running statistics, which take in a batch once.
    buffers: Vec<Var>,
}

impl Sharpness {
    /// None where the recipe has none.
    pub(super) fn new(recipe: &Recipe, params: &Params) -> Result<Option<Self>, OptimError> {
        let rho = recipe.optimize.sam.rho;
        let buffers = || params.buffers().into_iter().map(|(_, var)| var).collect();
        let new = |sam| Self { sam, buffers: buffers() };
        (rho > 0.0).then(|| Sam::new(SamConfig { rho }).map(new)).transpose()
    }

    /// The gradients of `loss` where it is highest near by, from `grads`, those where the weights
    /// are. The weights and running statistics are then what they were. Gradients that are not
    /// finite are handed back: the step knows what to do about them.
    pub(super) fn gradients(
        &self,
        optimizer: &Optimizer,
        grads: GradStore,
        loss: impl FnOnce() -> Result<Tensor>,
    ) -> Result<GradStore> {
        let perturbed = match self.sam.perturb(optimizer, &grads) {
            Err(OptimError::NonFiniteGradient { .. }) => return Ok(grads),
            perturbed => perturbed?,
        };
        drop(grads);
        let kept = self.buffers.iter().map(|var| var.as_detached_tensor().copy());
        let kept = kept.collect::<candle_core::Result<Vec<_>>>()?;
        let grads = backward(&loss()?)?;
        self.buffers.iter().zip(&kept).try_for_each(|(var, kept)| var.set(kept))?;
        perturbed.restore()?;
        Ok(grads)
    }
}
