//! Convolution of (N,H,W,C) maps as dense products: `im2col` of a block of output rows, then one product.
//!
//! Forward `y = col(x) W`, weight gradient `dW = col(x)ᵀ dy`, input gradient `dx = col⁻¹(dy Wᵀ)`, with W as a
//! matrix of (R·S·C/groups) × (O/groups) per group. A 1x1 convolution of stride 1 needs no `col`: its maps
//! already are the matrix.

use rayon::prelude::*;

use super::Real;
use super::gemm::{Mat, product};

/// Output pixels of one product: `col` of a 3x3 layer with 64 channels is then 0.6 MB in float32.
const BLOCK: usize = 256;
/// Partial weight gradients: a fixed number, so that the order of their sum is fixed too.
const PARTS: usize = 8;

/// The sizes of one convolution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) n: usize,
    pub(crate) h: usize,
    pub(crate) w: usize,
    /// Input channels, all groups.
    pub(crate) c: usize,
    /// Output height, width and channels (all groups).
    pub(crate) oh: usize,
    pub(crate) ow: usize,
    pub(crate) o: usize,
    /// Kernel height and width.
    pub(crate) r: usize,
    pub(crate) s: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    pub(crate) dilation: usize,
    pub(crate) groups: usize,
}

impl Shape {
    fn c_group(&self) -> usize {
        self.c / self.groups
    }
    fn o_group(&self) -> usize {
        self.o / self.groups
    }
    /// The inner size of the product of one group.
    fn inner(&self) -> usize {
        self.r * self.s * self.c_group()
    }
    fn pointwise(&self) -> bool {
        self.r * self.s == 1 && self.stride == 1 && self.padding == 0
    }
    /// The same convolution with its pixels in one long row, where that changes nothing.
    fn flattened(self) -> Self {
        if !self.pointwise() {
            return self;
        }
        let pixels = self.n * self.h * self.w;
        Self { n: 1, h: 1, w: pixels, oh: 1, ow: pixels, ..self }
    }
    /// Where tap `k` of output position `o` reads, if inside `0..size`.
    fn source(&self, o: usize, k: usize, size: usize) -> Option<usize> {
        (o * self.stride + k * self.dilation).checked_sub(self.padding).filter(|&i| i < size)
    }
}

/// Where each weight lies in O,I,R,S and in [group][r][s][i][o], which is the matrix W of each group.
fn places(d: &Shape) -> impl Iterator<Item = (usize, usize)> {
    let (ci, oi, taps) = (d.c_group(), d.o_group(), d.r * d.s);
    (0..d.o * ci * taps).map(move |at| {
        let (o, i, t) = (at / (ci * taps), at / taps % ci, at % taps);
        (at, ((o / oi * taps + t) * ci + i) * oi + o % oi)
    })
}

/// O,I,R,S to [group][r][s][i][o].
fn pack<T: Real>(d: &Shape, weight: &[T]) -> Vec<T> {
    let mut out = vec![T::ZERO; weight.len()];
    places(d).for_each(|(from, to)| out[to] = weight[from]);
    out
}

/// [group][r][s][i][o] back to O,I,R,S.
fn unpack<T: Real>(d: &Shape, packed: &[T]) -> Vec<T> {
    let mut out = vec![T::ZERO; packed.len()];
    places(d).for_each(|(to, from)| out[to] = packed[from]);
    out
}

/// The windows of output pixels `from..to` of picture `n` and group `g`, a row each.
fn im2col<T: Real>(d: &Shape, x: &[T], n: usize, g: usize, from: usize, to: usize, col: &mut [T]) {
    let ci = d.c_group();
    for (row, pixel) in col.chunks_exact_mut(d.inner()).zip(from..to) {
        let (oy, ox) = (pixel / d.ow, pixel % d.ow);
        for (t, out) in row.chunks_exact_mut(ci).enumerate() {
            match (d.source(oy, t / d.s, d.h), d.source(ox, t % d.s, d.w)) {
                (Some(y), Some(x_at)) => {
                    let at = ((n * d.h + y) * d.w + x_at) * d.c + g * ci;
                    out.copy_from_slice(&x[at..at + ci]);
                }
                _ => out.fill(T::ZERO),
            }
        }
    }
}

/// The transpose of [`im2col`]: adds rows of window gradients where the windows were read.
fn col2im<T: Real>(d: &Shape, col: &[T], g: usize, from: usize, to: usize, dx: &mut [T]) {
    let ci = d.c_group();
    for (row, pixel) in col.chunks_exact(d.inner()).zip(from..to) {
        let (oy, ox) = (pixel / d.ow, pixel % d.ow);
        for (t, values) in row.chunks_exact(ci).enumerate() {
            if let (Some(y), Some(x_at)) = (d.source(oy, t / d.s, d.h), d.source(ox, t % d.s, d.w)) {
                let at = (y * d.w + x_at) * d.c + g * ci;
                for (sum, &value) in dx[at..at + ci].iter_mut().zip(values) {
                    *sum += value;
                }
            }
        }
    }
}

