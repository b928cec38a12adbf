//! The gated recurrent unit.

use candle_core::{DType, Device, Result, Tensor};
use rayon::prelude::*;
use taper_tensor::linear;

use super::error::{SequenceError, Sizes};
use super::real::{Real, elements};
use super::recorded::record;

/// The hidden values of a GRU after each step:
///
/// ```text
/// (a, b, q) = W h[t-1] + v
/// r = σ(x[t]₁ + a)      z = σ(x[t]₂ + b)      n = tanh(x[t]₃ + r q)
/// h[t] = (1 - z) n + z h[t-1]
/// ```
///
/// x has the products of the inputs with their bias, which are one [`linear`] for all steps; `bias`
/// v is that of the hidden values, which the reset gate r multiplies along with their product.
///
/// # Shapes
/// x (steps, rows, 3H), weight W (3H, H), bias v (3H), state (rows, H) to (steps, rows, H). The
/// gates lie in PyTorch's order: reset, update, new.
///
/// # Errors
/// [`SequenceError`] where they do not fit each other.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_caption::ops::gru;
/// let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu);
/// let y = gru(&zeros(&[5, 2, 9])?, &zeros(&[9, 3])?, &zeros(&[9])?, &zeros(&[2, 3])?)?;
/// assert_eq!(y.dims(), [5, 2, 3]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # References
/// K. Cho et al., *Learning Phrase Representations using RNN Encoder-Decoder for Statistical
/// Machine Translation*, 2014, which resets h before the product; PyTorch and cuDNN, as here, reset
/// the product.
pub fn gru(x: &Tensor, weight: &Tensor, bias: &Tensor, state: &Tensor) -> Result<Tensor> {
    let sizes = Sizes::of("gru", [x, weight, state], (3, 1))?;
    if bias.dims() != [3 * sizes.hidden] || bias.dtype() != x.dtype() {
        let (wanted, got) = (format!("[{}] of the type of x", 3 * sizes.hidden), bias.dims().to_vec());
        return Err(SequenceError::Shape { cell: "gru", what: "the bias", wanted, got }.into());
    }
    // The bias as the last column, that of an input of 1.
    let both = Tensor::cat(&[weight, &bias.reshape((3 * sizes.hidden, 1))?], 1)?;
    match x.dtype() {
        DType::F64 => of_type::<f64>(sizes, x, &both, state),
        _ => of_type::<f32>(sizes, x, &both, state),
    }
}

fn of_type<T: Real>(sizes: Sizes, x: &Tensor, both: &Tensor, state: &Tensor) -> Result<Tensor> {
    let Sizes { steps, rows, hidden } = sizes;
    let (w, v) = (both.detach().narrow(1, 0, hidden)?.contiguous()?, both.detach().narrow(1, hidden, 1)?);
    let (begin, v) = (elements::<T>(state)?, v.flatten_all()?);
    let (y, gates) = forward(sizes, elements::<T>(x)?, (&w, &v), &begin)?;
    let result = Tensor::from_slice(&y, (steps, rows, hidden), &Device::Cpu)?;
    record("gru", [x, both, state], result, move |dy| backward(sizes, &w, (&begin, &y, &gates), elements::<T>(dy)?))
}

