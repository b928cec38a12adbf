//! What follows a normalization and is computed with it.

use candle_core::{Result, Tensor, bail};

use crate::pointwise::Pointwise;

/// What is done to the output of a batch norm while it is at hand: a pass over memory saved for
/// each.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_tensor::{Epilogue, batch_norm_train};
/// let x = Tensor::new(&[[1f64], [3.0]], &Device::Cpu)?; // normalized: -1 and 1
/// let (one, zero) = (Tensor::ones(1, DType::F64, &Device::Cpu)?, Tensor::zeros(1, DType::F64, &Device::Cpu)?);
/// let run = |epilogue| batch_norm_train(&x, &one, &zero, 0.0, epilogue)?.0.flatten_all()?.to_vec1::<f64>();
/// assert_eq!(run(Epilogue::None)?, [-1.0, 1.0]);
/// assert_eq!(run(Epilogue::Relu)?, [0.0, 1.0]);
/// assert_eq!(run(Epilogue::AddRelu(&x))?, [0.0, 4.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub enum Epilogue<'a> {
    /// `y = bn(x)`.
    #[default]
    None,
    /// `y = max(bn(x), 0)`.
    Relu,
    /// `y = max(bn(x) + residual, 0)`; the residual has the shape of x and gets its gradient.
    AddRelu(&'a Tensor),
    /// `y = f(bn(x))` with an activation function.
    Activate(Pointwise),
}

impl<'a> Epilogue<'a> {
    /// The tensor that is added.
    pub(crate) fn residual(&self) -> Option<&'a Tensor> {
        match self {
            Epilogue::AddRelu(residual) => Some(residual),
            Epilogue::None | Epilogue::Relu | Epilogue::Activate(_) => None,
        }
    }

    /// The activation function.
    pub(crate) fn function(&self) -> Option<Pointwise> {
        match self {
            Epilogue::Activate(function) => Some(*function),
            Epilogue::None | Epilogue::Relu | Epilogue::AddRelu(_) => None,
        }
    }

    /// Runs something on this epilogue with its residual replaced by `f(residual)`.
    pub(crate) fn map<R>(
        self,
        f: impl FnOnce(&Tensor) -> Result<Tensor>,
        run: impl FnOnce(Epilogue<'_>) -> Result<R>,
    ) -> Result<R> {
        match self {
            Epilogue::AddRelu(residual) => run(Epilogue::AddRelu(&f(residual)?)),
            Epilogue::None => run(Epilogue::None),
            Epilogue::Relu => run(Epilogue::Relu),
            Epilogue::Activate(function) => run(Epilogue::Activate(function)),
        }
    }

    /// Refuses a residual of another shape than x.
    pub(crate) fn check(&self, x: &Tensor) -> Result<()> {
        match self.residual().filter(|residual| residual.dims() != x.dims()) {
            Some(residual) => {
                bail!("batch_norm: the residual must have the shape {:?}; got {:?}", x.dims(), residual.dims())
            }
            None => Ok(()),
        }
    }
}
