//! The batch norm of several maps side by side, and a rectifier.

use candle_core::{D, DType, Result, Shape, Tensor, bail};

use super::batch_moments::BatchMoments;
use super::batch_norm::{batch_norm_eval, batch_norm_train, vec_of};
use super::concat::{concat_again, on_slices};
use super::epilogue::Epilogue;
use super::measured::Measured;
use crate::autograd::{Again, Kept, tape};
use crate::kernels::norm::batch_norm::Affine;
use crate::kernels::norm::parts::{self as kernel, Parts};
use crate::kernels::simd::{Real, Stored};
use crate::kernels::{self, on_maps};
use crate::sizes::{given, made};

/// `relu(batch_norm_train(concat(maps)))`, where the moments of every map are known: the
/// concatenation is neither written nor read, and what no gradient needs is not measured again. For
/// networks that do so again and again with the same maps.
///
/// # Shapes
/// Maps (..,C₁), (..,C₂), … with all other axes equal, weight and bias (C) with `C = C₁ + C₂ + …`,
/// to (..,C) and the moments of all.
///
/// # Errors
/// When the shapes do not fit each other, or there is no map.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_tensor::{Conv, concat_batch_norm_relu_train, conv2d_measured};
/// let x = Tensor::new(&[[[[1f32], [3.0]]]], &Device::Cpu)?; // (1,1,2,1)
/// let weight = Tensor::ones((1, 1, 1, 1), DType::F32, &Device::Cpu)?;
/// let map = conv2d_measured(&x, &weight, Conv::default())?;
/// let (one, zero) = (Tensor::ones(2, DType::F32, &Device::Cpu)?, Tensor::zeros(2, DType::F32, &Device::Cpu)?);
/// let (y, _) = concat_batch_norm_relu_train(&[&map, &map], (&one, &zero), 0.0)?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [0.0, 0.0, 1.0, 1.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn concat_batch_norm_relu_train(
    maps: &[&Measured],
    norm: (&Tensor, &Tensor),
    eps: f64,
) -> Result<(Tensor, BatchMoments)> {
    let all: Vec<&Tensor> = maps.iter().map(|measured| &measured.map).collect();
    let Some((first, shape)) = fits(&all, norm)? else {
        return batch_norm_train(&concat_again(&all)?, norm.0, norm.1, eps, Epilogue::Relu);
    };
    let side = |of: fn(&BatchMoments) -> &Tensor| {
        Tensor::cat(&maps.iter().map(|measured| of(&measured.moments)).collect::<Vec<_>>(), 0)
    };
    let count = maps[0].moments.count;
    let moments =
        BatchMoments { mean: side(|moments| &moments.mean)?, variance: side(|moments| &moments.variance)?, count };
    on_maps!(first.dtype(), M => {
        let affine = affine([norm.0, norm.1, &moments.mean, &moments.variance], eps)?;
        let whole = all.iter().map(|x| x.contiguous()).collect::<Result<Vec<_>>>()?;
        let y = on_parts::<M, _>(&whole, |parts| kernel::rectified(parts, &affine))?;
        let kept = || all.iter().zip(&whole).map(|(x, map)| tape::kept(x, map)).collect::<Vec<_>>();
        let again = (kept(), affine.clone(), shape.clone());
        let saved = (kept(), all.iter().map(|x| x.track_op()).collect::<Vec<_>>());
        let inputs: Vec<&Tensor> = all.iter().copied().chain([norm.0, norm.1]).collect();
        let y = tape::record(y, shape, &inputs, move |dy| {
            let (kept, wanted) = saved;
            let maps = kept.iter().map(Kept::get).collect::<Result<Vec<_>>>()?;
            let (gradients, vectors) = on_parts::<M, _>(&maps, |parts| {
                kernels::with::<M, _>(dy, |dy| {
                    let sums = kernel::sums(parts, dy, &affine);
                    let gradients = kernel::input_gradients(parts, dy, &affine, &sums, &wanted);
                    (gradients, [affine.weight_gradient(&sums), sums.bias_gradient()])
                })
            })??;
            let gradients = gradients.into_iter().zip(&maps).map(|(gradient, map)| {
                gradient.map(|gradient| kernels::tensor(gradient, map.shape())).transpose()
            });
            let vectors = vectors.into_iter().map(|values| {
                let shape = Shape::from(values.len());
                kernels::tensor(values, &shape).map(Some)
            });
            gradients.chain(vectors).collect()
        })?;
        tape::offer(&y, Again::new(move || {
            let (kept, affine, shape) = &again;
            let maps = kept.iter().map(Kept::get).collect::<Result<Vec<_>>>()?;
            kernels::tensor(on_parts::<M, _>(&maps, |parts| kernel::rectified(parts, affine))?, shape)
        }));
        Ok((y, moments))
    })
}

