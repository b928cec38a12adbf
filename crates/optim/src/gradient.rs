//! What the optimizer needs of a gradient before it is used.

use candle_core::{Tensor, Var, backprop::GradStore};

use crate::error::{OptimError, require_like, tensor_error};

/// What to do about a parameter without a gradient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// The step fails and names it: usually the network has lost it on the way to the loss.
    #[default]
    Error,
    /// Its gradient is 0, as in a step that a block of a network was left out of (stochastic
    /// depth): momentum carries it on, and it decays.
    Zero,
}

/// The gradient of a parameter, fit for use.
pub(crate) fn gradient(name: &str, var: &Var, grads: &GradStore, missing: Missing) -> Result<Tensor, OptimError> {
    let grad = match (grads.get(var), missing) {
        (Some(grad), _) => grad,
        (None, Missing::Zero) => {
            return var.as_detached_tensor().zeros_like().map_err(|source| tensor_error(name, source));
        }
        (None, Missing::Error) => return Err(OptimError::MissingGradient { name: name.to_owned() }),
    };
    require_like(name, grad, var)?;
    grad.detach().contiguous().map_err(|source| tensor_error(name, source))
}
