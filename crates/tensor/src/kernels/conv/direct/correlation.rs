//! Convolution as products with blocks of the matrix of windows: *implicit GEMM*.
//!
//! Row i of A is the window of output pixel i ([`Windows`]), copied together for a block of pixels and steps of k that
//! stays in the second-level cache; the weights are B, packed in panels. Forward and the gradient of the input are the
//! same [`Correlation`]: the latter reads dy, once for each residue of the input position modulo the stride, with the
//! taps that reach it.

pub(super) mod gradient;
mod pack;
mod sums;
mod windows;

pub(super) use pack::Matrix;

use std::ops::Range;

use super::Real;
use super::micro::{Packed, Product, Run};
use super::pairs::Operands;
use super::parallel::{Shared, each, scratch};
use super::simd::{Job, Lanes, STREAMED, Simd};
use super::tally::{Tallies, Tally};
use crate::sizes::Convolution;
use windows::{Gather, Map, Windows};

/// Output pixels of one unit of work, and numbers of k, or pairs, of one product: a block of the windows and a panel of
/// weights fit the second-level cache.
const PIXELS: usize = 224;
const STEPS: usize = 512;
/// Pixels whose windows are copied together at a time: while they are multiplied, the next ones are asked for.
const GATHERED: usize = 56;
/// How many units there should be, where the map is large enough; and the least columns that a unit is cut to for it.
const UNITS: usize = 16;
const COLUMNS: usize = 128;

/// `out[pixel] = W[pixel] · weight` from one map to another, of one group.
#[derive(Clone, Debug)]
pub(super) struct Correlation {
    operands: Operands,
    windows: Windows,
    target: Map,
    /// The target's pixels: every `every`-th, from `first`.
    every: usize,
    first: (usize, usize),
}

/// What is done to a finished output.
#[derive(Clone, Copy)]
pub(super) struct Finish<T> {
    /// One for each output channel (of all groups), or null.
    pub(super) bias: *const T,
    pub(super) relu: bool,
}

impl<T> Finish<T> {
    pub(super) const NOTHING: Self = Self { bias: std::ptr::null(), relu: false };
}

/// Runs correlations that write disjoint parts of `out`, each with its packed weights, for `n` pictures. Tallies are of
/// an unfinished output, of one correlation that writes all channels, in whole vectors.
///
/// # Safety
/// `x` and `out` hold n source and target maps.
pub(super) unsafe fn correlate<T: Real>(
    simd: Simd,
    n: usize,
    parts: &[(Correlation, Vec<T>)],
    x: *const T,
    out: *mut T,
    finish: Finish<T>,
    mut tallies: Option<&mut dyn Tallies<T>>,
) {
    let (x, out, bias) = (Shared::new(x.cast_mut()), Shared::new(out), Shared::new(finish.bias.cast_mut()));
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
        let finished = w.k() <= plan.operands.steps(STEPS) && finish.bias.is_null() && !finish.relu;
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
                finish: Finish { bias: bias.at(0).cast_const(), relu: finish.relu },
                streamed,
                tally: tally.block(row).from(column),
            };
            // SAFETY: the caller's promise; the lines and columns are this unit's own.
            unsafe { block.run(simd) }
        });
    }
}

/// Some lines of the output, counted over all pictures, and some of its columns.
struct Block<'a, T> {
    plan: &'a Correlation,
    lines: Range<usize>,
    columns: Range<usize>,
    x: *const T,
    /// The panels of these columns.
    b: *const T,
    out: *mut T,
    finish: Finish<T>,
    streamed: bool,
    tally: Tally<T>,
}

