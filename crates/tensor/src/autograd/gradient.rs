//! A gradient on its way.

use candle_core::{Result, Tensor};

use crate::kernels::elementwise::map2;
use crate::kernels::{self, on_maps};

/// A gradient, and whether nobody else holds it.
pub(crate) struct Gradient {
    pub(crate) tensor: Tensor,
    pub(crate) own: bool,
}

/// A gradient as one term, or as two that nobody has added yet; both contiguous.
pub(crate) struct Terms(pub(crate) Gradient, pub(crate) Option<Tensor>);

impl Terms {
    pub(crate) fn sum(self) -> Result<Gradient> {
        match self.1 {
            Some(second) => Ok(Gradient { tensor: added(&self.0.tensor, &second)?, own: true }),
            None => Ok(self.0),
        }
    }
}

/// The sum of two gradients of one tensor.
pub(crate) fn added(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if !kernels::fits_map(a, &[]) {
        return a + b;
    }
    on_maps!(a.dtype(), M => {
        let sum = kernels::with2::<M, M, _>(&a.contiguous()?, &b.contiguous()?, |a, b| map2(a, b, |a, b| a + b))?;
        kernels::tensor(sum, a.shape())
    })
}
