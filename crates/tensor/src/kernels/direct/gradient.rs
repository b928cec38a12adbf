//! The gradient of the weight of a direct convolution: `dW[tap, c, o] = Σ_pixels x[pixel + tap, c] · dy[pixel, o]`.
//!
//! The pixels are split into a number of parts that depends only on the sizes; each part sums its own dW, and the
//! parts are added in their order, so that no bit depends on the number of threads.

use super::super::Real;
use super::super::conv::Shape;
use super::super::micro::{Product, Transposed};
use super::super::parallel::{Shared, each, reduce, scratch};
use super::super::simd::Simd;
use super::{Correlation, forward_plan};

/// Parts of the sum, at most.
const PARTS: usize = 16;
/// Bytes of all parts together, where there is a choice.
const BYTES: usize = 64 << 20;
/// Pixels of one product: what is read of x and dy for it stays in the cache.
const PIXELS: usize = 224;

/// The gradient of the weight (O,I,R,S).
///
/// # Safety
/// The pointers hold what the shape says.
pub(in super::super) unsafe fn weight_gradient<T: Real>(simd: Simd, d: &Shape, x: *const T, dy: *const T) -> Vec<T> {
    let lanes = T::lanes(simd);
    let (ci, padded) = (d.c_group(), d.o_group().next_multiple_of(lanes));
    let size = d.r * d.s * ci * padded * d.groups;
    // A unit of rows is about PIXELS pixels of one picture.
    let height = (PIXELS / d.ow).clamp(1, d.oh);
    let blocks = d.oh.div_ceil(height);
    let parts = (BYTES / (size * size_of::<T>()).max(1)).clamp(1, PARTS).min(d.n * blocks);
    let mut sums = vec![T::ZERO; size * parts];
    let (x, dy, out) = (Shared::new(x.cast_mut()), Shared::new(dy.cast_mut()), Shared::new(sums.as_mut_ptr()));
    let plans: Vec<_> = (0..d.groups).map(|group| forward_plan(d, group)).collect();
    each(parts * d.r, |unit| {
        let (part, row) = (unit / d.r, unit % d.r);
        for block in part * d.n * blocks / parts..(part + 1) * d.n * blocks / parts {
            let (picture, from) = (block / blocks, block % blocks * height);
            let lines = height.min(d.oh - from);
            for (group, plan) in plans.iter().enumerate() {
                let to = out.at(part * size + ((group * d.r + row) * d.s) * ci * padded);
                // SAFETY: one picture's maps; the unit's own rows of its part.
                unsafe {
                    let x = x.at(picture * plan.source.len());
                    let dy = dy.at(picture * plan.target.len() + from * d.ow * d.o + plan.target.from);
                    add_block(simd, plan, row, from, lines, x, dy, padded, to);
                }
            }
        }
    });
    reduce(&mut sums, size);
    unpack(d, padded, &sums)
}

/// Adds one block of output rows to the gradient of one row of taps.
///
/// # Safety
/// `x` is a source map, `dy` the block's first pixel, `to` has S·C rows of `padded` numbers.
#[expect(clippy::too_many_arguments, reason = "one call; a struct would say the same twice")]
unsafe fn add_block<T: Real>(
    simd: Simd,
    plan: &Correlation,
    row: usize,
    from: usize,
    lines: usize,
    x: *const T,
    dy: *const T,
    padded: usize,
    to: *mut T,
) {
    let one = Correlation { rows: vec![plan.rows[row]], ..plan.clone() };
    let (columns, t, ci) = (one.size().1, one.target, one.source.channels);
    let aligned = t.channels == t.c && padded == t.c;
    let dy_len = if aligned { 0 } else { lines * columns * padded };
    scratch::<T>(one.window_len(lines) + dy_len, |memory| {
        // SAFETY: the scratch memory has room for the window and the copy of dy; the rest is the caller's promise.
        unsafe {
            let window = one.window(x, one.row_span(from, lines), memory.add(dy_len));
            let (b, ldb) = if aligned {
                (dy, t.c)
            } else {
                for pixel in 0..lines * columns {
                    let copy = memory.add(pixel * padded);
                    std::ptr::copy_nonoverlapping(dy.add(pixel * t.c), copy, t.channels);
                    std::ptr::write_bytes(copy.add(t.channels), 0, padded - t.channels);
                }
                (memory.cast_const(), padded)
            };
            // Output rows are the steps of k; taps of a row that lie together are one product.
            let (first_row, kc) = one.taps(&window);
            let taps: Vec<usize> = (0..lines).map(|line| line * one.step * window.row).collect();
            for (i, tap) in first_row.iter().enumerate() {
                let product = Product {
                    rows: kc,
                    columns: padded,
                    kc: columns,
                    taps: &taps,
                    a: window.at.add(*tap),
                    lda: one.step * window.pixel,
                    b,
                    c: to.add(i * ci * padded),
                    ldc: padded,
                    add: true,
                };
                T::launch(simd, Transposed(product, ldb));
            }
        }
    });
}

/// [group][tap][c][o, padded] to O,I,R,S.
fn unpack<T: Real>(d: &Shape, padded: usize, sums: &[T]) -> Vec<T> {
    let (ci, taps) = (d.c_group(), d.r * d.s);
    let mut out = vec![T::ZERO; d.o * ci * taps];
    let to = Shared::new(out.as_mut_ptr());
    each(d.o, |o| {
        let (group, column) = (o / d.o_group(), o % d.o_group());
        for c in 0..ci {
            for tap in 0..taps {
                let value = sums[((group * taps + tap) * ci + c) * padded + column];
                // SAFETY: output channel o is this unit's own.
                unsafe { *to.at((o * ci + c) * taps + tap) = value }
            }
        }
    });
    out
}
