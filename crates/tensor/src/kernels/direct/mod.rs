//! Convolution as products without a matrix of windows: *implicit GEMM*.
//!
//! Row i of A is output pixel i; its taps are read where they lie in the map, kernel row by kernel row, from a copy
//! of a few rows padded with zeros (or from the map itself where no tap leaves it). Forward and the gradient of the
//! input are the same [`Correlation`]: the latter reads dy, once for each residue of the input position modulo the
//! stride, with the taps that reach it.

pub(super) mod gradient;
mod pack;

pub(super) use pack::Matrix;

use super::Real;
use super::conv::Shape;
use super::micro::{Packed, Product};
use super::parallel::{Shared, each, scratch};
use super::simd::{Job, Lanes, Simd};

/// Bytes of padded rows that one unit of work reads: they and a panel of weights share the second-level cache.
const WINDOW: usize = 256 << 10;
/// Pixels of one unit of a pointwise convolution.
const PIXELS: usize = 224;

/// `out[j, i] = Σ_taps in[j·step + row, i·step + column] · weight[tap]` between two maps of one picture and group.
#[derive(Clone, Debug)]
pub(super) struct Correlation {
    /// Where the taps of output pixel (0, 0) lie in the source, ascending; zeros outside of it.
    pub(super) rows: Vec<isize>,
    pub(super) columns: Vec<isize>,
    /// Source pixels from one output pixel to the next.
    pub(super) step: usize,
    pub(super) source: Map,
    pub(super) target: Map,
    /// The target's pixels: every `every`-th, from `first`.
    pub(super) every: usize,
    pub(super) first: (usize, usize),
}

/// A feature map, and the channels of it that are meant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Map {
    pub(super) h: usize,
    pub(super) w: usize,
    pub(super) c: usize,
    /// First and number of the channels of this group.
    pub(super) from: usize,
    pub(super) channels: usize,
}

impl Map {
    pub(super) fn len(&self) -> usize {
        self.h * self.w * self.c
    }
}

/// Source rows and columns that a block of output rows reads, inclusive of `first`, `count` of them.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) first: isize,
    pub(super) count: usize,
}

impl Span {
    fn inside(self, size: usize) -> bool {
        self.first >= 0 && self.first as usize + self.count <= size
    }
}

/// Memory with the window of a block: where pixel (first row, first column) is, and its strides.
pub(super) struct Window<T> {
    pub(super) at: *const T,
    pub(super) row: usize,
    pub(super) pixel: usize,
}

impl Correlation {
    /// Output rows and columns.
    pub(super) fn size(&self) -> (usize, usize) {
        let count = |size: usize, first: usize| size.saturating_sub(first).div_ceil(self.every);
        (count(self.target.h, self.first.0), count(self.target.w, self.first.1))
    }

    fn span(taps: &[isize], step: usize, from: usize, count: usize) -> Span {
        let (low, high) = (taps[0], taps[taps.len() - 1]);
        Span { first: (from * step) as isize + low, count: (count - 1) * step + (high - low) as usize + 1 }
    }

    pub(super) fn row_span(&self, from: usize, count: usize) -> Span {
        Self::span(&self.rows, self.step, from, count)
    }

    pub(super) fn column_span(&self) -> Span {
        Self::span(&self.columns, self.step, 0, self.size().1)
    }

    /// Numbers of scratch memory for the window of `count` output rows.
    pub(super) fn window_len(&self, count: usize) -> usize {
        self.row_span(0, count).count * self.column_span().count * self.source.channels
    }

