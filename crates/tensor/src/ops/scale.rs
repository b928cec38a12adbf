//! Factors for the channels of a map.

use candle_core::{DType, Result, Shape, Tensor, bail};

use super::composed;
use super::maps::numbers;
use crate::autograd::{Again, Terms, rewritten, tape};
use crate::kernels::elementwise::scale as kernel;
use crate::kernels::simd::Stored;
use crate::kernels::{self, on_maps};
use crate::sizes::given;

/// `y[n,h,w,c] = x[n,h,w,c] · factors[n,c]`: what squeeze-and-excitation does with its gate.
///
/// # Shapes
/// x (N,H,W,C), factors (N,C) to (N,H,W,C).
///
/// # Errors
/// When the shapes do not fit each other.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor};
/// use taper_tensor::scale_channels;
/// let x = Tensor::new(&[[[[1f32, 2.0], [3.0, 4.0]]]], &Device::Cpu)?; // (1,1,2,2)
/// let y = scale_channels(&x, &Tensor::new(&[[10f32, 0.0]], &Device::Cpu)?)?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [10.0, 0.0, 30.0, 0.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # References
/// J. Hu, L. Shen, G. Sun, *Squeeze-and-Excitation Networks*, 2018.
pub fn scale_channels(x: &Tensor, factors: &Tensor) -> Result<Tensor> {
    given("scale_channels", x)?;
    let (n, _, _, c) = x.dims4()?;
    if factors.dims() != [n, c] {
        bail!("scale_channels: wanted factors of the shape {:?} for {:?}; got {:?}", [n, c], x.dims(), factors.dims());
    }
    let factors = &if x.dtype() == DType::BF16 { numbers(factors)? } else { factors.clone() };
    if !kernels::fits_map(x, &[factors]) || x.elem_count() == 0 {
        return composed::scale_channels(x, factors);
    }
    on_maps!(x.dtype(), M => {
        let (map, row) = (x.contiguous()?, factors.contiguous()?);
        let y = kernels::with2::<M, <M as Stored>::Real, _>(&map, &row, |x, factors| kernel::forward(x, factors, c))?;
        let (map, row) = (tape::kept(x, &map), row.detach());
        let again = (map.clone(), row.clone());
        let y = tape::record_terms(y, x.shape(), &[x, factors], move |dy: Terms| {
            let (dx, sums) = kernels::with2::<M, <M as Stored>::Real, _>(&map.get()?, &row, |x, factors| {
                rewritten(dy.sum()?, |dy| kernel::backward::<M>(x, factors, c, dy))
            })??;
            Ok(vec![Some(dx), Some(kernels::tensor(sums, &Shape::from((n, c)))?)])
        })?;
        let (map, row) = again;
        tape::offer(&y, Again::new(move || {
            let x = map.get()?;
            let y = kernels::with2::<M, <M as Stored>::Real, _>(&x, &row, |x, factors| kernel::forward(x, factors, c))?;
            kernels::tensor(y, x.shape())
        }));
        Ok(y)
    })
}