/// The result, and of each step and row r, z, n and q.
fn forward<T: Real>(sizes: Sizes, x: Vec<T>, (w, v): (&Tensor, &Tensor), begin: &[T]) -> Result<(Vec<T>, Vec<T>)> {
    let Sizes { steps, rows, hidden } = sizes;
    let (wide, kept) = (3 * hidden, 4 * hidden);
    let (mut y, mut gates) = (vec![T::zero(); steps * rows * hidden], vec![T::zero(); steps * rows * kept]);
    for step in 0..steps {
        let (done, rest) = y.split_at_mut(step * rows * hidden);
        let before = if step == 0 { begin } else { &done[(step - 1) * rows * hidden..] };
        let h = Tensor::from_slice(&before[..rows * hidden], (rows, hidden), &Device::Cpu)?;
        let product = elements::<T>(&linear(&h, w, Some(v))?)?;
        let now = &mut rest[..rows * hidden];
        let gates = &mut gates[step * rows * kept..(step + 1) * rows * kept];
        now.par_chunks_mut(hidden).zip(gates.par_chunks_mut(kept)).enumerate().for_each(|(row, (now, gates))| {
            let at = (step * rows + row) * wide;
            let (x, product) = (&x[at..at + wide], &product[row * wide..(row + 1) * wide]);
            let before = &before[row * hidden..(row + 1) * hidden];
            for k in 0..hidden {
                let sum = |gate: usize| x[gate * hidden + k] + product[gate * hidden + k];
                let (r, z, q) = (sum(0).sigmoid(), sum(1).sigmoid(), product[2 * hidden + k]);
                let n = (x[2 * hidden + k] + r * q).tanh();
                now[k] = (T::one() - z) * n + z * before[k];
                for (gate, value) in [r, z, n, q].into_iter().enumerate() {
                    gates[gate * hidden + k] = value;
                }
            }
        });
    }
    Ok((y, gates))
}

/// The gradients of x, the weight with its bias, and the state.
fn backward<T: Real>(
    sizes: Sizes,
    w: &Tensor,
    (begin, y, gates): (&[T], &[T], &[T]),
    dy: Vec<T>,
) -> Result<[Tensor; 3]> {
    let Sizes { steps, rows, hidden } = sizes;
    let (wide, kept) = (3 * hidden, 4 * hidden);
    let transposed = w.t()?.contiguous()?;
    let (mut dx, mut dproduct) = (vec![T::zero(); steps * rows * wide], vec![T::zero(); steps * rows * wide]);
    // What later steps ask of the hidden values.
    let mut later = vec![T::zero(); rows * hidden];
    for step in (0..steps).rev() {
        let before = if step == 0 { begin } else { &y[(step - 1) * rows * hidden..] };
        let part = step * rows * wide..(step + 1) * rows * wide;
        let (dxs, dps) = (&mut dx[part.clone()], &mut dproduct[part]);
        let all = dxs.par_chunks_mut(wide).zip(dps.par_chunks_mut(wide)).zip(later.par_chunks_mut(hidden));
        all.enumerate().for_each(|(row, ((dx, dp), later))| {
            let at = step * rows + row;
            let (gates, dy) = (&gates[at * kept..(at + 1) * kept], &dy[at * hidden..(at + 1) * hidden]);
            let before = &before[row * hidden..(row + 1) * hidden];
            let one = T::one();
            for k in 0..hidden {
                let (r, z) = (gates[k], gates[hidden + k]);
                let (n, q) = (gates[2 * hidden + k], gates[3 * hidden + k]);
                let dh = dy[k] + later[k];
                let dn = dh * (one - z) * (one - n * n);
                let dz = dh * (before[k] - n) * z * (one - z);
                let dr = dn * q * r * (one - r);
                (dx[k], dx[hidden + k], dx[2 * hidden + k]) = (dr, dz, dn);
                (dp[k], dp[hidden + k], dp[2 * hidden + k]) = (dr, dz, dn * r);
                later[k] = dh * z;
            }
        });
        let dps = Tensor::from_slice(dps, (rows, wide), &Device::Cpu)?;
        let dh = elements::<T>(&linear(&dps, &transposed, None)?)?;
        later.iter_mut().zip(dh).for_each(|(later, dh)| *later += dh);
    }
    let dproduct = Tensor::from_vec(dproduct, (steps * rows, wide), &Device::Cpu)?;
    // The hidden values before each step, and the 1 that the bias is multiplied by.
    let before = begin.chunks(hidden).chain(y.chunks(hidden)).take(steps * rows);
    let before: Vec<T> = before.flat_map(|row| row.iter().copied().chain([T::one()])).collect();
    let before = Tensor::from_vec(before, (steps * rows, hidden + 1), &Device::Cpu)?;
    let dw = linear(&dproduct.t()?.contiguous()?, &before.t()?.contiguous()?, None)?;
    let dx = Tensor::from_vec(dx, (steps, rows, wide), &Device::Cpu)?;
    Ok([dx, dw, Tensor::from_vec(later, (rows, hidden), &Device::Cpu)?])
}
