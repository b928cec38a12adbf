//! A function of each number, given with its derivative.

use candle_core::{Result, Tensor};

use crate::autograd::tape;
use crate::kernels::elementwise as kernel;
use crate::kernels::simd::Element as _;
use crate::kernels::{self, on_floats};
use crate::sizes::given;

/// `y = value(x)` for every number of a tensor, with the gradient `slope(x) · dy`: for activations
/// and whatever else maps number to number.
///
/// On a CPU, in float32 and float64, both functions are called on float64 and rounded once, in
/// parallel. Anywhere else `composed` says the same in candle's operations.
///
/// # Shapes
/// Any to the same.
///
/// # Errors
/// When a copy of x is larger than memory, or the device fails.
///
/// # Examples
/// ```
/// use candle_core::{Device, Var};
/// use taper_tensor::elementwise;
/// let x = Var::new(&[0f64, 1.0], &Device::Cpu)?;
/// let y = elementwise(&x, |x| x.exp(), |x| x.exp(), |x| x.exp())?;
/// let grads = y.sum_all()?.backward()?;
/// assert_eq!(grads.get(&x).unwrap().to_vec1::<f64>()?, [1.0, 1f64.exp()]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn elementwise(
    x: &Tensor,
    value: impl Fn(f64) -> f64 + Sync,
    slope: impl Fn(f64) -> f64 + Send + Sync + 'static,
    composed: impl FnOnce(&Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    given("elementwise", x)?;
    if !kernels::fits(x) {
        return composed(x);
    }
    on_floats!(x.dtype(), T => {
        let x_map = x.contiguous()?;
        let value = |x: T| T::of(value(x.wide()));
        let y = kernels::with::<T, _>(&x_map, |x| kernel::map(x, value))?;
        let x_map = x_map.detach();
        tape::record(y, x.shape(), &[x], move |dy| {
            let slope = |x: T, g: T| T::of(slope(x.wide()) * g.wide());
            let dx = kernels::with2::<T, T, _>(&x_map, dy, |x, dy| kernel::map2(x, dy, slope))?;
            Ok(vec![Some(kernels::tensor(dx, dy.shape())?)])
        })
    })
}
