//! Pooling of candle's operations.

use candle_core::{Result, Tensor};

use super::axis::{every, greatest, nothing};
use super::blend::{Side, blended};
use crate::regions::Regions;
use crate::sizes::{Averaging, Cells, Checked, given, made};
use crate::window::{AvgPool, Pool};

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

/// An entry of -inf at the end of an axis.
fn pad_lowest(x: &Tensor, axis: usize) -> Result<Tensor> {
    let mut dims = x.dims().to_vec();
    dims[axis] = 1;
    let lowest = Tensor::full(f32::NEG_INFINITY, dims, x.device())?.to_dtype(x.dtype())?;
    Tensor::cat(&[x, &lowest], axis)
}

/// See [`crate::avg_pool2d`]: two products with the matrices that average rows and columns.
///
/// # Errors
/// As there; and when a matrix is larger than memory.
pub fn avg_pool2d(x: &Tensor, pool: AvgPool) -> Result<Tensor> {
    given("avg_pool2d", x)?;
    let d = Checked::windows(x.dims4()?.into(), pool, x.dtype().size_in_bytes())?;
    averages("avg_pool2d", x, d)
}

/// See [`crate::adaptive_avg_pool2d`]: as [`avg_pool2d`].
///
/// # Errors
/// As there; and when a matrix is larger than memory.
pub fn adaptive_avg_pool2d(x: &Tensor, output: (usize, usize)) -> Result<Tensor> {
    const NAME: &str = "adaptive_avg_pool2d";
    given(NAME, x)?;
    averages(NAME, x, Checked::adaptive(NAME, x.dims4()?.into(), output, x.dtype().size_in_bytes())?)
}

fn averages(operation: &'static str, x: &Tensor, d: Checked<Averaging>) -> Result<Tensor> {
    if d.output().contains(&0) {
        return nothing(&[x], &d.output());
    }
    let shares = |cells: Cells, i: usize| cells.span(i).map(move |pixel| (pixel, 1.0 / cells.divisor(i)));
    let (rows, columns) = (|i| shares(d.rows, i), |i| shares(d.columns, i));
    blended(operation, x, Side { out: d.oh, of: &rows }, Side { out: d.ow, of: &columns })
}

/// See [`crate::adaptive_max_pool2d`], cell by cell.
///
/// # Errors
/// As there.
pub fn adaptive_max_pool2d(x: &Tensor, output: (usize, usize)) -> Result<Tensor> {
    fractional_max_pool2d(x, &Regions::adaptive(x, output)?)
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
