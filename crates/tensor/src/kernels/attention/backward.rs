//! The gradients of queries, keys and values. With the weights `p = exp(scale · q kᵀ - log)`, made
//! anew block by block, and `e = dy · y` by query:
//!
//! ```text
//! dv = pᵀ dy      ds = scale · p · (dy vᵀ - e)      dq = ds k      dk = dsᵀ q
//! ```

use super::tokens::{Copied, Maps, Panels, Tokens, TokensMut, Transposed as TransposedRows, rows};
use super::{KEYS, QUERIES, stride};
use crate::kernels::gemm::{Packed, Product, Rows, Transposed, packed_len};
use crate::kernels::memory::{each, scratch_pieces};
use crate::kernels::simd::rows::dot;
use crate::kernels::simd::{Block, Job, Lanes, Real, Simd, simd};
use crate::sizes::{Attention, Checked};

/// What the forward pass gave, and the gradient of its output.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a, T> {
    pub(crate) y: &'a [T],
    pub(crate) logs: &'a [T],
    pub(crate) dy: &'a [T],
}

/// The gradients of the maps: one or three, as they are.
pub(crate) fn backward<T: Real>(
    d: Checked<Attention>,
    maps: Maps<'_, T>,
    scale: T,
    given: Given<'_, T>,
) -> Vec<Vec<T>> {
    let mut gradients: Vec<Vec<T>> = maps.lens().into_iter().map(Vec::with_capacity).collect();
    let (c, at) = (d.heads * d.width, |map: &mut Vec<T>| map.as_mut_ptr());
    let to = match &mut gradients[..] {
        [all] => [0, 1, 2].map(|i| TokensMut::new(at(all), if i == 0 { d.queries } else { d.keys }, (3 * c, i * c))),
        [q, k, v] => [
            TokensMut::new(at(q), d.queries, (c, 0)),
            TokensMut::new(at(k), d.keys, (c, 0)),
            TokensMut::new(at(v), d.keys, (c, 0)),
        ],
        _ => return Vec::new(),
    };
    write(d, maps, scale, given, to);
    for (gradient, len) in gradients.iter_mut().zip(maps.lens()) {
        // SAFETY: the rows of all heads of all pictures have been written, which is all of it.
        unsafe { gradient.set_len(len) }
    }
    gradients
}

/// Writes the gradients of all rows.
fn write<T: Real>(d: Checked<Attention>, maps: Maps<'_, T>, scale: T, given: Given<'_, T>, to: [TokensMut<T>; 3]) {
    let Given { y, logs, dy } = given;
    assert!(logs.len() == d.n * d.heads * d.queries, "a logarithm for each query");
    let ([q, k, v], simd) = (maps.tokens(&d), simd());
    let [y, dy] = [y, dy].map(|all| Tokens::new(all, &d, d.queries, (d.heads * d.width, 0)));
    each(d.n * d.heads, |unit| {
        let (picture, head) = (unit / d.heads, unit % d.heads);
        let [q, k, v, y, dy] = [q, k, v, y, dy].map(|tokens| tokens.head(picture, head, d.width));
        let logs = &logs[unit * d.queries..][..d.queries];
        // SAFETY: the rows of this head are the unit's own.
        unsafe {
            Head { q, k, v, y, dy, scale, logs }.run(simd, |which, row| to[which].row(picture, head, d.width, row));
        }
    });
}

/// A head of a picture.
struct Head<'a, T> {
    q: Block<T>,
    k: Block<T>,
    v: Block<T>,
    y: Block<T>,
    dy: Block<T>,
    scale: T,
    logs: &'a [T],
}

/// The scratch memory of a head: keys and values as the products read them, the sums of their
/// gradients, and a block of queries with its weights.
#[derive(Clone, Copy)]
struct Memory<T> {
    /// kᵀ and vᵀ in panels, and k in panels.
    kt: *mut T,
    vt: *mut T,
    k: *mut T,
    dk: *mut T,
    dv: *mut T,
    /// Of a block of queries: q, dy and dq, rows of whole vectors.
    q: *mut T,
    dy: *mut T,
    dq: *mut T,
    /// Weights, and their gradients.
    p: *mut T,
    ds: *mut T,
}

