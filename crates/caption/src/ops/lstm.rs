//! Long short-term memory.

use candle_core::{DType, Device, Result, Tensor};
use rayon::prelude::*;
use taper_tensor::linear;

use super::error::Sizes;
use super::real::{Real, elements};
use super::recorded::record;

/// The hidden values and cells of an LSTM after each step:
///
/// ```text
/// (i, f, g, o) = x[t] + W h[t-1]
/// c[t] = σ(f) c[t-1] + σ(i) tanh(g)
/// h[t] = σ(o) tanh(c[t])
/// ```
///
/// x has the products of the inputs with both biases, which are one [`linear`] for all steps. The
/// state and each row of the result are h and c side by side, so the last step's is the state to go
/// on with.
///
/// # Shapes
/// x (steps, rows, 4H), weight W (4H, H), state (rows, 2H) to (steps, rows, 2H). The gates lie in
/// PyTorch's order: input, forget, cell, output.
///
/// # Errors
/// [`SequenceError`](super::SequenceError) where they do not fit each other.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_caption::ops::lstm;
/// let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu);
/// let y = lstm(&zeros(&[5, 2, 12])?, &zeros(&[12, 3])?, &zeros(&[2, 6])?)?;
/// assert_eq!(y.dims(), [5, 2, 6]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # References
/// S. Hochreiter, J. Schmidhuber, *Long Short-Term Memory*, 1997; with the forget gate of F. Gers,
/// J. Schmidhuber, F. Cummins, *Learning to Forget*, 2000.
pub fn lstm(x: &Tensor, weight: &Tensor, state: &Tensor) -> Result<Tensor> {
    let sizes = Sizes::of("lstm", [x, weight, state], (4, 2))?;
    match x.dtype() {
        DType::F64 => of_type::<f64>(sizes, x, weight, state),
        _ => of_type::<f32>(sizes, x, weight, state),
    }
}

fn of_type<T: Real>(sizes: Sizes, x: &Tensor, weight: &Tensor, state: &Tensor) -> Result<Tensor> {
    let w = weight.detach().contiguous()?;
    let begin = elements::<T>(state)?;
    let (y, gates) = forward(sizes, elements::<T>(x)?, &w, &begin)?;
    let Sizes { steps, rows, hidden } = sizes;
    let result = Tensor::from_slice(&y, (steps, rows, 2 * hidden), &Device::Cpu)?;
    record("lstm", [x, weight, state], result, move |dy| backward(sizes, &w, (&begin, &y, &gates), elements::<T>(dy)?))
}

/// The result, and the values of the gates, which take the place of x.
fn forward<T: Real>(sizes: Sizes, x: Vec<T>, w: &Tensor, begin: &[T]) -> Result<(Vec<T>, Vec<T>)> {
    let Sizes { steps, rows, hidden } = sizes;
    let (state, wide) = (2 * hidden, 4 * hidden);
    let (mut y, mut gates) = (vec![T::zero(); steps * rows * state], x);
    for step in 0..steps {
        let (done, rest) = y.split_at_mut(step * rows * state);
        let before = if step == 0 { begin } else { &done[(step - 1) * rows * state..] };
        let product = elements::<T>(&linear(&halves(before, rows, hidden)?, w, None)?)?;
        let now = &mut rest[..rows * state];
        let gates = &mut gates[step * rows * wide..(step + 1) * rows * wide];
        now.par_chunks_mut(state).zip(gates.par_chunks_mut(wide)).enumerate().for_each(|(row, (now, gates))| {
            let product = &product[row * wide..(row + 1) * wide];
            let cells = &before[row * state + hidden..(row + 1) * state];
            for k in 0..hidden {
                let at = |gate: usize| gates[gate * hidden + k] + product[gate * hidden + k];
                let (i, f, g, o) = (at(0).sigmoid(), at(1).sigmoid(), at(2).tanh(), at(3).sigmoid());
                let c = f * cells[k] + i * g;
                (now[k], now[hidden + k]) = (o * c.tanh(), c);
                for (gate, value) in [i, f, g, o].into_iter().enumerate() {
                    gates[gate * hidden + k] = value;
                }
            }
        });
    }
    Ok((y, gates))
}

/// The first half of each row: hidden values without cells.
fn halves<T: Real>(state: &[T], rows: usize, hidden: usize) -> Result<Tensor> {
    let first: Vec<T> = state.chunks(2 * hidden).take(rows).flat_map(|row| &row[..hidden]).copied().collect();
    Tensor::from_vec(first, (rows, hidden), &Device::Cpu)
}

/// The gradients of x, the weight and the state.
fn backward<T: Real>(
    sizes: Sizes,
    w: &Tensor,
    (begin, y, gates): (&[T], &[T], &[T]),
    dy: Vec<T>,
) -> Result<[Tensor; 3]> {
    let Sizes { steps, rows, hidden } = sizes;
    let (state, wide) = (2 * hidden, 4 * hidden);
    let transposed = w.t()?.contiguous()?;
    let mut dx = vec![T::zero(); steps * rows * wide];
    // What later steps ask of the hidden values and the cells.
    let mut later = vec![T::zero(); rows * state];
    for step in (0..steps).rev() {
        let before = if step == 0 { begin } else { &y[(step - 1) * rows * state..] };
        let dgates = &mut dx[step * rows * wide..(step + 1) * rows * wide];
        dgates.par_chunks_mut(wide).zip(later.par_chunks_mut(state)).enumerate().for_each(|(row, (dgates, later))| {
            let at = step * rows + row;
            let (now, dy) = (&y[at * state..(at + 1) * state], &dy[at * state..(at + 1) * state]);
            let (gates, cells) = (&gates[at * wide..(at + 1) * wide], &before[row * state + hidden..]);
            let one = T::one();
            for k in 0..hidden {
                let (i, f) = (gates[k], gates[hidden + k]);
                let (g, o) = (gates[2 * hidden + k], gates[3 * hidden + k]);
                let (dh, tanh) = (dy[k] + later[k], now[hidden + k].tanh());
                let dc = dy[hidden + k] + later[hidden + k] + dh * o * (one - tanh * tanh);
                dgates[k] = dc * g * i * (one - i);
                dgates[hidden + k] = dc * cells[k] * f * (one - f);
                dgates[2 * hidden + k] = dc * i * (one - g * g);
                dgates[3 * hidden + k] = dh * tanh * o * (one - o);
                later[hidden + k] = dc * f;
            }
        });
        let dgates = Tensor::from_slice(dgates, (rows, wide), &Device::Cpu)?;
        let dh = elements::<T>(&linear(&dgates, &transposed, None)?)?;
        for (later, dh) in later.chunks_mut(state).zip(dh.chunks(hidden)) {
            later[..hidden].copy_from_slice(dh);
        }
    }
    let dx = Tensor::from_vec(dx, (steps * rows, wide), &Device::Cpu)?;
    let before = begin.chunks(state).chain(y.chunks(state)).take(steps * rows);
    let before: Vec<T> = before.flat_map(|row| &row[..hidden]).copied().collect();
    let before = Tensor::from_vec(before, (steps * rows, hidden), &Device::Cpu)?;
    let dw = linear(&dx.t()?.contiguous()?, &before.t()?.contiguous()?, None)?;
    let later = Tensor::from_vec(later, (rows, state), &Device::Cpu)?;
    Ok([dx.reshape((steps, rows, wide))?, dw, later])
}
