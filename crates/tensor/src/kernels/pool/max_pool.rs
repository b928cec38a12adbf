//! Max pooling of (N,H,W,C) maps, each way in one pass: a thread has a row, inner loops run over
//! channels.

use std::mem::MaybeUninit;
use std::ops::{BitAnd, BitOr, Not, Range};

use crate::kernels::memory::{chunks, chunks_of_two, filled};
use crate::kernels::simd::{Element, Job, Lanes, Real, Stored, simd};
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
pub(crate) fn forward<M: Stored<Real: Bits>>(d: Checked<Pooling>, x: &[M]) -> Vec<M> {
    assert_eq!(x.len(), d.n * d.h * d.w * d.c, "max pooling of another shape");
    let row = (d.ow * d.c).max(1);
    // SAFETY: the chunks are the rows of the output, and the job writes every element of its row.
    unsafe {
        filled(d.n * d.oh * d.ow * d.c, |out| {
            chunks(out, row, |i, out| {
                M::Real::launch(simd(), Forward::<_, false> { d: &d, x, i, out, cells: &mut [] });
            });
        })
    }
}

/// The maxima and, as a byte each, the cell of the window that held them: the first maximum in row
/// order; NaN counts as larger than any number.
pub(crate) fn forward_with_cells<M: Stored<Real: Bits>>(d: Checked<Pooling>, x: &[M]) -> (Vec<M>, Vec<u8>) {
    assert_eq!(x.len(), d.n * d.h * d.w * d.c, "max pooling of another shape");
    let (len, row) = (d.n * d.oh * d.ow * d.c, (d.ow * d.c).max(1));
    let mut cells = Vec::new();
    // SAFETY: the chunks of both are the rows of the output, and the job writes every element of
    // its rows.
    let out = unsafe {
        filled(len, |out| {
            cells = filled(len, |cells| {
                chunks_of_two(out, cells, row, |i, out, cells| {
                    M::Real::launch(simd(), Forward::<_, true> { d: &d, x, i, out, cells });
                });
            });
        })
    };
    (out, cells)
}

/// Row `i` of the output; `cells` is as long, or empty where nobody wants them.
struct Forward<'a, M, const KEEP: bool> {
    d: &'a Pooling,
    x: &'a [M],
    i: usize,
    out: &'a mut [MaybeUninit<M>],
    cells: &'a mut [MaybeUninit<u8>],
}

impl<M: Stored<Real: Bits>, const KEEP: bool> Job<M::Real> for Forward<'_, M, KEEP> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = M::Real>>(self) {
        forward_row::<M, KEEP>(self.d, self.x, self.i, self.out, self.cells);
    }
}

#[inline(always)]
fn forward_row<M: Stored<Real: Bits>, const KEEP: bool>(
    d: &Pooling,
    x: &[M],
    i: usize,
    out: &mut [MaybeUninit<M>],
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
struct Window<'a, M> {
    rows: Range<usize>,
    columns: Range<usize>,
    /// Cells in a row of the whole window.
    width: usize,
    x: &'a [M],
    /// Elements from row to row and from pixel to pixel.
    row: usize,
    pixel: usize,
}

impl<M: Stored<Real: Bits>> Window<'_, M> {
    /// The maxima of channels from `done` on, `L` at a time in registers as long as that many are
    /// left.
    #[inline(always)]
    fn maxima<const L: usize, const KEEP: bool>(
        &self,
        mut done: usize,
        out: &mut [MaybeUninit<M>],
        cells: &mut [MaybeUninit<u8>],
    ) -> usize {
        while out.len() - done >= L {
            let first = M::Real::number((self.rows.start * self.width + self.columns.start) as u8);
            let (mut best, mut best_cell) = ([M::Real::NEG_INFINITY; L], [first; L]);
            for (i, r) in self.rows.clone().enumerate() {
                for (j, s) in self.columns.clone().enumerate() {
                    let Some(values) = self.x[i * self.row + j * self.pixel + done..].first_chunk::<L>() else {
                        continue;
                    };
                    let values = values.map(M::read);
                    let cell = M::Real::number((r * self.width + s) as u8);
                    let mut better = [M::Real::mask(false); L];
                    for l in 0..L {
                        // The negation lets NaN win; the second comparison lets the first NaN stay.
                        #[allow(clippy::eq_op, clippy::neg_cmp_op_on_partial_ord)]
                        let larger = !(values[l] <= best[l]) & (best[l] == best[l]);
                        better[l] = M::Real::mask(larger);
                    }
                    for l in 0..L {
                        best[l] = M::Real::float((best[l].word() & !better[l]) | (values[l].word() & better[l]));
                    }
                    if KEEP {
                        for l in 0..L {
                            best_cell[l] = (best_cell[l] & !better[l]) | (cell & better[l]);
                        }
                    }
                }
            }
            out[done..done + L].iter_mut().zip(best).for_each(|(out, best)| {
                out.write(M::round(best));
            });
            if KEEP {
                cells[done..done + L].iter_mut().zip(best_cell).for_each(|(out, cell)| {
                    out.write(M::Real::byte(cell));
                });
            }
            done += L;
        }
        done
    }
}

