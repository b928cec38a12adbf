//! Correlations of maps of bfloat16: blocks of products by a unit that multiplies pairs, each
//! finished, summed up and rounded while it is at hand.
//!
//! A row of a map is a row of pairs as it lies, so where windows are pixels nothing is copied; and
//! since a block of sums is never written before all of k has been added, nothing is rounded twice.

use std::ops::Range;

use half::bf16;

use super::correlation::{Correlation, Correlations, Cut};
use super::windows::Gather;
use crate::kernels::conv::finish::Finish;
use crate::kernels::gemm::tally::{MomentSums, RectifierSums, Tallies, Tally};
use crate::kernels::gemm::{Operands, panels};
use crate::kernels::memory::{Shared, each, scratch};
use crate::kernels::simd::{Job, Lanes, Real, SIDE, STEP, Simd, Stored, Sums, Tiles, Unit};

/// Output pixels of one unit of work, and the bytes of their windows, at most.
const PIXELS: usize = 224;
const BYTES: usize = 1 << 20;
/// Pairs between the windows of two pixels, so that they do not all fall into the same lines of the
/// cache.
const PADDING: usize = 16;

/// Runs correlations of maps of bfloat16, with tallies as [`correlate`](super::correlate).
///
/// # Safety
/// `x` and `out` hold n source and target maps.
pub(crate) unsafe fn correlate(simd: Simd, of: Correlations<'_, bf16>, mut tallies: Option<&mut dyn Tallies<bf16>>) {
    let Correlations { n, parts, x, out, finish } = of;
    let (x, out) = (Shared::new(x.cast_mut()), Shared::new(out));
    for (plan, weights) in parts {
        let Operands::Blocks(unit) = plan.operands else { unreachable!("pairs of a map are multiplied in blocks") };
        let (w, t, b) = (&plan.windows, plan.target, Shared::new(weights.as_ptr().cast_mut()));
        let (all, words) = (n * w.rows * w.columns, plan.operands.rows(w.k()));
        if all == 0 {
            continue;
        }
        let pixels = (BYTES / (words * size_of::<f32>())).clamp(2 * SIDE, PIXELS);
        let cut = Cut::new(plan, n, (pixels, SIDE), false);
        let tally = Tally::reserve(tallies.take(), || cut.pixels());
        each(cut.units(), |number| {
            let (row, lines, columns) = cut.unit(number);
            let block = Block {
                unit,
                plan,
                all,
                lines,
                words,
                x: x.at(0),
                b: b.at(columns.start * words),
                out: out.at(0),
                finish: finish.from(t.from + columns.start),
                tally: tally.block(row).from(columns.start),
                columns,
            };
            // SAFETY: the caller's promise; the lines and columns are this unit's own.
            unsafe { block.run(simd) }
        });
    }
}

/// Some lines of the output, counted over all pictures, and some of its columns.
struct Block<'a> {
    unit: Unit,
    plan: &'a Correlation,
    /// Pixels of all pictures.
    all: usize,
    lines: Range<usize>,
    columns: Range<usize>,
    /// Of pairs in a window, whole steps.
    words: usize,
    x: *const bf16,
    /// The panels of these columns.
    b: *const f32,
    out: *mut bf16,
    finish: Finish<bf16>,
    tally: Tally<bf16>,
}

impl Block<'_> {
    unsafe fn run(&self, simd: Simd) {
        let w = &self.plan.windows;
        let rows = self.lines.len() * w.columns;
        // Whole steps of pairs where they lie, each on a word.
        let words = |at: usize, stride: usize| [at, stride].iter().all(|elements| elements.is_multiple_of(2));
        let in_place = w.evenly().filter(|&(at, stride)| {
            w.k() == 2 * self.words && words(at, stride) && self.x.addr().is_multiple_of(size_of::<f32>())
        });
        let lda = self.words + PADDING;
        // A unit reads whole blocks: the last ones of a map are copied.
        let (rows_in_place, at) = match in_place {
            Some((at, stride)) => {
                let first = self.lines.start * w.columns;
                let room = self.all - first;
                let whole = if room >= rows.next_multiple_of(SIDE) { rows } else { rows / SIDE * SIDE };
                (whole, (self.x.wrapping_add(first * stride + at).cast::<f32>(), stride / 2))
            }
            None => (0, (std::ptr::null(), 0)),
        };
        // Lines that are copied begin with a pixel's.
        let copied = rows_in_place / w.columns;
        let lines = self.lines.start + copied..self.lines.end;
        let from = if rows_in_place == rows { rows } else { copied * w.columns };
        let room = if from == rows { 0 } else { (rows - from + SIDE) * lda };
        // SAFETY: the caller's promise; the scratch memory holds the windows that are copied.
        unsafe {
            scratch::<f32>(room, |to| {
                if from < rows {
                    let k = 0..w.k();
                    let stride = 2 * lda;
                    let copy = to.cast::<bf16>();
                    f32::launch(simd, Gather { windows: w, x: self.x, lines, k, to: copy, stride });
                    for row in 0..rows - from {
                        copy.add(row * stride + w.k()).write_bytes(0, 2 * self.words - w.k());
                    }
                }
                let a = Rows { in_place: rows_in_place, at, copied: (from, to.cast_const(), lda) };
                self.unit.with(|| f32::launch(simd, Products { block: self, rows, a }));
            });
            if self.finish.is_activated() {
                let t = self.plan.target;
                // Only a map that is written whole has a function behind it.
                let c = self.out.add(self.place(0) + self.columns.start);
                self.finish.activate(simd, (c, t.c), rows, self.columns.len());
            }
        }
    }

    /// Where a pixel of this block lies in the output.
    #[inline(always)]
    fn place(&self, row: usize) -> usize {
        let Correlation { windows: w, target: t, every, first, .. } = self.plan;
        let pixel = self.lines.start * w.columns + row;
        if *every == 1 {
            return pixel * t.c + t.from;
        }
        let (line, column) = (pixel / w.columns, pixel % w.columns);
        let (picture, line) = (line / w.rows, line % w.rows);
        picture * t.len() + ((line * every + first.0) * t.w + first.1 + column * every) * t.c + t.from
    }
}