    /// The window of the source map at `x` over these rows: the map itself where it holds all, else a copy with zeros.
    ///
    /// # Safety
    /// `x` is the source map of one picture; `copy` has room for the window.
    pub(super) unsafe fn window<T: Real>(&self, x: *const T, rows: Span, copy: *mut T) -> Window<T> {
        let (s, columns) = (self.source, self.column_span());
        if rows.inside(s.h) && columns.inside(s.w) {
            let at = (rows.first as usize * s.w + columns.first as usize) * s.c + s.from;
            return Window { at: x.wrapping_add(at), row: s.w * s.c, pixel: s.c };
        }
        let length = columns.count * s.channels;
        // The columns of the window that the map has.
        let left = (-columns.first).clamp(0, columns.count as isize) as usize;
        let right = (s.w as isize - columns.first).clamp(left as isize, columns.count as isize) as usize;
        // SAFETY: rows and columns are cut to those that the map has; the copy has room for all.
        unsafe {
            for row in 0..rows.count {
                let to =
                    std::slice::from_raw_parts_mut(copy.add(row * length).cast::<std::mem::MaybeUninit<T>>(), length);
                let y = rows.first + row as isize;
                if y < 0 || y >= s.h as isize || left == right {
                    to.fill(std::mem::MaybeUninit::new(T::ZERO));
                    continue;
                }
                to[..left * s.channels].fill(std::mem::MaybeUninit::new(T::ZERO));
                to[right * s.channels..].fill(std::mem::MaybeUninit::new(T::ZERO));
                let first = (y as usize * s.w + (columns.first + left as isize) as usize) * s.c + s.from;
                let to = to.as_mut_ptr().add(left * s.channels).cast::<T>();
                if s.channels == s.c {
                    std::ptr::copy_nonoverlapping(x.add(first), to, (right - left) * s.c);
                } else {
                    for pixel in 0..right - left {
                        let from = x.add(first + pixel * s.c);
                        std::ptr::copy_nonoverlapping(from, to.add(pixel * s.channels), s.channels);
                    }
                }
            }
        }
        Window { at: copy, row: length, pixel: s.channels }
    }

    /// Offsets of the taps in a window, and the numbers read from each: whole kernel rows where they lie together.
    fn taps<T>(&self, window: &Window<T>) -> (Vec<usize>, usize) {
        let together =
            window.pixel == self.source.channels && self.columns.windows(2).all(|pair| pair[1] == pair[0] + 1);
        let columns = if together { &self.columns[..1] } else { &self.columns[..] };
        let offset = |at: isize, first: isize| (at - first) as usize;
        let taps = self.rows.iter().flat_map(|&row| {
            let row = offset(row, self.rows[0]) * window.row;
            columns.iter().map(move |&column| row + offset(column, self.columns[0]) * window.pixel)
        });
        (taps.collect(), if together { self.columns.len() } else { 1 } * self.source.channels)
    }

    /// Whether pixels do not mix: every output pixel reads the source pixel of its own place.
    fn pointwise(&self) -> bool {
        self.rows == [0]
            && self.columns == [0]
            && self.step == 1
            && self.every == 1
            && self.source.channels == self.source.c
    }
}

/// What is done to a finished output.
#[derive(Clone, Copy)]
pub(super) struct Finish<T> {
    /// One for each output channel (of all groups), or null.
    pub(super) bias: *const T,
    pub(super) relu: bool,
}

