//! A convolution with its weights.

use candle_core::{Result, Tensor, Var};
use candle_nn::Init;
use taper_tensor::{Conv, Layer, Mode, Path, conv2d};

/// Weight (O,I,K,K) and bias (O), first 0, below a path.
pub(crate) struct Convolution {
    weight: Var,
    bias: Var,
    geometry: Conv,
}

impl Convolution {
    pub(crate) fn new(
        path: &Path,
        (inputs, outputs, kernel): (usize, usize, usize),
        geometry: Conv,
        first: Init,
    ) -> Result<Self> {
        let weight = path.trainable("weight", (outputs, inputs / geometry.groups.max(1), kernel, kernel), first)?;
        Ok(Self { weight, bias: path.trainable("bias", outputs, Init::Const(0.0))?, geometry })
    }
}

impl Layer for Convolution {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        conv2d(x, &mode.param(&self.weight), Some(&mode.param(&self.bias)), self.geometry)
    }
}
