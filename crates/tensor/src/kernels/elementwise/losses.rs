//! Losses that are a mean over the elements of a matrix: each element has a value, and a slope by
//! its prediction and by its target.
//!
//! They are computed in float64 whatever the matrix is of: a batch has a few thousand such numbers.

use crate::kernels::simd::Real;

/// What a loss does to an element.
#[derive(Clone, Debug)]
pub(crate) enum ElementLoss {
    /// Binary cross-entropy of logits, with the weight of a target of 1 by column; all are 1 where
    /// there are none.
    BinaryCrossEntropy(Vec<f64>),
    /// `|y - t|`.
    L1,
    /// `(y - t)²`.
    Mse,
    /// `(y - t)² / 2` up to the distance δ, `δ (|y - t| - δ / 2)` from there on.
    Huber(f64),
}

/// The value of an element, and its derivatives by the prediction and by the target.
struct Element {
    value: f64,
    by_prediction: f64,
    by_target: f64,
}

impl ElementLoss {
    fn at(&self, column: usize, y: f64, t: f64) -> Element {
        let d = y - t;
        let (value, slope) = match self {
            Self::BinaryCrossEntropy(weights) => {
                return cross_entropy(y, t, weights.get(column).copied().unwrap_or(1.0));
            }
            Self::L1 => (d.abs(), if d == 0.0 { 0.0 } else { d.signum() }),
            Self::Mse => (d * d, 2.0 * d),
            Self::Huber(delta) => {
                let near = d.clamp(-delta, *delta);
                (near * (d - 0.5 * near), near)
            }
        };
        Element { value, by_prediction: slope, by_target: -slope }
    }
}

/// `(1 - t) z + (1 + (w - 1) t) log(1 + e⁻ᶻ)`, finite for any finite logit.
fn cross_entropy(z: f64, t: f64, weight: f64) -> Element {
    let share = 1.0 + (weight - 1.0) * t;
    let small = (-z.abs()).exp();
    let softplus = small.ln_1p() + (-z).max(0.0);
    let not = if z < 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) };
    Element {
        value: (1.0 - t) * z + share * softplus,
        by_prediction: 1.0 - t - share * not,
        by_target: (weight - 1.0) * softplus - z,
    }
}

/// The mean over the elements of a matrix of c columns.
pub(crate) fn mean<T: Real>(loss: &ElementLoss, y: &[T], t: &[T], c: usize) -> T {
    let values = y.iter().zip(t).enumerate().map(|(i, (y, t))| loss.at(i % c, y.to_f64(), t.to_f64()).value);
    T::of(values.sum::<f64>() / y.len() as f64)
}

/// The gradients of the mean times `scale`: of the predictions, and of the targets.
pub(crate) fn mean_backward<T: Real>(loss: &ElementLoss, y: &[T], t: &[T], c: usize, scale: T) -> (Vec<T>, Vec<T>) {
    let scale = scale.to_f64() / y.len() as f64;
    let slopes = y.iter().zip(t).enumerate().map(|(i, (y, t))| {
        let element = loss.at(i % c, y.to_f64(), t.to_f64());
        (T::of(element.by_prediction * scale), T::of(element.by_target * scale))
    });
    slopes.unzip()
}
