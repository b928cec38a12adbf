//! The weight of a convolution in integers: by output channel its scale, so that the largest value
//! is 127.

use crate::kernels::conv::direct::panels_of;
use crate::kernels::gemm::{Operands, packed_len, panels};
use crate::kernels::simd::Simd;
use crate::sizes::Convolution;

/// Steps of k in a word.
pub(super) const QUAD: usize = 4;

/// A weight as the products read it: panels of quads; and of each output channel the scale, and
/// the sum of its integers (as bits).
pub(super) struct Quantized<'a> {
    all: &'a [f32],
    size: usize,
    outputs: usize,
}

impl<'a> Quantized<'a> {
    /// Of what [`packed`] has made.
    pub(super) fn new(simd: Simd, d: &Convolution, all: &'a [f32]) -> Self {
        let size = packed_len(lanes(simd), d.o, words(d));
        assert_eq!(all.len(), size + 2 * d.o);
        Self { all, size, outputs: d.o }
    }

    pub(super) fn panels(&self) -> &'a [f32] {
        &self.all[..self.size]
    }

    pub(super) fn scales(&self) -> &'a [f32] {
        &self.all[self.all.len() - 2 * self.outputs..][..self.outputs]
    }

    pub(super) fn sums(&self) -> &'a [f32] {
        &self.all[self.all.len() - self.outputs..]
    }
}

/// Words of a window.
pub(super) fn words(d: &Convolution) -> usize {
    (d.c * d.r * d.s).div_ceil(QUAD)
}

fn lanes(simd: Simd) -> usize {
    <f32 as crate::kernels::simd::Real>::lanes(simd)
}

/// Rounds a weight (O,I,R,S) of one group to integers, in panels.
pub(crate) fn packed(simd: Simd, d: &Convolution, weight: &[f32]) -> Vec<f32> {
    let k = d.c * d.r * d.s;
    let mut all = Vec::with_capacity(packed_len(lanes(simd), d.o, words(d)) + 2 * d.o);
    let mut channels = Vec::with_capacity(d.o);
    let floats = panels_of((simd, Operands::Floats), d, 0, weight);
    for (from, width) in panels(lanes(simd), d.o) {
        let panel = &floats[from * k..][..width * k];
        let columns: Vec<_> = (0..width).map(|column| Column::of(panel, column, width)).collect();
        for rows in panel.chunks(QUAD * width) {
            all.extend(columns.iter().enumerate().map(|(at, column)| column.word(rows, at, width)));
        }
        channels.extend(columns.into_iter().take(d.o - from));
    }
    all.extend(channels.iter().map(|column| column.scale));
    all.extend(channels.iter().map(|column| f32::from_bits(column.sum.cast_unsigned())));
    all
}

/// What an output channel is rounded by.
struct Column {
    scale: f32,
    inverse: f32,
    sum: i32,
}

impl Column {
    /// A column of a panel. One with a value that is not finite has the scale NaN.
    fn of(panel: &[f32], column: usize, width: usize) -> Self {
        let values = || panel.iter().skip(column).step_by(width);
        let most = values().fold(0f32, |most, value| most.max(value.abs()));
        let scale = if values().all(|value| value.is_finite()) { most / 127.0 } else { f32::NAN };
        let mut column = Self { scale, inverse: inverse(scale), sum: 0 };
        column.sum = values().map(|&value| i32::from(column.integer(value))).sum();
        column
    }

    fn integer(&self, value: f32) -> i8 {
        (value * self.inverse).round_ties_even() as i8
    }

    /// Four rows of the column, those past the last zero.
    fn word(&self, rows: &[f32], at: usize, width: usize) -> f32 {
        let mut bytes = [0; QUAD];
        for (byte, value) in bytes.iter_mut().zip(rows.iter().skip(at).step_by(width)) {
            *byte = self.integer(*value).cast_unsigned();
        }
        f32::from_bits(u32::from_le_bytes(bytes))
    }
}

/// 1 / scale, or 0 where that is no number to multiply with.
#[inline(always)]
pub(super) fn inverse(scale: f32) -> f32 {
    let inverse = 1.0 / scale;
    if inverse.is_finite() { inverse } else { 0.0 }
}
