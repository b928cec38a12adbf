//! Convolutions of candle's operations.

use candle_core::{Result, Tensor};

use super::axis::nothing;
use super::taps::Taps;
use crate::ops::inputs;
use crate::window::{Conv, ConvPerAxis, ConvTranspose};

/// See [`crate::conv2d`]: every tap of the kernel as a map of its own, and one product with the
/// weight.
///
/// # Errors
/// As there; and when the maps of all taps are larger than memory.
pub fn conv2d(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, conv: Conv) -> Result<Tensor> {
    // candle's own conv2d has no gradient where its windows leave out other numbers of rows than of
    // columns.
    let d = inputs::convolution(x, weight, bias, conv)?;
    if d.y_len() == 0 {
        return nothing_of(x, weight, bias, &d.output());
    }
    let taps = Taps {
        rows: (0..d.r).map(|tap| (0..d.oh).map(|y| d.row(y, tap)).collect()).collect(),
        columns: (0..d.s).map(|tap| (0..d.ow).map(|x| d.column(x, tap)).collect()).collect(),
    };
    let y = taps.product("conv2d", x, d.groups, |group| forward_matrix(weight, group, d.groups))?;
    with_bias(y, bias)
}

/// See [`crate::conv1d`].
///
/// # Errors
/// As [`conv2d`].
pub fn conv1d(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, conv: Conv) -> Result<Tensor> {
    let (d, x, weight) = inputs::convolution_of_rows(x, weight, bias, conv)?;
    let shape = [d.n, d.ow, d.o];
    if d.y_len() == 0 {
        return nothing_of(&x, &weight, bias, &shape);
    }
    let columns = (0..d.s).map(|tap| (0..d.ow).map(|x| d.column(x, tap)).collect()).collect();
    let taps = Taps { rows: vec![vec![Some(0)]], columns };
    let y = taps.product("conv1d", &x, d.groups, |group| forward_matrix(&weight, group, d.groups))?;
    with_bias(y.reshape(&shape)?, bias)
}

/// See [`crate::conv2d_per_axis`].
///
/// # Errors
/// As [`conv2d`].
pub fn conv2d_per_axis(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, conv: ConvPerAxis) -> Result<Tensor> {
    let (d, keep) = inputs::convolution_per_axis(x, weight, bias, conv)?;
    let [oh, ow] = [d.oh.div_ceil(keep.0), d.ow.div_ceil(keep.1)];
    if d.y_len() == 0 {
        return nothing_of(x, weight, bias, &[d.n, oh, ow, d.o]);
    }
    let taps = Taps {
        rows: (0..d.r).map(|tap| (0..oh).map(|y| d.row(y * keep.0, tap)).collect()).collect(),
        columns: (0..d.s).map(|tap| (0..ow).map(|x| d.column(x * keep.1, tap)).collect()).collect(),
    };
    let y = taps.product("conv2d_per_axis", x, d.groups, |group| forward_matrix(weight, group, d.groups))?;
    with_bias(y, bias)
}

/// See [`crate::conv_transpose2d`]: every tap of the kernel as the map of those pixels that reach
/// an output through it, and one product with the weight.
///
/// # Errors
/// As there; and when the maps of all taps are larger than memory.
pub fn conv_transpose2d(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, conv: ConvTranspose) -> Result<Tensor> {
    let d = inputs::transposed(x, weight, bias, conv)?;
    let shape = [d.n, d.h, d.w, d.c];
    if d.x_len() == 0 {
        return nothing_of(x, weight, bias, &shape);
    }
    // The window of the convolution that has this pixel under this tap.
    let window = |at: usize, tap: usize, before: usize, count: usize| {
        let from = (at + before).checked_sub(tap * d.dilation)?;
        Some(from / d.stride).filter(|&window| from % d.stride == 0 && window < count)
    };
    let taps = Taps {
        rows: (0..d.r).map(|tap| (0..d.h).map(|y| window(y, tap, d.top, d.oh)).collect()).collect(),
        columns: (0..d.s).map(|tap| (0..d.w).map(|x| window(x, tap, d.left, d.ow)).collect()).collect(),
    };
    let y = taps.product("conv_transpose2d", x, d.groups, |group| {
        let (i, (o, r, s)) = (d.o / d.groups, (d.c / d.groups, d.r, d.s));
        weight.narrow(0, group * i, i)?.permute((2, 3, 0, 1))?.reshape((r * s * i, o))
    })?;
    with_bias(y, bias)
}

/// The weight of a group as the matrix (taps · inputs) x outputs.
fn forward_matrix(weight: &Tensor, group: usize, groups: usize) -> Result<Tensor> {
    let (o, i, r, s) = weight.dims4()?;
    let o = o / groups;
    weight.narrow(0, group * o, o)?.permute((2, 3, 1, 0))?.reshape((r * s * i, o))
}

fn with_bias(y: Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    match bias {
        Some(bias) => y.broadcast_add(bias),
        None => Ok(y),
    }
}

fn nothing_of(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, shape: &[usize]) -> Result<Tensor> {
    nothing(&[x, weight].into_iter().chain(bias).collect::<Vec<_>>(), shape)
}
