//! Convolution of candle's operations.

use candle_core::{Result, Tensor};

use super::axis::{every, nothing};
use crate::ops::inputs;
use crate::sizes::made;
use crate::window::Conv;

/// See [`crate::conv2d`]: every tap of the kernel as a map of its own, and one product with the
/// weight.
///
/// # Errors
/// As there; and when the maps of all taps are larger than memory.
pub fn conv2d(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, conv: Conv) -> Result<Tensor> {
    // candle's own conv2d has no gradient for a kernel that is not square, nor for groups.
    let d = inputs::convolution(x, weight, bias, conv)?;
    if d.y_len() == 0 {
        let inputs: Vec<&Tensor> = [x, weight].into_iter().chain(bias).collect();
        return nothing(&inputs, &d.output());
    }
    let (i, o, taps) = (d.c / d.groups, d.o / d.groups, d.r * d.s);
    made("conv2d", &[d.n, d.oh, d.ow, d.r, d.s, i], x.dtype().size_in_bytes())?;
    let x = match conv.padding > 0 || conv.same {
        false => x.clone(),
        true => x.pad_with_zeros(1, 0, 1)?.pad_with_zeros(2, 0, 1)?,
    };
    let mut parts = Vec::with_capacity(d.groups);
    for g in 0..d.groups {
        let group = x.narrow(3, g * i, i)?;
        let mut maps = Vec::with_capacity(taps);
        for row in 0..d.r {
            let rows = every(&group, 1, d.h, (0..d.oh).map(|y| d.row(y, row)))?;
            for column in 0..d.s {
                maps.push(every(&rows, 2, d.w, (0..d.ow).map(|x| d.column(x, column)))?);
            }
        }
        let maps = Tensor::cat(&maps, 3)?.reshape((d.n * d.oh * d.ow, taps * i))?;
        let matrix = weight.narrow(0, g * o, o)?.permute((2, 3, 1, 0))?.reshape((taps * i, o))?;
        parts.push(maps.matmul(&matrix)?);
    }
    let y = Tensor::cat(&parts, 1)?.reshape(d.output().to_vec())?;
    match bias {
        Some(bias) => y.broadcast_add(bias),
        None => Ok(y),
    }
}
