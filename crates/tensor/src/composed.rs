//! The operations as compositions of candle's own, in a form whose gradient is right: what runs on CUDA and Metal
//! and in types without a kernel, and the slow twin that the tests hold every kernel to.

use candle_core::{D, DType, Error, Result, Tensor, bail};

use crate::batch_norm::check;
use crate::dropout::{fits, mask};
use crate::loss::classes;
use crate::sizes::{Averaging, Checked, given, made};
use crate::{BatchMoments, Conv, Epilogue, Pool, Regions, Rng, conv};

/// See [`crate::relu`].
///
/// # Errors
/// When a copy of x is larger than memory, or the device fails.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    given("relu", x)?;
    // candle's relu has the gradient 1 at 0; a mask has 0 there.
    x * x.gt(0.0)?.to_dtype(x.dtype())?
}

/// See [`crate::maxout`].
///
/// # Errors
/// When the channels are no multiple of the pieces, a copy of x is larger than memory, or the device fails.
pub fn maxout(x: &Tensor, pieces: usize) -> Result<Tensor> {
    given("maxout", x)?;
    let mut shape = x.dims().to_vec();
    let channels = shape.pop().unwrap_or(0);
    shape.extend([channels / pieces.max(1), pieces]);
    if x.elem_count() == 0 && pieces > 0 {
        shape.pop();
        return nothing(&[x], &shape);
    }
    let axis = shape.len() - 1;
    greatest(&x.reshape(shape)?, axis)?.squeeze(axis)
}

/// See [`crate::fractional_max_pool2d`], region by region.
///
/// # Errors
/// When a region leaves the map.
pub fn fractional_max_pool2d(x: &Tensor, regions: &Regions) -> Result<Tensor> {
    let shape = regions.check(x)?;
    if shape.contains(&0) {
        return nothing(&[x], &shape);
    }
    let mut rows = Vec::with_capacity(regions.rows.len());
    for row in &regions.rows {
        let band = x.narrow(1, row.start, row.len())?;
        let mut cells = Vec::with_capacity(regions.columns.len());
        for column in &regions.columns {
            let cell = band.narrow(2, column.start, column.len())?.contiguous()?.flatten(1, 2)?;
            cells.push(greatest(&cell, 1)?);
        }
        rows.push(Tensor::cat(&cells, 1)?.unsqueeze(1)?);
    }
    Tensor::cat(&rows, 1)
}

/// See [`crate::add_relu`].
///
/// # Errors
/// When the shapes differ, or a copy of a term is larger than memory.
pub fn add_relu(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    given("add_relu", a)?;
    given("add_relu", b)?;
    relu(&(a + b)?)
}

/// See [`crate::dropout`]: the mask is drawn on the CPU, so a graphics card drops the same places.
///
/// # Errors
/// When `p` is outside [0, 1), a copy of x is larger than memory, or the device fails.
pub fn dropout(x: &Tensor, p: f64, rng: &Rng) -> Result<Tensor> {
    fits(x, p)?;
    let mask = mask(x, p, rng)?.to_device(x.device())?.to_dtype(x.dtype())?;
    (x * mask)? * (1.0 / (1.0 - p))
}

/// See [`crate::conv2d`]: every tap of the kernel as a map of its own, and one product with the weight.
///
/// # Errors
/// As there; and when the maps of all taps are larger than memory.
pub fn conv2d(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, conv: Conv) -> Result<Tensor> {
    // candle's own conv2d has no gradient for a kernel that is not square, nor for groups.
    let d = conv::sizes(x, weight, bias, conv)?;
    if d.y_len() == 0 {
        let inputs: Vec<&Tensor> = [x, weight].into_iter().chain(bias).collect();
        return nothing(&inputs, &d.output());
    }
    let (i, o, taps) = (d.c / d.groups, d.o / d.groups, d.r * d.s);
    made("conv2d", &[d.n, d.oh, d.ow, d.r, d.s, i], x.dtype().size_in_bytes())?;
    let x = match d.padding {
        0 => x.clone(),
        _ => x.pad_with_zeros(1, 0, 1)?.pad_with_zeros(2, 0, 1)?,
    };
    let mut parts = Vec::with_capacity(d.groups);
    for g in 0..d.groups {
        let group = x.narrow(3, g * i, i)?;
        let mut maps = Vec::with_capacity(taps);
        for row in 0..d.r {
            let rows = every(&group, 1, d.h, (0..d.oh).map(|y| d.source(y, row, d.h)))?;
            for column in 0..d.s {
                maps.push(every(&rows, 2, d.w, (0..d.ow).map(|x| d.source(x, column, d.w)))?);
            }
        }
        let maps = Tensor::cat(&maps, 3)?.reshape((d.n * d.oh * d.ow, taps * i))?;
        let matrix = weight.narrow(0, g * o, o)?.permute((2, 3, 1, 0))?.reshape((taps * i, o))?;
        parts.push(maps.matmul(&matrix)?);
    }
    let y = Tensor::cat(&parts, 1)?.reshape(d.output().to_vec())?;
    match bias {
        Some(bias) => y.broadcast_add(bias),
        None => Ok(y),
    }
}

