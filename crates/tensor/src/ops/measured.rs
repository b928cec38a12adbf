//! Maps whose mean and variance are known.

use candle_core::{D, Result, Tensor};

use super::batch_moments::BatchMoments;
use super::conv::{conv2d, conv2d_moments, fits};
use super::inputs;
use super::maps::{parameters, stored};
use crate::kernels::gemm::tally::Moments;
use crate::kernels::norm::moments;
use crate::kernels::{self, on_maps};
use crate::sizes::given;
use crate::window::Conv;

/// A map, and its mean and variance by channel, through which no gradient goes: that of a batch
/// norm has their share in it.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The map (..,C).
    pub map: Tensor,
    /// Mean and variance of it.
    pub moments: BatchMoments,
}

/// Measures a map.
///
/// # Errors
/// When it has no axis or no elements.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor};
/// use taper_tensor::measured;
/// let map = measured(&Tensor::new(&[[1f32, 2.0], [3.0, 2.0]], &Device::Cpu)?)?;
/// assert_eq!(map.moments.mean.to_vec1::<f32>()?, [2.0, 2.0]);
/// assert_eq!(map.moments.variance.to_vec1::<f32>()?, [1.0, 0.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn measured(map: &Tensor) -> Result<Measured> {
    let c = map.dim(D::Minus1)?;
    if given("measured", map)? == 0 {
        candle_core::bail!("measured: a map needs elements; got {:?}", map.dims());
    }
    if kernels::fits_map(map, &[]) {
        let moments = on_maps!(map.dtype(), M => kernels::with::<M, _>(&map.contiguous()?, |x| moments::of(x, c))?);
        return with(map.clone(), &moments);
    }
    let rows = map.detach().reshape(((), c))?;
    let mean = rows.mean(0)?;
    let variance = rows.broadcast_sub(&mean)?.sqr()?.mean(0)?;
    let count = rows.dim(0)?;
    Ok(Measured { map: map.clone(), moments: BatchMoments { mean, variance, count } })
}

/// [`conv2d`] without a bias, measured while it is computed.
///
/// # Errors
/// As [`conv2d`], and when the output is empty.
pub fn conv2d_measured(x: &Tensor, weight: &Tensor, conv: Conv) -> Result<Measured> {
    let x = &stored(x)?;
    let d = inputs::convolution(x, weight, None, conv)?;
    if !fits(x, weight, None) || d.y_len() == 0 {
        return measured(&conv2d(x, weight, None, conv)?);
    }
    let (map, moments) = conv2d_moments(d, x, weight)?;
    with(map, &moments)
}

fn with(map: Tensor, Moments { mean, variance }: &Moments) -> Result<Measured> {
    let vector = |values: &[f64]| Tensor::from_slice(values, values.len(), map.device())?.to_dtype(parameters(&map));
    let count = map.elem_count() / mean.len();
    let moments = BatchMoments { mean: vector(mean)?, variance: vector(variance)?, count };
    Ok(Measured { map, moments })
}
