//! Max pooling of (N,H,W,C) maps, each way in one pass: a thread has a row, inner loops run over
//! channels.

use std::mem::MaybeUninit;
use std::ops::{BitAnd, BitOr, Not, Range};

use crate::kernels::memory::{chunks, chunks_of_two, filled};
use crate::kernels::simd::{Job, Lanes, Real, simd};
use crate::sizes::{Checked, Pooling};

/// Floats seen as bits: choices by masks are what compilers turn into vector code, choices by `if`
/// often are not.
pub(crate) trait Bits: Real {
    type Word: Copy + BitAnd<Output = Self::Word> + BitOr<Output = Self::Word> + Not<Output = Self::Word>;
    /// All ones or all zeros.
    fn mask(yes: bool) -> Self::Word;
    fn word(self) -> Self::Word;
    fn float(word: Self::Word) -> Self;
    fn number(n: u8) -> Self::Word;
    fn byte(word: Self::Word) -> u8;
}

macro_rules! bits {
    ($float:ty, $word:ty) => {
        impl Bits for $float {
            type Word = $word;
            #[inline(always)]
            fn mask(yes: bool) -> $word {
                <$word>::from(yes).wrapping_neg()
            }
            #[inline(always)]
            fn word(self) -> $word {
                self.to_bits()
            }
            #[inline(always)]
            fn float(word: $word) -> $float {
                <$float>::from_bits(word)
            }
            #[inline(always)]
            fn number(n: u8) -> $word {
                <$word>::from(n)
            }
            #[inline(always)]
            fn byte(word: $word) -> u8 {
                word as u8
            }
        }
    };
}
bits!(f32, u32);
bits!(f64, u64);

impl Pooling {
    /// The taps of window `o` that lie inside a side of `size` pixels.
    fn taps(&self, o: usize, kernel: usize, size: usize) -> Range<usize> {
        let from = o * self.stride;
        self.padding.saturating_sub(from)..kernel.min((size + self.padding).saturating_sub(from))
    }

    /// The windows, of `windows`, that cover the pixel `i` of a side.
    fn covering(&self, i: usize, kernel: usize, windows: usize) -> Range<usize> {
        let at = i + self.padding;
        (at + 1).saturating_sub(kernel).div_ceil(self.stride)..windows.min(at / self.stride + 1)
    }
}

/// The maxima (N,OH,OW,C) alone.
pub(crate) fn forward<T: Bits>(d: Checked<Pooling>, x: &[T]) -> Vec<T> {
    assert_eq!(x.len(), d.n * d.h * d.w * d.c, "max pooling of another shape");
    let row = (d.ow * d.c).max(1);
    // SAFETY: the chunks are the rows of the output, and the job writes every element of its row.
    unsafe {
        filled(d.n * d.oh * d.ow * d.c, |out| {
            chunks(out, row, |i, out| {
                T::launch(simd(), Forward::<_, false> { d: &d, x, i, out, cells: &mut [] });
            });
        })
    }
}

/// The maxima and, as a byte each, the cell of the window that held them: the first maximum in row
/// order; NaN counts as larger than any number.
pub(crate) fn forward_with_cells<T: Bits>(d: Checked<Pooling>, x: &[T]) -> (Vec<T>, Vec<u8>) {
    assert_eq!(x.len(), d.n * d.h * d.w * d.c, "max pooling of another shape");
    let (len, row) = (d.n * d.oh * d.ow * d.c, (d.ow * d.c).max(1));
    let mut cells = Vec::new();
    // SAFETY: the chunks of both are the rows of the output, and the job writes every element of
    // its rows.
    let out = unsafe {
        filled(len, |out| {
            cells = filled(len, |cells| {
                chunks_of_two(out, cells, row, |i, out, cells| {
                    T::launch(simd(), Forward::<_, true> { d: &d, x, i, out, cells });
                });
            });
        })
    };
    (out, cells)
}

/// Row `i` of the output; `cells` is as long, or empty where nobody wants them.
struct Forward<'a, T, const KEEP: bool> {
    d: &'a Pooling,
    x: &'a [T],
    i: usize,
    out: &'a mut [MaybeUninit<T>],
    cells: &'a mut [MaybeUninit<u8>],
}

impl<T: Bits, const KEEP: bool> Job<T> for Forward<'_, T, KEEP> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        forward_row::<T, KEEP>(self.d, self.x, self.i, self.out, self.cells);
    }
}

#[inline(always)]
fn forward_row<T: Bits, const KEEP: bool>(
    d: &Pooling,
    x: &[T],
    i: usize,
    out: &mut [MaybeUninit<T>],
    cells: &mut [MaybeUninit<u8>],
) {
    let (n, oy) = (i / d.oh, i % d.oh);
    let rows = d.taps(oy, d.kernel.0, d.h);
    for ox in 0..d.ow {
        let columns = d.taps(ox, d.kernel.1, d.w);
        let corner =
            (n * d.h + oy * d.stride + rows.start - d.padding) * d.w + ox * d.stride + columns.start - d.padding;
        let window = Window {
            rows: rows.clone(),
            columns,
            width: d.kernel.1,
            x: &x[corner * d.c..],
            row: d.w * d.c,
            pixel: d.c,
        };
        let out = &mut out[ox * d.c..][..d.c];
        let cells = if KEEP { &mut cells[ox * d.c..][..d.c] } else { &mut [] };
        let mut done = 0;
        done = window.maxima::<16, KEEP>(done, out, cells);
        done = window.maxima::<4, KEEP>(done, out, cells);
        window.maxima::<1, KEEP>(done, out, cells);
    }
}

