//! The matrix of windows, `W[pixel, k]`: what every output pixel of a convolution reads, k running
//! over taps and channels. It is never made whole: a block of it is copied together where it is
//! needed, and where a convolution reads single pixels it is the map itself.

use std::ops::Range;

use crate::kernels::simd::{Block, Element, Job, Lanes, Real, Simd, Stored};
use crate::sizes::Convolution;

/// Rows of a matrix this many bytes apart fall into the same few lines of the first-level cache.
const ALIASED: usize = 2048;

/// A feature map, and the channels of it that are meant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Map {
    pub(crate) h: usize,
    pub(crate) w: usize,
    pub(crate) c: usize,
    /// First and number of the channels of this group.
    pub(crate) from: usize,
    pub(crate) channels: usize,
}

impl Map {
    pub(crate) fn len(&self) -> usize {
        self.h * self.w * self.c
    }
}

/// Where the windows of a convolution lie in the source map.
#[derive(Clone, Debug)]
pub(crate) struct Windows {
    pub(crate) source: Map,
    /// Output rows and columns.
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Source pixels from one output pixel to the next.
    step: usize,
    /// Source row and column where each run of taps begins, for output pixel (0, 0).
    runs: Vec<(isize, isize)>,
    /// Taps of a run: neighbors in the source, whose elements lie together.
    together: usize,
}

impl Windows {
    /// Taps at these source rows and columns, ascending, for output pixel (0, 0); zeros outside of
    /// the source.
    pub(crate) fn new(
        source: Map,
        (rows, columns): (usize, usize),
        step: usize,
        (tap_rows, tap_columns): (&[isize], &[isize]),
    ) -> Self {
        let neighbors = source.channels == source.c && tap_columns.windows(2).all(|pair| pair[1] == pair[0] + 1);
        let together = if neighbors { tap_columns.len().max(1) } else { 1 };
        let firsts = tap_columns.iter().step_by(together);
        let runs = tap_rows.iter().flat_map(|&row| firsts.clone().map(move |&column| (row, column))).collect();
        Self { source, rows, columns, step, runs, together }
    }

    /// What the outputs of a group of a convolution read.
    pub(crate) fn forward(d: &Convolution, group: usize) -> Self {
        let taps = |count: usize, before: usize| {
            (0..count).map(|t| (t * d.dilation) as isize - before as isize).collect::<Vec<_>>()
        };
        let source = Map { h: d.h, w: d.w, c: d.c, from: group * d.c_group(), channels: d.c_group() };
        Self::new(source, (d.oh, d.ow), d.stride, (&taps(d.r, d.top), &taps(d.s, d.left)))
    }

    /// Numbers of a run.
    fn run(&self) -> usize {
        self.together * self.source.channels
    }

    /// Numbers of a window.
    pub(crate) fn k(&self) -> usize {
        self.runs.len() * self.run()
    }

    /// Where the map can be read as the matrix of windows as it lies: the offset of its first row,
    /// and the distance of the rows.
    pub(crate) fn in_place<T>(&self) -> Option<(usize, usize)> {
        self.evenly().filter(|(_, stride)| !(stride * size_of::<T>()).is_multiple_of(ALIASED))
    }

    /// Where each window is a pixel of the map, in the order of the map: the offset of the first,
    /// and the distance.
    pub(crate) fn evenly(&self) -> Option<(usize, usize)> {
        let s = self.source;
        let pixels = self.runs == [(0, 0)] && self.together == 1 && self.step == 1;
        (pixels && (self.rows, self.columns) == (s.h, s.w)).then_some((s.from, s.c))
    }

    /// The steps `k` of the windows of some output rows: where they lie, or copied to `copy`,
    /// `stride` elements a pixel.
    ///
    /// # Safety
    /// x holds the source maps, and `copy` has a row for every pixel.
    pub(crate) unsafe fn block<M: Stored>(
        &self,
        simd: Simd,
        x: *const M,
        (lines, k): (Range<usize>, Range<usize>),
        (copy, stride): (*mut M, usize),
    ) -> Block<M> {
        let (rows, columns) = (lines.len() * self.columns, k.len());
        if let Some((at, stride)) = self.evenly() {
            let at = x.wrapping_add(lines.start * self.columns * stride + at + k.start);
            return Block { at, stride, rows, columns };
        }
        // SAFETY: the caller's promise.
        unsafe { M::Real::launch(simd, Gather { windows: self, x, lines, k, to: copy, stride }) }
        Block { at: copy, stride, rows, columns }
    }

