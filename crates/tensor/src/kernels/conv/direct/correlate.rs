//! Correlations cut into units of work, for all threads.

use super::block::Block;
use super::correlation::{Correlation, Correlations, Cut, GATHERED, STEPS, UNITS};
use crate::kernels::gemm::tally::{Tallies, Tally};
use crate::kernels::memory::{Shared, each};
use crate::kernels::simd::{Real, STREAMED, Simd};

/// Output pixels of one unit of work.
const PIXELS: usize = 224;

/// Runs correlations of maps of floats. Tallies are of an unfinished output, of one correlation
/// that writes all channels, in whole vectors.
///
/// # Safety
/// `x` and `out` hold n source and target maps.
pub(crate) unsafe fn correlate<T: Real>(simd: Simd, of: Correlations<'_, T>, mut tallies: Option<&mut dyn Tallies<T>>) {
    let Correlations { n, parts, x, out, finish } = of;
    let (x, out) = (Shared::new(x.cast_mut()), Shared::new(out));
    for (plan, weights) in parts {
        let (w, t, b) = (&plan.windows, plan.target, Shared::new(weights.as_ptr().cast_mut()));
        let pixels = n * w.rows * w.columns;
        if pixels == 0 {
            continue;
        }
        // A map that is added to is read line after line, if that makes no units of a few pixels.
        let in_lines = tallies.as_ref().is_some_and(|t| t.adds()) && pixels >= UNITS * GATHERED;
        let cut = Cut::new(plan, n, (PIXELS, 2 * T::lanes(simd)), in_lines);
        // What one product finishes, in whole lines of the cache.
        let whole = [out.at(t.from).addr(), t.c * size_of::<T>()].iter().all(|bytes| bytes.is_multiple_of(64));
        let finished = w.k() <= plan.operands.steps(STEPS) && finish.is_nothing();
        let tally = Tally::reserve(tallies.take(), || cut.pixels());
        let streamed = whole && finished && !tally.adds() && n * t.len() * size_of::<T>() > STREAMED;
        each(cut.units(), |unit| {
            let (row, lines, columns) = cut.unit(unit);
            let block = Block {
                plan,
                lines,
                x: x.at(0),
                b: b.at(columns.start * plan.operands.rows(w.k())),
                out: out.at(0),
                finish,
                streamed,
                tally: tally.block(row).from(columns.start),
                columns,
            };
            // SAFETY: the caller's promise; the lines and columns are this unit's own.
            unsafe { block.run(simd) }
        });
    }
}

/// Zeros where no tap reaches.
pub(crate) unsafe fn clear<M: Copy + Send>(n: usize, plan: &Correlation, out: *mut M) {
    let (t, rows, columns, out) = (plan.target, plan.windows.rows, plan.windows.columns, Shared::new(out));
    each(n * rows, |unit| {
        let y = unit % rows * plan.every + plan.first.0;
        for column in 0..columns {
            let x = column * plan.every + plan.first.1;
            let at = unit / rows * t.len() + (y * t.w + x) * t.c + t.from;
            // SAFETY: a pixel of the target, this unit's own.
            unsafe { std::ptr::write_bytes(out.at(at), 0, t.channels) }
        }
    });
}