impl<T: Real> Block<'_, T> {
    unsafe fn run(&self, simd: Simd) {
        let w = &self.plan.windows;
        let in_place = if self.plan.operands == Operands::Numbers { w.in_place::<T>() } else { None };
        // Where nothing is copied and nothing but the source read, there is nothing to do between two blocks of lines.
        let at_once = in_place.is_some() && !self.tally.adds();
        let height = if at_once { self.lines.len() } else { (GATHERED / w.columns).max(1) };
        let steps = if in_place.is_some() { w.k() } else { self.plan.operands.steps(STEPS).min(w.k()) };
        let (stride, chunks) = (steps + 16, w.k().div_ceil(steps));
        let room = if in_place.is_some() { 0 } else { height * w.columns * stride };
        // SAFETY: the caller's promise; the scratch memory holds the windows of `height` lines.
        unsafe {
            scratch::<T>(room, |to| {
                for first in self.lines.clone().step_by(height) {
                    let lines = first..self.lines.end.min(first + height);
                    // Perhaps another unit's, but then most often this thread's next one.
                    let next = if at_once { 0..0 } else { lines.end..lines.end + height };
                    for chunk in 0..chunks {
                        let k = chunk * steps..w.k().min((chunk + 1) * steps);
                        let a = match in_place {
                            Some((at, lda)) => (self.x.add(first * w.columns * lda + at), lda),
                            None => {
                                self.copy(simd, lines.clone(), k.clone(), (to, stride));
                                (to.cast_const(), stride)
                            }
                        };
                        self.products(simd, lines.clone(), a, k, self.ahead(next.clone(), chunk, chunks));
                    }
                }
            });
            self.each_part(self.lines.clone(), |_, lines, c| {
                let (bias, t) = (self.finish.bias, self.plan.target);
                let bias = if bias.is_null() { bias } else { bias.add(t.from + self.columns.start) };
                let (columns, ldc, c_line) = (w.columns, self.plan.every * t.c, self.plan.every * t.w * t.c);
                let width = self.columns.len();
                T::launch(simd, Epilogue { c, rows: lines, columns, ldc, width, c_line, bias, relu: self.finish.relu });
            });
        }
    }

    /// Copies the steps `k` of the windows of some lines, as numbers or as pairs, to rows `stride` apart.
    unsafe fn copy(&self, simd: Simd, lines: Range<usize>, k: Range<usize>, (to, stride): (*mut T, usize)) {
        let (windows, x) = (&self.plan.windows, self.x);
        // SAFETY: the caller's promise.
        unsafe {
            match self.plan.operands {
                Operands::Numbers => T::launch(simd, Gather { windows, x, lines, k, to, stride }),
                Operands::Pairs => T::along(windows.block(simd, x, (lines, k), (to, stride)), to, stride),
            }
        }
    }

    /// A part of what some lines read: of the source, and of maps with the output's shape where these lines lie together. Asked
    /// for in this order they come sooner than tile by tile (1x1 from 64 to 256 channels at 56x56, added to and gated: 4.3 ms
    /// in place of 4.9).
    fn ahead(&self, lines: Range<usize>, part: usize, parts: usize) -> [Run<T>; 3] {
        let (w, t) = (&self.plan.windows, self.plan.target);
        let together = self.plan.every == 1 && self.columns.len() == t.c;
        let (first, count) = (lines.start * w.columns * t.c, if together { lines.len() * w.columns * t.c } else { 0 });
        let [out, map] = self.tally.reads(self.out.wrapping_add(first), count);
        let source = w.region(lines);
        [(self.x.wrapping_add(source.start), source.len()), out, map].map(|(at, count)| {
            let from = count * part / parts;
            (at.wrapping_add(from), count * (part + 1) / parts - from)
        })
    }

    /// Adds the steps `k` of the products of some lines, `a` being the first pixel's row of them; meanwhile what comes after
    /// them is asked for.
    unsafe fn products(
        &self,
        simd: Simd,
        lines: Range<usize>,
        (a, lda): (*const T, usize),
        k: Range<usize>,
        ahead: [Run<T>; 3],
    ) {
        let (w, t, operands) = (&self.plan.windows, self.plan.target, self.plan.operands);
        let first = lines.start == self.lines.start;
        // SAFETY: the caller's promise.
        unsafe {
            self.each_part(lines, |line, lines, c| {
                let all = w.columns * lines;
                // Pixels that lie together are one product.
                let (rows, lines) = if self.plan.every == 1 { (all, 1) } else { (w.columns, lines) };
                let product = Product {
                    rows,
                    columns: self.columns.len(),
                    kc: operands.rows(k.len()),
                    a: a.add(line * w.columns * lda),
                    lda,
                    b: self.b,
                    c,
                    ldc: self.plan.every * t.c,
                    add: k.start > 0 || (k.end < w.k() && self.tally.adds()),
                };
                // The first of several products adds what lies in the output, the last one does the rest.
                let tally = if k.end < w.k() {
                    Tally::Nothing
                } else if k.start > 0 {
                    self.tally.added()
                } else {
                    self.tally
                };
                let packed =
                    Packed::new(product).steps(operands.rows(k.start), operands.rows(w.k())).streamed(self.streamed);
                let packed = packed.tally(tally, first).ahead(ahead);
                operands.multiply(simd, packed.lines(lines, w.columns * lda, self.plan.every * t.w * t.c));
            });
        }
    }

    /// Calls `f` with those of some lines that lie evenly in the output: the first one's number among them, how many, and
    /// where they go. A map that is written whole lies evenly over all pictures.
    unsafe fn each_part(&self, lines: Range<usize>, f: impl Fn(usize, usize, *mut T)) {
        let Correlation { windows, target: t, every, first, .. } = self.plan;
        let mut line = lines.start;
        while line < lines.end {
            let (picture, row) = (line / windows.rows, line % windows.rows);
            let whole = if *every == 1 { lines.end } else { (picture + 1) * windows.rows };
            let end = lines.end.min(whole);
            let at = ((row * every + first.0) * t.w + first.1) * t.c + t.from + self.columns.start;
            // SAFETY: a pixel of the target.
            f(line - lines.start, end - line, unsafe { self.out.add(picture * t.len() + at) });
            line = end;
        }
    }
}

/// Adds the bias to, and rectifies, the block of outputs that a product has left in the cache.
struct Epilogue<T> {
    c: *mut T,
    rows: usize,
    columns: usize,
    ldc: usize,
    width: usize,
    c_line: usize,
    bias: *const T,
    relu: bool,
}