    /// The part of the map that some output rows read, counted over all pictures, where they read
    /// most of it.
    pub(crate) fn region(&self, lines: Range<usize>) -> Range<usize> {
        let s = self.source;
        if lines.is_empty() || s.channels < s.c || self.runs.len() < self.step {
            return 0..0;
        }
        let row = |line: usize, dy: isize| {
            let row = (line % self.rows * self.step) as isize + dy;
            line / self.rows * s.h + row.clamp(0, s.h as isize) as usize
        };
        let (first, last) = (self.runs[0].0, self.runs[self.runs.len() - 1].0);
        let (from, to) = (row(lines.start, first), row(lines.end - 1, last + 1));
        from * s.w * s.c..to.max(from) * s.w * s.c
    }

    /// Where a window that is a pixel lies, counting lines over all pictures.
    #[inline(always)]
    pub(crate) fn pixel(&self, line: usize, column: usize) -> usize {
        let (s, (y, x)) = (self.source, (line % self.rows * self.step, column * self.step));
        line / self.rows * s.len() + (y * s.w + x) * s.c + s.from
    }
}

/// Copies the steps `k` of the windows of some output rows, counted over all pictures: `stride`
/// elements a pixel.
pub(crate) struct Gather<'a, M> {
    pub(crate) windows: &'a Windows,
    pub(crate) x: *const M,
    pub(crate) lines: Range<usize>,
    pub(crate) k: Range<usize>,
    pub(crate) to: *mut M,
    pub(crate) stride: usize,
}

impl<M: Stored> Job<M::Real> for Gather<'_, M> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = M::Real>>(self) {
        let (w, s, run) = (self.windows, self.windows.source, self.windows.run());
        for number in self.k.start / run..self.k.end.div_ceil(run) {
            let (dy, dx) = w.runs[number];
            // The part of this run that was asked for, and where it goes in a row.
            let part = self.k.start.max(number * run)..self.k.end.min((number + 1) * run);
            let (at, from, len) = (part.start - self.k.start, part.start - number * run, part.len());
            // Output pixels whose whole run lies in the map.
            let low = ((-dx).max(0) as usize).div_ceil(w.step).min(w.columns);
            let high = (s.w as isize - w.together as isize - dx).div_euclid(w.step as isize) + 1;
            let inside = low..(high.max(0) as usize).clamp(low, w.columns);
            for line in self.lines.clone() {
                let (picture, y) = (line / w.rows, (line % w.rows * w.step) as isize + dy);
                // SAFETY: rows and columns are cut to those that the map has; `to` has a row for
                // every pixel.
                unsafe {
                    let to = self.to.add((line - self.lines.start) * w.columns * self.stride + at);
                    if y < 0 || y >= s.h as isize {
                        for pixel in 0..w.columns {
                            fill::<V, M>(to.add(pixel * self.stride), len);
                        }
                        continue;
                    }
                    let x = self.x.add(picture * s.len() + y as usize * s.w * s.c + s.from);
                    for pixel in (0..inside.start).chain(inside.end..w.columns) {
                        let first = (pixel * w.step) as isize + dx;
                        let to = to.add(pixel * self.stride);
                        fill::<V, M>(to, len);
                        // The taps of the run that the map has, as elements of the run.
                        let most = w.together as isize;
                        let has = (-first).clamp(0, most) as usize * s.channels
                            ..(s.w as isize - first).clamp(0, most) as usize * s.channels;
                        let has = has.start.max(from)..has.end.min(from + len);
                        if has.start < has.end {
                            let x = x.offset(first * s.c as isize).add(has.start);
                            copy::<V, M>(x, to.add(has.start - from), has.end - has.start);
                        }
                    }
                    for pixel in inside.clone() {
                        let first = ((pixel * w.step) as isize + dx) as usize;
                        copy::<V, M>(x.add(first * s.c + from), to.add(pixel * self.stride), len);
                    }
                }
            }
        }
    }
}

/// Elements are copied in words of the vector's elements, whatever they are.
#[inline(always)]
unsafe fn copy<V: Lanes, M: Copy>(from: *const M, to: *mut M, len: usize) {
    let in_word = size_of::<V::Real>() / size_of::<M>();
    let words = len / in_word;
    // SAFETY: the caller vouches for `len` elements on both sides.
    unsafe {
        let (word_from, word_to) = (from.cast::<V::Real>(), to.cast::<V::Real>());
        for i in (0..words).step_by(V::N) {
            V::load_up_to(word_from.add(i), words - i).store_up_to(word_to.add(i), words - i);
        }
        for i in words * in_word..len {
            *to.add(i) = *from.add(i);
        }
    }
}

#[inline(always)]
unsafe fn fill<V: Lanes, M: Copy>(to: *mut M, len: usize) {
    let in_word = size_of::<V::Real>() / size_of::<M>();
    let words = len / in_word;
    // SAFETY: the caller vouches for `len` elements, for all of which zero is bytes of zero.
    unsafe {
        let word_to = to.cast::<V::Real>();
        for i in (0..words).step_by(V::N) {
            V::splat(V::Real::ZERO).store_up_to(word_to.add(i), words - i);
        }
        to.add(words * in_word).write_bytes(0, len - words * in_word);
    }
}