/// `relu(batch_norm_eval(concat(maps)))`: in one pass where nobody wants a gradient.
///
/// # Shapes
/// As [`concat_batch_norm_relu_train`]; mean and variance (C).
///
/// # Errors
/// As there.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_tensor::concat_batch_norm_relu_eval;
/// let map = Tensor::new(&[[[[1f32], [3.0]]]], &Device::Cpu)?; // (1,1,2,1)
/// let (one, two) = (Tensor::ones(2, DType::F32, &Device::Cpu)?, Tensor::full(2f32, 2, &Device::Cpu)?);
/// let y = concat_batch_norm_relu_eval(&[&map, &map], (&two, &one), (&two, &one), 0.0)?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [0.0, 0.0, 3.0, 3.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn concat_batch_norm_relu_eval(
    maps: &[&Tensor],
    norm: (&Tensor, &Tensor),
    statistics: (&Tensor, &Tensor),
    eps: f64,
) -> Result<Tensor> {
    let wanted = maps.iter().copied().chain([norm.0, norm.1]).any(Tensor::track_op);
    let Some((first, shape)) = fits(maps, norm)?.filter(|_| !wanted) else {
        let whole = concat_again(maps)?;
        return batch_norm_eval(&whole, norm.0, norm.1, statistics.0, statistics.1, eps, Epilogue::Relu);
    };
    on_maps!(first.dtype(), M => {
        let affine = affine([norm.0, norm.1, statistics.0, statistics.1], eps)?;
        let whole = maps.iter().map(|x| x.contiguous()).collect::<Result<Vec<_>>>()?;
        kernels::tensor(on_parts::<M, _>(&whole, |parts| kernel::rectified(parts, &affine))?, &shape)
    })
}

/// The first map and the shape of all side by side, where there are kernels for them; else
/// concatenation, which refuses what does not fit, must be asked.
fn fits<'a>(maps: &[&'a Tensor], norm: (&Tensor, &Tensor)) -> Result<Option<(&'a Tensor, Shape)>> {
    let Some((&first, rest)) = maps.split_first() else { return Ok(None) };
    let Some((_, pixels)) = first.dims().split_last() else { return Ok(None) };
    let alike = |x: &&Tensor| x.rank() == first.rank() && x.dims().starts_with(pixels) && x.dtype() == first.dtype();
    if !rest.iter().all(alike) || !maps.iter().all(|x| kernels::fits_map(x, &[norm.0, norm.1]) && x.elem_count() > 0) {
        return Ok(None);
    }
    let channels = maps.iter().map(|x| x.dim(D::Minus1)).sum::<Result<usize>>()?;
    if norm.0.dims() != [channels] || norm.1.dims() != [channels] {
        let got = (norm.0.dims(), norm.1.dims());
        bail!("batch_norm: maps of {channels} channels want vectors of the shape [{channels}]; got {got:?}");
    }
    let shape = [pixels, &[channels]].concat();
    maps.iter().try_for_each(|x| given("concat", x).map(drop))?;
    made("concat", &shape, first.dtype().size_in_bytes())?;
    Ok(Some((first, shape.into())))
}

fn affine<T: Real>([weight, bias, mean, variance]: [&Tensor; 4], eps: f64) -> Result<Affine<T>> {
    let wide = |t: &Tensor| t.to_dtype(DType::F64)?.to_vec1::<f64>();
    let (mean, variance) = (wide(mean)?, wide(variance)?);
    if [mean.len(), variance.len()] != [weight.elem_count(); 2] {
        let got = (mean.len(), variance.len());
        bail!("batch_norm: wanted moments of {} channels; got {got:?}", weight.elem_count());
    }
    Ok(Affine::new(&mean, &variance, eps, &vec_of(weight)?, &vec_of(bias)?))
}

/// Runs a kernel on contiguous maps side by side.
fn on_parts<M: Stored, R>(maps: &[Tensor], run: impl FnOnce(Parts<'_, M>) -> R) -> Result<R> {
    let channels = maps.iter().map(|map| map.dim(D::Minus1)).collect::<Result<Vec<_>>>()?;
    let mut run = Some(run);
    let ran = on_slices::<M, _>(maps, Vec::new(), &mut |slices| {
        let parts: Vec<_> = slices.iter().copied().zip(channels.iter().copied()).collect();
        run.take().map(|run| run(Parts::new(&parts)))
    })?;
    match ran {
        Some(result) => Ok(result),
        None => bail!("a kernel runs once"),
    }
}
