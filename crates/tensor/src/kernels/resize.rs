//! Bilinear resizing of (N,H,W,C) maps, each way in one pass: a thread has a row.

use std::ops::Range;

use super::memory::chunks;
use super::simd::Real;
use crate::sizes::{Blend, Checked, Resizing};

/// The map (N,OH,OW,C): each output is blended of four pixels.
pub(crate) fn forward<T: Real>(d: Checked<Resizing>, x: &[T]) -> Vec<T> {
    assert_eq!(x.len(), d.n * d.h * d.w * d.c, "resizing of another shape");
    let (rows, columns) = (d.rows(), d.columns());
    let mut out = vec![T::ZERO; d.n * d.oh * d.ow * d.c];
    chunks(&mut out, (d.ow * d.c).max(1), |i, out| {
        let row = &rows[i % d.oh];
        for (out, column) in out.chunks_exact_mut(d.c).zip(&columns) {
            for (y, down) in row.pixels.into_iter().zip(row.weights) {
                for (x_at, along) in column.pixels.into_iter().zip(column.weights) {
                    let pixel = &x[((i / d.oh * d.h + y) * d.w + x_at) * d.c..][..d.c];
                    add_times(out, T::of(down * along), pixel);
                }
            }
        }
    });
    out
}

/// The gradient of [`forward`]: each row of the map gathers the rows of the output that were
/// blended of it, and then each pixel its columns.
pub(crate) fn backward<T: Real>(d: Checked<Resizing>, dy: &[T]) -> Vec<T> {
    assert_eq!(dy.len(), d.n * d.oh * d.ow * d.c, "gradients of another resizing");
    let (rows, columns) = (Readers::new(d.rows(), d.h), Readers::new(d.columns(), d.w));
    let mut dx = vec![T::ZERO; d.n * d.h * d.w * d.c];
    chunks(&mut dx, (d.w * d.c).max(1), |i, dx| {
        let mut row = vec![T::ZERO; d.ow * d.c];
        for (oy, weight) in rows.of(i % d.h) {
            let from = (i / d.h * d.oh + oy) * d.ow * d.c;
            add_times(&mut row, T::of(weight), &dy[from..from + d.ow * d.c]);
        }
        for (x, dx) in dx.chunks_exact_mut(d.c).enumerate() {
            columns.of(x).for_each(|(ox, weight)| add_times(dx, T::of(weight), &row[ox * d.c..][..d.c]));
        }
    });
    dx
}

fn add_times<T: Real>(sum: &mut [T], factor: T, values: &[T]) {
    sum.iter_mut().zip(values).for_each(|(sum, &value)| *sum += factor * value);
}

/// Which outputs along a side read each pixel.
struct Readers {
    blends: Vec<Blend>,
    /// For each pixel; outputs that follow each other, since their middles do.
    outputs: Vec<Range<usize>>,
}

impl Readers {
    fn new(blends: Vec<Blend>, size: usize) -> Self {
        let mut outputs = vec![0..0; size];
        for (output, blend) in blends.iter().enumerate() {
            for pixel in blend.pixels {
                let range: &mut Range<usize> = &mut outputs[pixel];
                let start = if range.start == range.end { output } else { range.start };
                *range = start..output + 1;
            }
        }
        Self { blends, outputs }
    }

    /// The outputs that read a pixel, with their weights.
    fn of(&self, pixel: usize) -> impl Iterator<Item = (usize, f64)> {
        self.outputs[pixel].clone().map(move |output| {
            let Blend { pixels, weights } = self.blends[output];
            let weight = pixels.into_iter().zip(weights).filter(|(at, _)| *at == pixel).map(|(_, weight)| weight).sum();
            (output, weight)
        })
    }
}
