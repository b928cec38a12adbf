//! The cells made of candle's operations: slow, and what the others are held to.

use candle_core::{D, Result, Tensor};
use candle_nn::ops::sigmoid;
use taper_tensor::linear;

/// [`lstm`](super::lstm()), a step after the other.
///
/// # Errors
/// When shapes do not fit each other.
pub fn lstm(x: &Tensor, weight: &Tensor, state: &Tensor) -> Result<Tensor> {
    let (steps, _, wide) = x.dims3()?;
    let hidden = wide / 4;
    let (mut h, mut c) = (state.narrow(1, 0, hidden)?, state.narrow(1, hidden, hidden)?);
    let mut all = Vec::new();
    for step in 0..steps {
        let sum = (x.get(step)? + linear(&h.contiguous()?, weight, None)?)?;
        let gate = |number: usize| sum.narrow(1, number * hidden, hidden);
        let (i, f, g, o) = (sigmoid(&gate(0)?)?, sigmoid(&gate(1)?)?, gate(2)?.tanh()?, sigmoid(&gate(3)?)?);
        c = ((f * &c)? + (i * g)?)?;
        h = (o * c.tanh()?)?;
        all.push(Tensor::cat(&[&h, &c], D::Minus1)?);
    }
    Tensor::stack(&all, 0)
}

/// [`gru`](super::gru()), a step after the other.
///
/// # Errors
/// When shapes do not fit each other.
pub fn gru(x: &Tensor, weight: &Tensor, bias: &Tensor, state: &Tensor) -> Result<Tensor> {
    let (steps, _, wide) = x.dims3()?;
    let hidden = wide / 3;
    let mut h = state.clone();
    let mut all = Vec::new();
    for step in 0..steps {
        let (x, product) = (x.get(step)?, linear(&h.contiguous()?, weight, Some(bias))?);
        let part = |of: &Tensor, number: usize| of.narrow(1, number * hidden, hidden);
        let r = sigmoid(&(part(&x, 0)? + part(&product, 0)?)?)?;
        let z = sigmoid(&(part(&x, 1)? + part(&product, 1)?)?)?;
        let n = (part(&x, 2)? + (r * part(&product, 2)?)?)?.tanh()?;
        h = ((z.affine(-1.0, 1.0)? * n)? + (z * &h)?)?;
        all.push(h.clone());
    }
    Tensor::stack(&all, 0)
}