/// A tensor of zeros that depends on these inputs, with gradients of 0: what an operation makes of no elements, or into none.
pub(crate) fn nothing(inputs: &[&Tensor], shape: &[usize]) -> Result<Tensor> {
    let zero = Tensor::zeros((), inputs[0].dtype(), inputs[0].device())?;
    let never = zero.to_dtype(DType::U8)?;
    let mut sum = zero.clone();
    for x in inputs.iter().filter(|x| x.track_op()) {
        // Not times 0: candle gives a factor of 0 no gradient, and infinity times 0 is no number.
        sum = (sum + never.where_cond(&x.sum_all()?, &zero)?)?;
    }
    sum.broadcast_as(shape)?.contiguous()
}

/// See [`crate::max_pool2d`].
///
/// # Errors
/// When the configuration is impossible, or a copy of x is larger than memory.
pub fn max_pool2d(x: &Tensor, pool: Pool) -> Result<Tensor> {
    given("max_pool2d", x)?;
    let d = Checked::pooling(x.dims4()?.into(), pool, x.dtype().size_in_bytes())?;
    if d.output().contains(&0) {
        return nothing(&[x], &d.output());
    }
    let (kh, kw) = d.kernel;
    made("max_pool2d", &[d.n, d.oh, d.ow, d.c, kh, kw], x.dtype().size_in_bytes())?;
    let x = pad_lowest(&pad_lowest(x, 1)?, 2)?;
    let mut cells = Vec::with_capacity(kh * kw);
    for r in 0..kh {
        let rows = every(&x, 1, d.h, (0..d.oh).map(|y| d.source(y, r, d.h)))?;
        for s in 0..kw {
            cells.push(every(&rows, 2, d.w, (0..d.ow).map(|x| d.source(x, s, d.w)))?);
        }
    }
    greatest(&Tensor::stack(&cells, 4)?.contiguous()?, 4)?.squeeze(4)
}

/// The greatest along an axis, which stays with the length 1: the first of equals, to which a gather sends the whole
/// gradient (candle's own maximum shares it).
fn greatest(x: &Tensor, axis: usize) -> Result<Tensor> {
    x.gather(&x.detach().argmax_keepdim(axis)?.contiguous()?, axis)
}

/// An entry of -inf at the end of an axis.
fn pad_lowest(x: &Tensor, axis: usize) -> Result<Tensor> {
    let mut dims = x.dims().to_vec();
    dims[axis] = 1;
    let lowest = Tensor::full(f32::NEG_INFINITY, dims, x.device())?.to_dtype(x.dtype())?;
    Tensor::cat(&[x, &lowest], axis)
}

/// Some entries of an axis of `size` ones; the entry after them stands for what lies outside.
fn every(x: &Tensor, axis: usize, size: usize, at: impl Iterator<Item = Option<usize>>) -> Result<Tensor> {
    let at = at.map(|at| u32::try_from(at.unwrap_or(size)).map_err(Error::wrap)).collect::<Result<Vec<_>>>()?;
    x.contiguous()?.index_select(&Tensor::new(at, x.device())?, axis)
}

