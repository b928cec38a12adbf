//! Max and average pooling of (N,H,W,C) maps, in parallel over output rows or pictures.

use rayon::prelude::*;

use super::Real;

/// The sizes of one pooling.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) n: usize,
    pub(crate) h: usize,
    pub(crate) w: usize,
    pub(crate) c: usize,
    pub(crate) oh: usize,
    pub(crate) ow: usize,
    pub(crate) kernel: (usize, usize),
    pub(crate) stride: usize,
    pub(crate) padding: usize,
}

/// The maxima (N,OH,OW,C) and, as a byte each, the cell of the window that held them: the first maximum in row
/// order; NaN counts as larger than any number.
pub(crate) fn max_forward<T: Real>(d: Shape, x: &[T]) -> (Vec<T>, Vec<u8>) {
    let mut out = vec![T::NEG_INFINITY; d.n * d.oh * d.ow * d.c];
    let mut cells = vec![0u8; out.len()];
    let row = (d.ow * d.c).max(1);
    out.par_chunks_mut(row).zip(cells.par_chunks_mut(row)).enumerate().for_each(|(i, (out, cells))| {
        let (n, oy) = (i / d.oh, i % d.oh);
        for ox in 0..d.ow {
            let (out, cells) = (&mut out[ox * d.c..][..d.c], &mut cells[ox * d.c..][..d.c]);
            let mut first = true;
            for_each_cell(&d, n, oy, ox, |cell, at| {
                if first {
                    // The first cell inside the map stands until a larger one comes, even if it is -inf.
                    out.copy_from_slice(&x[at..at + d.c]);
                    cells.fill(cell);
                    first = false;
                }
                for ((best, best_cell), &value) in out.iter_mut().zip(cells.iter_mut()).zip(&x[at..at + d.c]) {
                    #[allow(clippy::eq_op)] // only NaN differs from itself
                    if value > *best || (value != value && *best == *best) {
                        *best = value;
                        *best_cell = cell;
                    }
                }
            });
        }
    });
    (out, cells)
}

/// Each output gradient goes to the cell that held the maximum.
pub(crate) fn max_backward<T: Real>(d: Shape, cells: &[u8], dy: &[T]) -> Vec<T> {
    let mut dx = vec![T::ZERO; d.n * d.h * d.w * d.c];
    dx.par_chunks_mut((d.h * d.w * d.c).max(1)).enumerate().for_each(|(n, dx)| {
        for oy in 0..d.oh {
            for ox in 0..d.ow {
                let from = ((n * d.oh + oy) * d.ow + ox) * d.c;
                for c in 0..d.c {
                    let cell = usize::from(cells[from + c]);
                    // The cell lay inside the map, so these cannot go below zero.
                    let y = oy * d.stride + cell / d.kernel.1 - d.padding;
                    let x = ox * d.stride + cell % d.kernel.1 - d.padding;
                    dx[(y * d.w + x) * d.c + c] += dy[from + c];
                }
            }
        }
    });
    dx
}

fn for_each_cell(d: &Shape, n: usize, oy: usize, ox: usize, mut visit: impl FnMut(u8, usize)) {
    for r in 0..d.kernel.0 {
        for s in 0..d.kernel.1 {
            let y = (oy * d.stride + r).checked_sub(d.padding).filter(|&y| y < d.h);
            let x = (ox * d.stride + s).checked_sub(d.padding).filter(|&x| x < d.w);
            if let (Some(y), Some(x)) = (y, x) {
                visit((r * d.kernel.1 + s) as u8, ((n * d.h + y) * d.w + x) * d.c);
            }
        }
    }
}

/// Rows (or columns) that cell `i` of `out` averages over, of `size`.
fn span(i: usize, size: usize, out: usize) -> std::ops::Range<usize> {
    i * size / out..((i + 1) * size).div_ceil(out)
}

/// Averages over the adaptive grid; kernel, stride and padding are not read.
pub(crate) fn average_forward<T: Real>(d: Shape, x: &[T]) -> Vec<T> {
    let mut out = vec![T::ZERO; d.n * d.oh * d.ow * d.c];
    out.par_chunks_mut((d.oh * d.ow * d.c).max(1)).zip(x.par_chunks((d.h * d.w * d.c).max(1))).for_each(|(out, x)| {
        each_window(&d, |from, windows, scale: T| {
            let out = &mut out[from..from + d.c];
            windows.for_each(|at| out.iter_mut().zip(&x[at..at + d.c]).for_each(|(sum, &value)| *sum += value));
            out.iter_mut().for_each(|sum| *sum *= scale);
        });
    });
    out
}

/// The gradient of [`average_forward`].
pub(crate) fn average_backward<T: Real>(d: Shape, dy: &[T]) -> Vec<T> {
    let mut dx = vec![T::ZERO; d.n * d.h * d.w * d.c];
    dx.par_chunks_mut((d.h * d.w * d.c).max(1)).zip(dy.par_chunks((d.oh * d.ow * d.c).max(1))).for_each(|(dx, dy)| {
        each_window(&d, |from, windows, scale: T| {
            let dy = &dy[from..from + d.c];
            windows.for_each(|at| dx[at..at + d.c].iter_mut().zip(dy).for_each(|(sum, &g)| *sum += g * scale));
        });
    });
    dx
}

/// Calls `visit(where the output cell begins, where each of its pixels begins, 1 / pixels)` for one picture.
fn each_window<T: Real>(d: &Shape, mut visit: impl FnMut(usize, &mut dyn Iterator<Item = usize>, T)) {
    for oy in 0..d.oh {
        for ox in 0..d.ow {
            let (ys, xs) = (span(oy, d.h, d.oh), span(ox, d.w, d.ow));
            let scale = T::from_f64(1.0 / (ys.len() * xs.len()) as f64);
            let mut pixels = ys.flat_map(|y| xs.clone().map(move |x| (y * d.w + x) * d.c));
            visit((oy * d.ow + ox) * d.c, &mut pixels, scale);
        }
    }
}