/// Runs correlations that write disjoint parts of `out`, each with its packed weights, for `n` pictures.
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
) {
    let (x, out, bias) = (Shared::new(x.cast_mut()), Shared::new(out), Shared::new(finish.bias.cast_mut()));
    for (plan, weights) in parts {
        let finish = |rows: usize, columns: usize, ldc: usize, c_line: usize, c: *mut T| {
            let bias = if bias.at(0).is_null() { bias.at(0) } else { bias.at(plan.target.from) };
            let job = Epilogue { c, rows, columns, ldc, width: plan.target.channels, c_line, bias, relu: finish.relu };
            // SAFETY: the block that has just been written.
            unsafe { T::launch(simd, job) }
        };
        let b = Shared::new(weights.as_ptr().cast_mut());
        if plan.pointwise() {
            let pixels = n * plan.source.h * plan.source.w;
            each(pixels.div_ceil(PIXELS), |unit| {
                let (from, rows) = (unit * PIXELS, PIXELS.min(pixels - unit * PIXELS));
                let c = out.at(from * plan.target.c + plan.target.from);
                let (a, lda) = (x.at(from * plan.source.c + plan.source.from), plan.source.c);
                let (columns, ldc, kc) = (plan.target.channels, plan.target.c, plan.source.channels);
                let product = Product { rows, columns, kc, taps: &[0], a, lda, b: b.at(0), c, ldc, add: false };
                // SAFETY: `rows` pixels of the source; the unit's own pixels of the target.
                unsafe { T::launch(simd, Packed { product, lines: 1, a_line: 0, c_line: 0 }) };
                finish(1, rows, ldc, 0, c);
            });
            continue;
        }
        let (rows, columns) = plan.size();
        if rows == 0 || columns == 0 {
            continue;
        }
        let line = plan.step * plan.column_span().count * plan.source.channels * size_of::<T>();
        let height = (WINDOW / line).clamp(1, rows).min((n * rows).div_ceil(16));
        let blocks = rows.div_ceil(height);
        each(n * blocks, |unit| {
            let (picture, from) = (unit / blocks, unit % blocks * height);
            let lines = height.min(rows - from);
            let t = plan.target;
            let first = ((from * plan.every + plan.first.0) * t.w + plan.first.1) * t.c + t.from;
            let (c, ldc, c_line) = (out.at(picture * t.len() + first), plan.every * t.c, plan.every * t.w * t.c);
            scratch::<T>(plan.window_len(lines), |copy| {
                // SAFETY: the source map of this picture; its own rows of the target.
                unsafe {
                    let source = x.at(picture * plan.source.len());
                    let window = plan.window(source, plan.row_span(from, lines), copy);
                    let (taps, kc) = plan.taps(&window);
                    let (a, lda) = (window.at, plan.step * window.pixel);
                    let product = Product {
                        rows: columns,
                        columns: t.channels,
                        kc,
                        taps: &taps,
                        a,
                        lda,
                        b: b.at(0),
                        c,
                        ldc,
                        add: false,
                    };
                    T::launch(simd, Packed { product, lines, a_line: plan.step * window.row, c_line });
                }
            });
            finish(lines, columns, ldc, c_line, c);
        });
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
    d: &Shape,
    x: *const T,
    weight: &[T],
    out: *mut T,
    finish: Finish<T>,
) {
    let parts: Vec<_> = (0..d.groups)
        .map(|group| {
            let plan = forward_plan(d, group);
            let taps: Vec<usize> = (0..d.r * d.s).collect();
            let packed = pack::pack(T::lanes(simd), d.forward_matrix(group), &taps, weight);
            (plan, packed)
        })
        .collect();
    // SAFETY: the caller's promise.
    unsafe { correlate(simd, d.n, &parts, x, out, finish) }
}

/// The forward convolution of a group.
pub(super) fn forward_plan(d: &Shape, group: usize) -> Correlation {
    let taps = |count: usize| (0..count).map(|t| (t * d.dilation) as isize - d.padding as isize).collect();
    Correlation {
        rows: taps(d.r),
        columns: taps(d.s),
        step: d.stride,
        source: Map { h: d.h, w: d.w, c: d.c, from: group * d.c_group(), channels: d.c_group() },
        target: Map { h: d.oh, w: d.ow, c: d.o, from: group * d.o_group(), channels: d.o_group() },
        every: 1,
        first: (0, 0),
    }
}

/// The gradient of the input (N,H,W,C).
///
/// # Safety
/// The pointers hold what the shape says.
pub(super) unsafe fn input_gradient<T: Real>(simd: Simd, d: &Shape, weight: &[T], dy: *const T, out: *mut T) {
    let mut parts = Vec::new();
    for group in 0..d.groups {
        for y in 0..d.stride.min(d.h) {
            for x in 0..d.stride.min(d.w) {
                let (rows, columns) = (reaching(d, y, d.r), reaching(d, x, d.s));
                let places = |taps: &[(isize, usize)]| taps.iter().map(|tap| tap.0).collect::<Vec<_>>();
                let taps: Vec<usize> = rows.iter().flat_map(|r| columns.iter().map(move |s| r.1 * d.s + s.1)).collect();
                let plan = Correlation {
                    rows: places(&rows),
                    columns: places(&columns),
                    step: 1,
                    source: Map { h: d.oh, w: d.ow, c: d.o, from: group * d.o_group(), channels: d.o_group() },
                    target: Map { h: d.h, w: d.w, c: d.c, from: group * d.c_group(), channels: d.c_group() },
                    every: d.stride,
                    first: (y, x),
                };
                if taps.is_empty() {
                    // SAFETY: the target's pixels of this residue.
                    unsafe { clear(d.n, &plan, out) }
                } else {
                    let packed = pack::pack(T::lanes(simd), d.backward_matrix(group), &taps, weight);
                    parts.push((plan, packed));
                }
            }
        }
    }
    // SAFETY: the caller's promise; residues and groups do not overlap.
    unsafe { correlate(simd, d.n, &parts, dy, out, Finish { bias: std::ptr::null(), relu: false }) }
}

/// The taps that reach input position `at` + a multiple of the stride, with the first output position of each.
fn reaching(d: &Shape, at: usize, count: usize) -> Vec<(isize, usize)> {
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
    let (t, (rows, columns), out) = (plan.target, plan.size(), Shared::new(out));
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
