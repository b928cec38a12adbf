//! Correlations cut into units of work, for all threads.

use std::borrow::Cow;

use super::block::Block;
use super::correlation::{Correlation, GATHERED, STEPS};
use crate::kernels::conv::finish::Finish;
use crate::kernels::gemm::tally::{Tallies, Tally};
use crate::kernels::memory::{Shared, each};
use crate::kernels::simd::{Real, STREAMED, Simd};

/// Output pixels of one unit of work.
const PIXELS: usize = 224;
/// How many units there should be, where the map is large enough; and the least columns that a unit
/// is cut to for it.
const UNITS: usize = 16;
const COLUMNS: usize = 128;

/// Runs correlations that write disjoint parts of `out`, each with its packed weights, for `n`
/// pictures. Tallies are of an unfinished output, of one correlation that writes all channels, in
/// whole vectors.
///
/// # Safety
/// `x` and `out` hold n source and target maps.
pub(crate) unsafe fn correlate<T: Real>(
    simd: Simd,
    n: usize,
    parts: &[(Correlation, Cow<'_, [T]>)],
    x: *const T,
    out: *mut T,
    finish: Finish<T>,
    mut tallies: Option<&mut dyn Tallies<T>>,
) {
    let (x, out) = (Shared::new(x.cast_mut()), Shared::new(out));
    for (plan, weights) in parts {
        let (w, t, b) = (&plan.windows, plan.target, Shared::new(weights.as_ptr().cast_mut()));
        let lines = n * w.rows;
        if lines * w.columns == 0 {
            continue;
        }
        // Units of whole panels of columns, where units of whole lines are few.
        let tall = lines.div_ceil((PIXELS / w.columns).max(1));
        // A map that is added to is read line after line, if that makes no units of a few pixels.
        let in_lines = tallies.as_ref().is_some_and(|t| t.adds()) && lines * w.columns >= UNITS * GATHERED;
        let wide = if in_lines { 1 } else { UNITS.div_ceil(tall) };
        // An even number of them: the last of an odd one finds half of the threads idle.
        let wide = if wide == 1 { 1 } else { wide.next_multiple_of(2) }.min(t.channels.div_ceil(COLUMNS));
        let width = t.channels.div_ceil(wide).next_multiple_of(2 * T::lanes(simd));
        let wide = t.channels.div_ceil(width);
        let tall = tall.max(UNITS.div_ceil(wide)).min(lines);
        // What one product finishes, in whole lines of the cache.
        let whole = [out.at(t.from).addr(), t.c * size_of::<T>()].iter().all(|bytes| bytes.is_multiple_of(64));
        let finished = w.k() <= plan.operands.steps(STEPS) && finish.is_nothing();
        let unit_lines = |row: usize| row * lines / tall..(row + 1) * lines / tall;
        let rows = || (0..tall).map(|row| unit_lines(row).len() * w.columns).collect();
        let tally = Tally::reserve(tallies.take(), rows);
        let streamed = whole && finished && !tally.adds() && n * t.len() * size_of::<T>() > STREAMED;
        each(tall * wide, |unit| {
            let (row, column) = (unit / wide, unit % wide * width);
            let block = Block {
                plan,
                lines: unit_lines(row),
                columns: column..t.channels.min(column + width),
                x: x.at(0),
                b: b.at(column * plan.operands.rows(w.k())),
                out: out.at(0),
                finish,
                streamed,
                tally: tally.block(row).from(column),
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
