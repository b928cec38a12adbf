//! Attention.

use candle_core::{Result, Tensor, bail};

use super::composed;
use crate::autograd::{Kept, tape};
use crate::kernels::attention::{self as kernel, Given, Maps};
use crate::kernels::simd::Real;
use crate::kernels::{self, on_floats};
use crate::sizes::{Attention, Checked, given};

/// Scaled dot-product attention in heads: of each head, with q, k and v the parts of the rows that
/// are its own,
///
/// ```text
/// y = softmax(scale · q kᵀ) v
/// ```
///
/// The weights are made block by block and never held: memory grows with the tokens, not with their
/// square. The usual scale is `1 / √(C / heads)`.
///
/// # Shapes
/// q (N,queries,C), k and v (N,keys,C) to (N,queries,C); head h has the channels from h·C/heads on.
///
/// # Errors
/// When the shapes do not fit each other, there are no keys, the heads do not divide the channels,
/// or the scale is not above 0.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor};
/// use taper_tensor::attention;
/// let q = Tensor::zeros((1, 1, 2), candle_core::DType::F64, &Device::Cpu)?; // alike to all keys
/// let v = Tensor::new(&[[[1f64, 10.0], [3.0, 30.0]]], &Device::Cpu)?;
/// assert_eq!(attention(&q, &v, &v, 2, 1.0)?.flatten_all()?.to_vec1::<f64>()?, [2.0, 20.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # References
/// A. Vaswani et al., *Attention Is All You Need*, 2017. T. Dao, D. Fu, S. Ermon, A. Rudra, C. Ré,
/// *FlashAttention: Fast and Memory-Efficient Exact Attention with IO-Awareness*, 2022.
///
/// # Differs from PyTorch
/// `scaled_dot_product_attention` takes heads as an axis, and masks and dropout, of which there are
/// none here.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, scale: f64) -> Result<Tensor> {
    let ((n, queries, c), (m, keys, width)) = (q.dims3()?, k.dims3()?);
    if (n, c) != (m, width) || v.dims() != k.dims() {
        bail!(
            "attention: q (N,queries,C) wants k and v (N,keys,C); got {:?}, {:?}, {:?}",
            q.dims(),
            k.dims(),
            v.dims()
        );
    }
    for x in [q, k, v] {
        given("attention", x)?;
    }
    let d = checked([n, queries, keys, c], heads, scale, q)?;
    if n * queries == 0 {
        return composed::nothing(&[q, k, v], q.dims());
    }
    if !kernels::fits(q) {
        return composed::attention(q, k, v, heads, scale);
    }
    on_floats!(q.dtype(), T => run::<T>(d, &[q, k, v], scale, q.dims()))
}

/// [`attention`] of tokens to each other, whose queries, keys and values lie side by side, as one
/// product gives them.
///
/// # Shapes
/// qkv (..,tokens,3·C), the queries first, to (..,tokens,C).
///
/// # Errors
/// As [`attention`].
pub fn self_attention(qkv: &Tensor, heads: usize, scale: f64) -> Result<Tensor> {
    let mut shape = qkv.dims().to_vec();
    let (Some(row), Some(tokens)) = (shape.pop(), shape.pop()) else {
        bail!("self_attention: qkv must have the shape (..,tokens,3·C); got {:?}", qkv.dims());
    };
    if row == 0 || row % 3 != 0 {
        bail!("self_attention: qkv must have the shape (..,tokens,3·C); got {:?}", qkv.dims());
    }
    given("self_attention", qkv)?;
    let (n, c) = (shape.iter().product(), row / 3);
    shape.extend([tokens, c]);
    if n * tokens == 0 {
        return composed::nothing(&[qkv], &shape);
    }
    let d = checked([n, tokens, tokens, c], heads, scale, qkv)?;
    if !kernels::fits(qkv) {
        let all = qkv.reshape((n, tokens, row))?;
        let part = |i: usize| all.narrow(2, i * c, c);
        return composed::attention(&part(0)?, &part(1)?, &part(2)?, heads, scale)?.reshape(shape);
    }
    on_floats!(qkv.dtype(), T => run::<T>(d, &[qkv], scale, &shape))
}

fn checked(sizes: [usize; 4], heads: usize, scale: f64, q: &Tensor) -> Result<Checked<Attention>> {
    if !(scale > 0.0 && scale.is_finite()) || sizes[2] == 0 {
        bail!("attention: there must be keys, and a scale above 0; got {} keys and the scale {scale}", sizes[2]);
    }
    Checked::attention(sizes, heads, q.dtype().size_in_bytes())
}

/// Of one input, or of three.
fn run<T: Real>(d: Checked<Attention>, inputs: &[&Tensor], scale: f64, shape: &[usize]) -> Result<Tensor> {
    let maps = inputs.iter().map(|x| x.contiguous()).collect::<Result<Vec<_>>>()?;
    let scale = T::of(scale);
    let (y, logs) = with_maps::<T, _>(&maps, |maps| kernel::forward(d, maps, scale))?;
    let kept: Vec<Kept> = inputs.iter().zip(&maps).map(|(x, map)| tape::kept(x, map)).collect();
    tape::record_with_output(y, shape, inputs, move |dy, y| {
        let (maps, dy) = (kept.iter().map(Kept::get).collect::<Result<Vec<_>>>()?, dy.sum()?.tensor);
        let gradients = kernels::with2::<T, T, _>(y, &dy, |y, dy| {
            with_maps::<T, _>(&maps, |maps| kernel::backward(d, maps, scale, Given { y, logs: &logs, dy }))
        })??;
        gradients.into_iter().zip(&maps).map(|(dx, map)| kernels::tensor(dx, map.shape()).map(Some)).collect()
    })
}

/// Runs a kernel on the elements of contiguous maps.
fn with_maps<T: Real, R>(maps: &[Tensor], run: impl FnOnce(Maps<'_, T>) -> R) -> Result<R> {
    match maps {
        [all] => kernels::with::<T, _>(all, |all| run(Maps::Together(all))),
        [q, k, v] => kernels::with2::<T, T, _>(q, k, |q, k| kernels::with::<T, _>(v, |v| run(Maps::Apart([q, k, v]))))?,
        _ => bail!("attention: wanted one map or three; got {}", maps.len()),
    }
}
