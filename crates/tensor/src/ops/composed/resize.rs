//! Resizing of candle's operations.

use candle_core::{Result, Tensor};

use super::axis::nothing;
use super::blend::{Side, blended};
use crate::sizes::{Checked, given};

/// See [`crate::resize_bilinear`]: two products with the matrices that blend rows and columns.
///
/// # Errors
/// As there; and when a matrix is larger than memory.
pub fn resize_bilinear(x: &Tensor, output: (usize, usize)) -> Result<Tensor> {
    given("resize_bilinear", x)?;
    let d = Checked::resizing(x.dims4()?.into(), output, x.dtype().size_in_bytes())?;
    if d.output().contains(&0) {
        return nothing(&[x], &d.output());
    }
    let (rows, columns) = (d.rows(), d.columns());
    let rows = |i: usize| rows[i].pixels.into_iter().zip(rows[i].weights);
    let columns = |i: usize| columns[i].pixels.into_iter().zip(columns[i].weights);
    blended("resize_bilinear", x, Side { out: d.oh, of: &rows }, Side { out: d.ow, of: &columns })
}