/// Each pixel gathers the gradients of the windows whose maximum it held.
pub(crate) fn backward<M: Stored<Real: Bits>>(d: Checked<Pooling>, cells: &[u8], dy: &[M]) -> Vec<M> {
    assert_eq!(cells.len(), dy.len(), "a cell for each gradient");
    assert_eq!(dy.len(), d.n * d.oh * d.ow * d.c, "gradients of another max pooling");
    let row = (d.w * d.c).max(1);
    // SAFETY: the chunks are the rows of the map, and the job writes every element of its row.
    unsafe {
        filled(d.n * d.h * d.w * d.c, |dx| {
            chunks(dx, row, |i, dx| M::Real::launch(simd(), Backward { d: &d, cells, dy, i, dx }));
        })
    }
}

/// Row `i` of the map.
struct Backward<'a, M> {
    d: &'a Pooling,
    cells: &'a [u8],
    dy: &'a [M],
    i: usize,
    dx: &'a mut [MaybeUninit<M>],
}

impl<M: Stored<Real: Bits>> Job<M::Real> for Backward<'_, M> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = M::Real>>(self) {
        backward_row(self.d, self.cells, self.dy, self.i, self.dx);
    }
}

#[inline(always)]
fn backward_row<M: Stored<Real: Bits>>(d: &Pooling, cells: &[u8], dy: &[M], i: usize, dx: &mut [MaybeUninit<M>]) {
    let (n, y) = (i / d.h, i % d.h);
    let rows = d.covering(y, d.kernel.0, d.oh);
    for (x, dx) in dx.chunks_exact_mut(d.c).enumerate() {
        let columns = d.covering(x, d.kernel.1, d.ow);
        let windows = rows.clone().flat_map(|oy| columns.clone().map(move |ox| (oy, ox))).map(|(oy, ox)| {
            let cell = (y + d.padding - oy * d.stride) * d.kernel.1 + x + d.padding - ox * d.stride;
            (cell as u8, ((n * d.oh + oy) * d.ow + ox) * d.c)
        });
        let mut done = 0;
        done = gather::<M, 32>(windows.clone(), cells, dy, done, dx);
        done = gather::<M, 4>(windows.clone(), cells, dy, done, dx);
        gather::<M, 1>(windows, cells, dy, done, dx);
    }
}

/// The gradients of channels from `done` on, `L` at a time in registers as long as that many are
/// left.
#[inline(always)]
fn gather<M: Stored<Real: Bits>, const L: usize>(
    windows: impl Iterator<Item = (u8, usize)> + Clone,
    cells: &[u8],
    dy: &[M],
    mut done: usize,
    dx: &mut [MaybeUninit<M>],
) -> usize {
    while dx.len() - done >= L {
        let mut sum = [M::Real::ZERO; L];
        for (cell, at) in windows.clone() {
            let (Some(cells), Some(dy)) = (cells[at + done..].first_chunk::<L>(), dy[at + done..].first_chunk::<L>())
            else {
                continue;
            };
            for l in 0..L {
                sum[l] += M::Real::float(dy[l].read().word() & M::Real::mask(cells[l] == cell));
            }
        }
        dx[done..done + L].iter_mut().zip(sum).for_each(|(dx, sum)| {
            dx.write(M::round(sum));
        });
        done += L;
    }
    done
}
