//! Maps of which each row and column is a sum of others.

use candle_core::{Result, Tensor};

use crate::sizes::made;

/// The outputs along a side.
pub(super) struct Side<'a, I> {
    /// How many.
    pub(super) out: usize,
    /// The pixels that an output is the sum of, with their weights.
    pub(super) of: &'a dyn Fn(usize) -> I,
}

impl<I: Iterator<Item = (usize, f64)>> Side<'_, I> {
    /// The sums over `size` pixels as a matrix, once for each of a batch.
    fn matrix(&self, size: usize, batch: usize, like: &Tensor) -> Result<Tensor> {
        let mut weights = vec![0f64; self.out * size];
        for i in 0..self.out {
            (self.of)(i).for_each(|(pixel, weight)| weights[i * size + pixel] += weight);
        }
        let matrix = Tensor::from_vec(weights, (1, self.out, size), like.device())?.to_dtype(like.dtype())?;
        matrix.broadcast_as((batch, self.out, size))?.contiguous()
    }
}

/// A map (N,H,W,C) to one whose rows, and then whose columns, are such sums: two products.
///
/// # Errors
/// When a matrix is larger than memory.
pub(super) fn blended<I: Iterator<Item = (usize, f64)>, J: Iterator<Item = (usize, f64)>>(
    operation: &'static str,
    x: &Tensor,
    rows: Side<'_, I>,
    columns: Side<'_, J>,
) -> Result<Tensor> {
    let ((n, h, w, c), oh, ow) = (x.dims4()?, rows.out, columns.out);
    for matrices in [[1, oh, h, 1], [1, ow, w, 1], [n, oh, h, 1], [n, oh, ow, w], [n, oh, w, c]] {
        made(operation, &matrices, 8)?;
    }
    let down = rows.matrix(h, n, x)?.matmul(&x.reshape((n, h, w * c))?)?;
    columns.matrix(w, n * oh, x)?.matmul(&down.reshape((n * oh, w, c))?)?.reshape((n, oh, ow, c))
}
