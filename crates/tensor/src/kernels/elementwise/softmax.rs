//! Cross-entropy on the rows of an N×C matrix of logits.

use crate::kernels::simd::Real;

/// `log Σ exp`, safe for any finite row.
fn log_sum_exp<T: Real>(row: &[T]) -> T {
    let max = row.iter().fold(T::NEG_INFINITY, |a, &b| if b > a { b } else { a });
    if max == T::NEG_INFINITY {
        return max;
    }
    max + row.iter().map(|&v| (v - max).exp()).sum::<T>().ln()
}

/// `x - log Σ exp(x)` for each row.
pub(crate) fn log_softmax<T: Real>(logits: &[T], c: usize) -> Vec<T> {
    let rows = logits.chunks_exact(c.max(1));
    rows.flat_map(|row| {
        let total = log_sum_exp(row);
        row.iter().map(move |&v| v - total)
    })
    .collect()
}

/// The gradient `dy - softmax · Σ dy` of each row, from the output y, whose exponential is the
/// softmax.
pub(crate) fn log_softmax_backward<T: Real>(dy: &[T], y: &[T], c: usize) -> Vec<T> {
    let rows = dy.chunks_exact(c.max(1)).zip(y.chunks_exact(c.max(1)));
    rows.flat_map(|(dy, y)| {
        let total: T = dy.iter().copied().sum();
        dy.iter().zip(y).map(move |(&dy, &y)| dy - y.exp() * total)
    })
    .collect()
}

/// `-1/N Σ t · log p`; a class of probability zero in the target adds nothing, however small p is.
pub(crate) fn cross_entropy<T: Real>(logits: &[T], targets: &[T], c: usize) -> T {
    let log_p = log_softmax(logits, c);
    let sum: T = targets.iter().zip(&log_p).filter(|(t, _)| **t != T::ZERO).map(|(&t, &l)| t * l).sum();
    -sum / T::of((logits.len() / c) as f64)
}

/// The gradient of the logits, `(p Σt - t) · scale / N`, and of the targets, `-log p · scale / N`.
pub(crate) fn cross_entropy_backward<T: Real>(logits: &[T], targets: &[T], c: usize, scale: T) -> (Vec<T>, Vec<T>) {
    let scale = scale / T::of((logits.len() / c) as f64);
    let log_p = log_softmax(logits, c);
    let d_logits = log_p.chunks_exact(c).zip(targets.chunks_exact(c)).flat_map(|(log_p, t)| {
        let total: T = t.iter().copied().sum();
        log_p.iter().zip(t).map(move |(&l, &t)| (l.exp() * total - t) * scale)
    });
    (d_logits.collect(), log_p.iter().map(|&l| -l * scale).collect())
}