/// A window as far as it lies inside the map, from its first pixel there.
struct Window<'a, T> {
    rows: Range<usize>,
    columns: Range<usize>,
    /// Cells in a row of the whole window.
    width: usize,
    x: &'a [T],
    /// Elements from row to row and from pixel to pixel.
    row: usize,
    pixel: usize,
}

impl<T: Bits> Window<'_, T> {
    /// The maxima of channels from `done` on, `L` at a time in registers as long as that many are
    /// left.
    #[inline(always)]
    fn maxima<const L: usize, const KEEP: bool>(
        &self,
        mut done: usize,
        out: &mut [MaybeUninit<T>],
        cells: &mut [MaybeUninit<u8>],
    ) -> usize {
        while out.len() - done >= L {
            let first = T::number((self.rows.start * self.width + self.columns.start) as u8);
            let (mut best, mut best_cell) = ([T::NEG_INFINITY; L], [first; L]);
            for (i, r) in self.rows.clone().enumerate() {
                for (j, s) in self.columns.clone().enumerate() {
                    let Some(values) = self.x[i * self.row + j * self.pixel + done..].first_chunk::<L>() else {
                        continue;
                    };
                    let cell = T::number((r * self.width + s) as u8);
                    let mut better = [T::mask(false); L];
                    for l in 0..L {
                        // The negation lets NaN win; the second comparison lets the first NaN stay.
                        #[allow(clippy::eq_op, clippy::neg_cmp_op_on_partial_ord)]
                        let larger = !(values[l] <= best[l]) & (best[l] == best[l]);
                        better[l] = T::mask(larger);
                    }
                    for l in 0..L {
                        best[l] = T::float((best[l].word() & !better[l]) | (values[l].word() & better[l]));
                    }
                    if KEEP {
                        for l in 0..L {
                            best_cell[l] = (best_cell[l] & !better[l]) | (cell & better[l]);
                        }
                    }
                }
            }
            out[done..done + L].iter_mut().zip(best).for_each(|(out, best)| {
                out.write(best);
            });
            if KEEP {
                cells[done..done + L].iter_mut().zip(best_cell).for_each(|(out, cell)| {
                    out.write(T::byte(cell));
                });
            }
            done += L;
        }
        done
    }
}

/// Each pixel gathers the gradients of the windows whose maximum it held.
pub(crate) fn backward<T: Bits>(d: Checked<Pooling>, cells: &[u8], dy: &[T]) -> Vec<T> {
    assert_eq!(cells.len(), dy.len(), "a cell for each gradient");
    assert_eq!(dy.len(), d.n * d.oh * d.ow * d.c, "gradients of another max pooling");
    let row = (d.w * d.c).max(1);
    // SAFETY: the chunks are the rows of the map, and the job writes every element of its row.
    unsafe {
        filled(d.n * d.h * d.w * d.c, |dx| {
            chunks(dx, row, |i, dx| T::launch(simd(), Backward { d: &d, cells, dy, i, dx }));
        })
    }
}

/// Row `i` of the map.
struct Backward<'a, T> {
    d: &'a Pooling,
    cells: &'a [u8],
    dy: &'a [T],
    i: usize,
    dx: &'a mut [MaybeUninit<T>],
}

impl<T: Bits> Job<T> for Backward<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        backward_row(self.d, self.cells, self.dy, self.i, self.dx);
    }
}

#[inline(always)]
fn backward_row<T: Bits>(d: &Pooling, cells: &[u8], dy: &[T], i: usize, dx: &mut [MaybeUninit<T>]) {
    let (n, y) = (i / d.h, i % d.h);
    let rows = d.covering(y, d.kernel.0, d.oh);
    for (x, dx) in dx.chunks_exact_mut(d.c).enumerate() {
        let columns = d.covering(x, d.kernel.1, d.ow);
        let windows = rows.clone().flat_map(|oy| columns.clone().map(move |ox| (oy, ox))).map(|(oy, ox)| {
            let cell = (y + d.padding - oy * d.stride) * d.kernel.1 + x + d.padding - ox * d.stride;
            (cell as u8, ((n * d.oh + oy) * d.ow + ox) * d.c)
        });
        let mut done = 0;
        done = gather::<T, 32>(windows.clone(), cells, dy, done, dx);
        done = gather::<T, 4>(windows.clone(), cells, dy, done, dx);
        gather::<T, 1>(windows, cells, dy, done, dx);
    }
}

/// The gradients of channels from `done` on, `L` at a time in registers as long as that many are
/// left.
#[inline(always)]
fn gather<T: Bits, const L: usize>(
    windows: impl Iterator<Item = (u8, usize)> + Clone,
    cells: &[u8],
    dy: &[T],
    mut done: usize,
    dx: &mut [MaybeUninit<T>],
) -> usize {
    while dx.len() - done >= L {
        let mut sum = [T::ZERO; L];
        for (cell, at) in windows.clone() {
            let (Some(cells), Some(dy)) = (cells[at + done..].first_chunk::<L>(), dy[at + done..].first_chunk::<L>())
            else {
                continue;
            };
            for l in 0..L {
                sum[l] += T::float(dy[l].word() & T::mask(cells[l] == cell));
            }
        }
        dx[done..done + L].iter_mut().zip(sum).for_each(|(dx, sum)| {
            dx.write(sum);
        });
        done += L;
    }
    done
}
