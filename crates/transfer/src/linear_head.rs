//! ResNet's head.

use candle_core::{Result, Tensor, Var};
use candle_nn::Init;
use taper_tensor::{Layer, Mode, Path, global_avg_pool, linear};

use crate::TransferError;
use crate::head::one_or_more;

/// One linear layer on the mean of each channel:
///
/// ```text
/// logits = weight · (mean over places of x) + bias
/// ```
///
/// The layer is `fc`, as in torchvision's ResNet; weights and bias begin uniform in ±1/√channels.
///
/// # Shapes
/// (N,h,w,channels) to (N,classes).
///
/// # Examples
/// ```
/// use candle_core::{DType, Device};
/// use taper_tensor::{Params, Rng};
/// use taper_transfer::LinearHead;
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// LinearHead::new(&params.root(), 512, 10)?;
/// assert_eq!(params.tensors()["fc.weight"].dims(), [10, 512]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// M. Lin, Q. Chen, S. Yan, *Network In Network*, 2014.
pub struct LinearHead {
    weight: Var,
    bias: Var,
}

impl LinearHead {
    /// The head with its parameters below `path`.
    ///
    /// # Errors
    /// When a size is 0, or a parameter exists with another shape.
    pub fn new(path: &Path, channels: usize, classes: usize) -> std::result::Result<Self, TransferError> {
        one_or_more("channels", channels)?;
        one_or_more("classes", classes)?;
        let path = path.at("fc");
        let bound = 1.0 / (channels as f64).sqrt();
        let first = Init::Uniform { lo: -bound, up: bound };
        Ok(Self {
            weight: path.trainable("weight", (classes, channels), first)?,
            bias: path.trainable("bias", classes, first)?,
        })
    }
}

impl Layer for LinearHead {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        linear(&global_avg_pool(x)?, &mode.param(&self.weight), Some(&mode.param(&self.bias)))
    }
}