impl<T: Real> Job<T> for Epilogue<T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        if self.bias.is_null() && !self.relu {
            return;
        }
        let floor = if self.relu { T::ZERO } else { T::NEG_INFINITY };
        // SAFETY: the block and the bias are as wide as the caller says.
        unsafe {
            for line in 0..self.rows {
                for pixel in 0..self.columns {
                    let c = self.c.add(line * self.c_line + pixel * self.ldc);
                    for from in (0..self.width).step_by(V::N) {
                        let n = V::N.min(self.width - from);
                        let mut bias = V::splat(T::ZERO);
                        if !self.bias.is_null() {
                            bias = V::load_up_to(self.bias.add(from), n);
                        }
                        let y = V::load_up_to(c.add(from), n).add(bias);
                        V::splat(floor).max(y).store_up_to(c.add(from), n);
                    }
                }
            }
        }
    }
}

/// The output (N,OH,OW,O).
///
/// # Safety
/// The pointers hold what the shape says.
pub(super) unsafe fn forward<T: Real>(
    simd: Simd,
    d: &Convolution,
    x: *const T,
    weight: &[T],
    out: *mut T,
    finish: Finish<T>,
    tallies: Option<&mut dyn Tallies<T>>,
) {
    let parts: Vec<_> = (0..d.groups)
        .map(|group| {
            let target = Map { h: d.oh, w: d.ow, c: d.o, from: group * d.o_group(), channels: d.o_group() };
            let (operands, windows) = (d.operands(simd), forward_windows(d, group));
            let plan = Correlation { operands, windows, target, every: 1, first: (0, 0) };
            let taps: Vec<usize> = (0..d.r * d.s).collect();
            let packed = pack::pack(simd, operands, d.forward_matrix(group), &taps, weight);
            (plan, packed)
        })
        .collect();
    // SAFETY: the caller's promise.
    unsafe { correlate(simd, d.n, &parts, x, out, finish, tallies) }
}

/// What the outputs of a group read.
fn forward_windows(d: &Convolution, group: usize) -> Windows {
    let taps = |count: usize| (0..count).map(|t| (t * d.dilation) as isize - d.padding as isize).collect::<Vec<_>>();
    let source = Map { h: d.h, w: d.w, c: d.c, from: group * d.c_group(), channels: d.c_group() };
    Windows::new(source, (d.oh, d.ow), d.stride, (&taps(d.r), &taps(d.s)))
}

/// The gradient of the input (N,H,W,C).
///
/// # Safety
/// The pointers hold what the shape says.
pub(super) unsafe fn input_gradient<T: Real>(
    simd: Simd,
    d: &Convolution,
    weight: &[T],
    dy: *const T,
    out: *mut T,
    tallies: Option<&mut dyn Tallies<T>>,
) {
    let mut parts = Vec::new();
    for group in 0..d.groups {
        for y in 0..d.stride.min(d.h) {
            for x in 0..d.stride.min(d.w) {
                let (rows, columns) = (reaching(d, y, d.r), reaching(d, x, d.s));
                let places = |taps: &[(isize, usize)]| taps.iter().map(|tap| tap.0).collect::<Vec<_>>();
                let taps: Vec<usize> = rows.iter().flat_map(|r| columns.iter().map(move |s| r.1 * d.s + s.1)).collect();
                let size = ((d.h - y).div_ceil(d.stride), (d.w - x).div_ceil(d.stride));
                let source = Map { h: d.oh, w: d.ow, c: d.o, from: group * d.o_group(), channels: d.o_group() };
                let target = Map { h: d.h, w: d.w, c: d.c, from: group * d.c_group(), channels: d.c_group() };
                let windows = Windows::new(source, size, 1, (&places(&rows), &places(&columns)));
                let operands = d.operands(simd);
                // Where the stride is longer than the map there is one such pixel, and no next one.
                let every = d.stride.min(d.h.max(d.w));
                let plan = Correlation { operands, windows, target, every, first: (y, x) };
                if taps.is_empty() {
                    // SAFETY: the target's pixels of this residue.
                    unsafe { clear(d.n, &plan, out) }
                } else {
                    let packed = pack::pack(simd, operands, d.backward_matrix(group), &taps, weight);
                    parts.push((plan, packed));
                }
            }
        }
    }
    // SAFETY: the caller's promise; residues and groups do not overlap.
    unsafe { correlate(simd, d.n, &parts, dy, out, Finish::NOTHING, tallies) }
}

/// The taps that reach input position `at` + a multiple of the stride, with the first output position of each.
fn reaching(d: &Convolution, at: usize, count: usize) -> Vec<(isize, usize)> {
    let stride = d.stride as isize;
    let mut taps: Vec<_> = (0..count)
        .map(|tap| ((at + d.padding) as isize - (tap * d.dilation) as isize, tap))
        .filter(|(from, _)| from.rem_euclid(stride) == 0)
        .map(|(from, tap)| (from.div_euclid(stride), tap))
        .collect();
    taps.sort_unstable();
    taps
}

/// Zeros where no tap reaches.
unsafe fn clear<T: Real>(n: usize, plan: &Correlation, out: *mut T) {
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