impl<T: Real> Head<'_, T> {
    unsafe fn run(&self, simd: Simd, to: impl Fn(usize, usize) -> *mut T) {
        let lanes = T::lanes(simd);
        let (keys, width) = (self.k.rows, self.k.columns);
        let (padded, ldc) = (width.next_multiple_of(lanes), stride(lanes, keys));
        let (panels, all) = (packed_len(lanes, keys, width), padded * keys);
        let (few, block) = (QUERIES * padded, QUERIES * ldc);
        let sizes = [panels, panels, all, all, all, few, few, few, block, block];
        scratch_pieces::<T, _>(sizes, |[kt, vt, k, dk, dv, q, dy, dq, p, ds]| {
            let memory = Memory { kt, vt, k, dk, dv, q, dy, dq, p, ds };
            // SAFETY: the caller's promise; the scratch memory holds what the sizes say.
            unsafe {
                T::launch(simd, TransposedRows { from: self.k, to: kt });
                T::launch(simd, TransposedRows { from: self.v, to: vt });
                T::launch(simd, Panels { from: self.k, to: k });
                dk.write_bytes(0, all);
                dv.write_bytes(0, all);
                for from in (0..self.q.rows).step_by(QUERIES) {
                    let count = QUERIES.min(self.q.rows - from);
                    self.queries(simd, (from, count), (padded, ldc), memory);
                    for row in 0..count {
                        std::ptr::copy_nonoverlapping(dq.add(row * padded), to(0, from + row), width);
                    }
                }
                for row in 0..keys {
                    std::ptr::copy_nonoverlapping(dk.add(row * padded), to(1, row), width);
                    std::ptr::copy_nonoverlapping(dv.add(row * padded), to(2, row), width);
                }
            }
        });
    }

    /// A block of queries: its dq, and what it adds to dk and dv.
    unsafe fn queries(
        &self,
        simd: Simd,
        (from, count): (usize, usize),
        (padded, ldc): (usize, usize),
        memory: Memory<T>,
    ) {
        let (keys, width, lanes) = (self.k.rows, self.k.columns, T::lanes(simd));
        let Memory { kt, vt, k, dk, dv, q, dy, dq, p, ds } = memory;
        let (y, of_dy) = (rows(self.y, from, count), rows(self.dy, from, count));
        let mut along = [T::ZERO; QUERIES];
        // SAFETY: the caller's promise.
        unsafe {
            T::launch(simd, Copied { from: rows(self.q, from, count), to: q, width: padded });
            T::launch(simd, Copied { from: of_dy, to: dy, width: padded });
            T::launch(simd, Along { y, dy: of_dy, to: &mut along });
            for first in (0..keys).step_by(KEYS) {
                let kc = KEYS.min(keys - first);
                let columns = kc.next_multiple_of(lanes);
                for (a, b, c) in [(q, kt, p), (dy, vt, ds)] {
                    let (a, b) = (a.cast_const(), b.add(first * width).cast_const());
                    let product = Product { rows: count, columns, kc: width, a, lda: padded, b, c, ldc, add: false };
                    T::launch(simd, Packed::new(product));
                }
                let logs = &self.logs[from..from + count];
                T::launch(simd, Weights { keys: kc, scale: self.scale, logs, along: &along, p, ds, ldc });
                for (a, b, c) in [(p, dy, dv), (ds, q, dk)] {
                    let (a, b, c) = (a.cast_const(), b.cast_const(), c.add(first * padded));
                    let product =
                        Product { rows: kc, columns: padded, kc: count, a, lda: ldc, b, c, ldc: padded, add: true };
                    T::launch(simd, Transposed::new(product, Rows::Apart(padded)));
                }
                let (a, b, add) = (ds.cast_const(), k.cast_const(), first > 0);
                let product = Product { rows: count, columns: padded, kc, a, lda: ldc, b, c: dq, ldc: padded, add };
                T::launch(simd, Packed::new(product).steps(first, keys));
            }
        }
    }
}

/// `dy · y` of each row.
struct Along<'a, T> {
    y: Block<T>,
    dy: Block<T>,
    to: &'a mut [T],
}

impl<T: Real> Job<T> for Along<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        for row in 0..self.y.rows {
            // SAFETY: rows of both.
            unsafe {
                let y = std::slice::from_raw_parts(self.y.at.add(row * self.y.stride), self.y.columns);
                let dy = std::slice::from_raw_parts(self.dy.at.add(row * self.dy.stride), self.y.columns);
                self.to[row] = dot::<V>(y, dy);
            }
        }
    }
}

/// Logits become weights, and the products of dy with the values the gradients of the logits.
struct Weights<'a, T> {
    keys: usize,
    scale: T,
    logs: &'a [T],
    along: &'a [T],
    p: *mut T,
    ds: *mut T,
    ldc: usize,
}

impl<T: Real> Job<T> for Weights<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let Self { keys, scale, logs, along, p, ds, ldc } = self;
        for (row, (&log, &along)) in logs.iter().zip(along).enumerate() {
            // SAFETY: rows of both blocks, which do not overlap.
            let (p, ds) = unsafe {
                let row = |at: *mut T| std::slice::from_raw_parts_mut(at.add(row * ldc), keys);
                (row(p), row(ds))
            };
            for (p, ds) in p.iter_mut().zip(ds) {
                let weight = (*p * scale - log).exponential();
                *p = weight;
                *ds = scale * weight * (*ds - along);
            }
        }
    }
}