/// See [`crate::adaptive_avg_pool2d`]: two products with the matrices that average rows and columns.
///
/// # Errors
/// As there; and when a matrix is larger than memory.
pub fn adaptive_avg_pool2d(x: &Tensor, (oh, ow): (usize, usize)) -> Result<Tensor> {
    given("adaptive_avg_pool2d", x)?;
    let d = Checked::averaging(x.dims4()?.into(), (oh, ow), x.dtype().size_in_bytes())?;
    if d.output().contains(&0) {
        return nothing(&[x], &d.output());
    }
    let Averaging { n, h, w, c, .. } = *d;
    for matrices in [[1, oh, h, 1], [1, ow, w, 1], [n, oh, h, 1], [n, oh, ow, w], [n, oh, w, c]] {
        made("adaptive_avg_pool2d", &matrices, 8)?;
    }
    let average = |size: usize, out: usize| {
        let mut weights = vec![0f64; out * size];
        for i in 0..out {
            let (from, to) = (i * size / out, ((i + 1) * size).div_ceil(out));
            weights[i * size + from..i * size + to].fill(1.0 / (to - from) as f64);
        }
        Tensor::from_vec(weights, (out, size), x.device())?.to_dtype(x.dtype())
    };
    let rows = average(h, oh)?.broadcast_as((n, oh, h))?.contiguous()?.matmul(&x.reshape((n, h, w * c))?)?;
    let columns = average(w, ow)?.broadcast_as((n * oh, ow, w))?.contiguous()?;
    columns.matmul(&rows.reshape((n * oh, w, c))?)?.reshape((n, oh, ow, c))
}

/// See [`crate::batch_norm_train`].
///
/// # Errors
/// When the shapes do not fit each other.
pub fn batch_norm_train(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    eps: f64,
    epilogue: Epilogue<'_>,
) -> Result<(Tensor, BatchMoments)> {
    check(x, [weight, bias], epilogue)?;
    if x.elem_count() == 0 {
        bail!("batch_norm: wanted values to normalise; got the shape {:?}", x.dims());
    }
    let rows = x.reshape(((), x.dim(D::Minus1)?))?;
    let mean = rows.mean_keepdim(0)?;
    let centred = rows.broadcast_sub(&mean)?;
    let variance = centred.sqr()?.mean_keepdim(0)?;
    let normal = centred.broadcast_div(&(&variance + eps)?.sqrt()?)?;
    let y = normal.broadcast_mul(weight)?.broadcast_add(bias)?.reshape(x.shape())?;
    let moments =
        BatchMoments { mean: mean.squeeze(0)?.detach(), variance: variance.squeeze(0)?.detach(), count: rows.dim(0)? };
    Ok((after(y, epilogue)?, moments))
}

/// See [`crate::batch_norm_eval`].
///
/// # Errors
/// When the shapes do not fit each other.
pub fn batch_norm_eval(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    mean: &Tensor,
    variance: &Tensor,
    eps: f64,
    epilogue: Epilogue<'_>,
) -> Result<Tensor> {
    check(x, [weight, bias], epilogue)?;
    check(x, [mean, variance], epilogue)?;
    if x.elem_count() == 0 {
        let inputs: Vec<&Tensor> = [x, weight, bias].into_iter().chain(epilogue.residual()).collect();
        return nothing(&inputs, x.dims());
    }
    let scale = (weight / (variance.detach() + eps)?.sqrt()?)?;
    let shift = (bias - (mean.detach() * &scale)?)?;
    after(x.broadcast_mul(&scale)?.broadcast_add(&shift)?, epilogue)
}

fn after(y: Tensor, epilogue: Epilogue<'_>) -> Result<Tensor> {
    match epilogue {
        Epilogue::None => Ok(y),
        Epilogue::Relu => relu(&y),
        Epilogue::AddRelu(residual) => add_relu(&y, residual),
    }
}

/// See [`crate::log_softmax`].
///
/// # Errors
/// When the device fails.
pub fn log_softmax(logits: &Tensor) -> Result<Tensor> {
    if given("log_softmax", logits)? == 0 {
        return nothing(&[logits], logits.dims());
    }
    // The maximum is a constant of the formula: detached, it adds nothing to the gradient.
    let shifted = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?.detach())?;
    shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(D::Minus1)?.log()?)
}

/// See [`crate::cross_entropy`].
///
/// # Errors
/// When the shapes differ.
pub fn cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    classes(logits, targets)?;
    // Half-precision sums of exponentials lose the loss; they are taken in float32.
    let wide = if logits.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
    let log_p = log_softmax(&logits.to_dtype(wide)?)?;
    (targets.to_dtype(wide)? * log_p)?.sum(D::Minus1)?.mean_all()?.neg()
}