/// The output (N,OH,OW,O).
pub(crate) fn forward<T: Real>(d: Shape, x: &[T], weight: &[T], bias: Option<&[T]>) -> Vec<T> {
    let d = d.flattened();
    let (packed, pixels) = (pack(&d, weight), d.oh * d.ow);
    let mut out = vec![T::ZERO; d.n * pixels * d.o];
    if out.is_empty() {
        return out;
    }
    out.par_chunks_mut(pixels * d.o).enumerate().for_each(|(n, out)| {
        out.par_chunks_mut(BLOCK * d.o).enumerate().for_each_init(Vec::new, |col, (block, out)| {
            let (from, m) = (block * BLOCK, out.len() / d.o);
            if let Some(bias) = bias {
                out.chunks_exact_mut(d.o).for_each(|row| row.copy_from_slice(bias));
            }
            for g in 0..d.groups {
                let a = windows(&d, x, n, g, from, from + m, col);
                let w = &packed[g * d.inner() * d.o_group()..][..d.inner() * d.o_group()];
                let size = (m, d.o_group(), d.inner());
                product(size, a, Mat::rows(w, d.o_group()), &mut out[g * d.o_group()..], d.o, bias.is_some());
            }
        });
    });
    out
}

/// The windows of a block as a matrix: `col`, filled, or a view of the maps where they already are it.
fn windows<'a, T: Real>(
    d: &Shape,
    x: &'a [T],
    n: usize,
    g: usize,
    from: usize,
    to: usize,
    col: &'a mut Vec<T>,
) -> Mat<'a, T> {
    if d.pointwise() {
        return Mat::rows(&x[(n * d.h * d.w + from) * d.c + g * d.c_group()..], d.c);
    }
    col.resize((to - from) * d.inner(), T::ZERO);
    im2col(d, x, n, g, from, to, col);
    Mat::rows(col, d.inner())
}

/// The gradient of the input, (N,H,W,C).
pub(crate) fn input_gradient<T: Real>(d: Shape, weight: &[T], dy: &[T]) -> Vec<T> {
    let d = d.flattened();
    let (packed, pixels) = (pack(&d, weight), d.oh * d.ow);
    let mut dx = vec![T::ZERO; d.n * d.h * d.w * d.c];
    if dx.is_empty() || dy.is_empty() {
        return dx;
    }
    let w = |g: usize| Mat::rows(&packed[g * d.inner() * d.o_group()..], d.o_group()).t();
    let dy_from = |n: usize, g: usize, from: usize| Mat::rows(&dy[(n * pixels + from) * d.o + g * d.o_group()..], d.o);
    if d.pointwise() {
        dx.par_chunks_mut(BLOCK * d.c).enumerate().for_each(|(block, dx)| {
            for g in 0..d.groups {
                let size = (dx.len() / d.c, d.c_group(), d.o_group());
                product(size, dy_from(0, g, block * BLOCK), w(g), &mut dx[g * d.c_group()..], d.c, false);
            }
        });
        return dx;
    }
    dx.par_chunks_mut(d.h * d.w * d.c).enumerate().for_each_init(Vec::new, |col, (n, dx)| {
        for from in (0..pixels).step_by(BLOCK) {
            let m = BLOCK.min(pixels - from);
            col.resize(m * d.inner(), T::ZERO);
            for g in 0..d.groups {
                product((m, d.inner(), d.o_group()), dy_from(n, g, from), w(g), col, d.inner(), false);
                col2im(&d, col, g, from, from + m, dx);
            }
        }
    });
    dx
}

/// The gradients of the weight (O,I,R,S).
pub(crate) fn weight_gradient<T: Real>(d: Shape, x: &[T], dy: &[T]) -> Vec<T> {
    let d = d.flattened();
    let (pixels, size) = (d.oh * d.ow, d.inner() * d.o_group());
    // The unit of work: a block of output pixels of one picture. Part p sums a fixed run of units.
    let blocks = pixels.div_ceil(BLOCK);
    let units = d.n * blocks;
    let per_part = units.div_ceil(PARTS).max(1);
    let mut parts = vec![T::ZERO; units.div_ceil(per_part).max(1) * size * d.groups];
    parts.par_chunks_mut((size * d.groups).max(1)).enumerate().for_each_init(Vec::new, |col, (part, sum)| {
        for unit in (part * per_part..units).take(per_part) {
            let (n, from) = (unit / blocks, unit % blocks * BLOCK);
            let m = BLOCK.min(pixels - from);
            for g in 0..d.groups {
                let a = windows(&d, x, n, g, from, from + m, col).t();
                let b = Mat::rows(&dy[(n * pixels + from) * d.o + g * d.o_group()..], d.o);
                product((d.inner(), d.o_group(), m), a, b, &mut sum[g * size..][..size], d.o_group(), true);
            }
        }
    });
    let (total, rest) = parts.split_at_mut(size * d.groups);
    for part in rest.chunks_exact(size * d.groups) {
        total.iter_mut().zip(part).for_each(|(sum, &value)| *sum += value);
    }
    unpack(&d, total)
}

/// The sum of each of the `o` columns, for the gradient of a bias.
pub(crate) fn column_sums<T: Real>(dy: &[T], o: usize) -> Vec<T> {
    let parts: Vec<Vec<T>> = dy
        .par_chunks(o * 4096)
        .map(|part| {
            let mut sum = vec![T::ZERO; o];
            for row in part.chunks_exact(o) {
                sum.iter_mut().zip(row).for_each(|(sum, &value)| *sum += value);
            }
            sum
        })
        .collect();
    parts.iter().fold(vec![T::ZERO; o], |mut total, part| {
        total.iter_mut().zip(part).for_each(|(sum, &value)| *sum += value);
        total
    })
}