/// The windows of a block as rows of pairs: the first ones where they lie.
#[derive(Clone, Copy)]
struct Rows {
    in_place: usize,
    /// The first, and words from one to the next.
    at: (*const f32, usize),
    /// The first that is copied, where it is, and words from one to the next.
    copied: (usize, *const f32, usize),
}

/// All products of a block.
struct Products<'a> {
    block: &'a Block<'a>,
    rows: usize,
    a: Rows,
}

impl Job<f32> for Products<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = f32>>(self) {
        let Self { block, rows, a } = self;
        let mut sums = Sums([0.0; SIDE * SIDE]);
        for (from, width) in panels(V::N, block.columns.len()) {
            let b = block.b.wrapping_add(from * block.words);
            let mut row = 0;
            while row < rows {
                // SAFETY: the caller's promise: rows that may be read in whole blocks.
                unsafe {
                    let (at, lda, count) = if row < a.in_place {
                        (a.at.0.add(row * a.at.1), a.at.1, SIDE.min(a.in_place - row))
                    } else {
                        let (first, at, lda) = a.copied;
                        (at.add((row - first) * lda), lda, SIDE.min(rows - row))
                    };
                    let (steps, to) = (block.words / STEP, sums.0.as_mut_ptr());
                    block.unit.multiply(&Tiles { steps, a: at, lda, b, ldb: width, rows: count, to });
                    for vector in (0..width.min(block.columns.len() - from)).step_by(V::N) {
                        block.put::<V>(&sums, (row, count), (from, vector));
                    }
                    row += count;
                }
            }
        }
    }
}

impl Block<'_> {
    /// Writes a column of vectors of a block of sums, with what is done to them.
    #[inline(always)]
    unsafe fn put<V: Lanes<Real = f32>>(
        &self,
        sums: &Sums,
        (row, count): (usize, usize),
        (from, vector): (usize, usize),
    ) {
        let column = from + vector;
        let n = V::N.min(self.columns.len() - column);
        let sums = sums.0.as_ptr().wrapping_add(vector);
        let out = self.out.wrapping_add(self.columns.start + column);
        // SAFETY: the caller's promise: vectors of the sums and of the output, and what the tally
        // reads.
        unsafe {
            match self.tally.from(column) {
                Tally::Nothing => {
                    let finish = self.finish.of::<V>(column, n);
                    for i in 0..count {
                        let to = out.add(self.place(row + i));
                        let value = self.finish.value(finish, V::load(sums.add(i * SIDE)), to, n);
                        bf16::store(to, value, n);
                    }
                }
                Tally::Moments(slot) => {
                    let begin = if row == 0 { Some(V::load(sums)) } else { None };
                    let mut moments = MomentSums::open(slot, begin);
                    for i in 0..count {
                        let value = V::load(sums.add(i * SIDE));
                        moments.add(value);
                        bf16::store(out.add(self.place(row + i)), value, n);
                    }
                    moments.close(slot);
                }
                Tally::Rectify(slot, rectifier) => {
                    let mut passed = RectifierSums::open(slot, rectifier, row == 0);
                    for i in 0..count {
                        let to = out.add(self.place(row + i));
                        let mut value = V::load(sums.add(i * SIDE));
                        if rectifier.add {
                            value = value.add(bf16::load(to, n));
                        }
                        let value = passed.pass(rectifier, to, value);
                        bf16::store(to, value, n);
                    }
                    passed.close(slot);
                }
            }
        }
    }
}
