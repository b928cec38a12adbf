//! The output, and of each query the logarithm of the sum of its exponentials.

use std::mem::MaybeUninit;

use super::tokens::{Maps, Panels, TokensMut, Transposed, rows};
use super::{KEYS, QUERIES, stride};
use crate::kernels::gemm::{Packed, Product, packed_len};
use crate::kernels::memory::{Shared, each, filled, scratch_pieces};
use crate::kernels::simd::rows::{largest, sum};
use crate::kernels::simd::{Block, Job, Lanes, Real, Simd, simd};
use crate::sizes::{Attention, Checked};

/// How many units of work there should be; where heads are fewer, their queries are split.
const UNITS: usize = 16;

/// Outputs (N,queries,heads·d) and (N,heads,queries) logarithms.
pub(crate) fn forward<T: Real>(d: Checked<Attention>, maps: Maps<'_, T>, scale: T) -> (Vec<T>, Vec<T>) {
    let ([q, k, v], heads, simd) = (maps.tokens(&d), d.n * d.heads, simd());
    // By the sizes alone.
    let parts = if heads >= UNITS { 1 } else { d.queries.div_ceil(2 * QUERIES) };
    let mut logs = Vec::new();
    // SAFETY: the units write all queries of all heads, each its own.
    let y = unsafe {
        filled(d.n * d.queries * d.heads * d.width, |y| {
            let row = d.heads * d.width;
            let y = TokensMut::new(y.as_mut_ptr().cast::<T>(), d.queries, (row, 0));
            logs = filled(heads * d.queries, |logs: &mut [MaybeUninit<T>]| {
                let logs = Shared::new(logs.as_mut_ptr().cast::<T>());
                each(heads * parts, |unit| {
                    let (picture, head, part) = (unit / parts / d.heads, unit / parts % d.heads, unit % parts);
                    let [q, k, v] = [q, k, v].map(|tokens| tokens.head(picture, head, d.width));
                    let (from, to) = (part * d.queries / parts, (part + 1) * d.queries / parts);
                    Head {
                        q: rows(q, from, to - from),
                        k,
                        v,
                        scale,
                        y: (y.row(picture, head, d.width, from), row),
                        logs: logs.at(unit / parts * d.queries + from),
                    }
                    .run(simd);
                });
            });
        })
    };
    (y, logs)
}

/// Some queries of a head.
struct Head<T> {
    q: Block<T>,
    k: Block<T>,
    v: Block<T>,
    scale: T,
    /// The first output, and from one to the next.
    y: (*mut T, usize),
    logs: *mut T,
}

impl<T: Real> Head<T> {
    unsafe fn run(&self, simd: Simd) {
        let lanes = T::lanes(simd);
        let (keys, width) = (self.k.rows, self.k.columns);
        let (padded, ldc) = (width.next_multiple_of(lanes), stride(lanes, keys));
        let sizes = [packed_len(lanes, keys, width), padded * keys, QUERIES * ldc, QUERIES * padded];
        scratch_pieces::<T, _>(sizes, |[kt, v, s, o]| {
            // SAFETY: the caller's promise; the scratch memory holds what the sizes say.
            unsafe {
                T::launch(simd, Transposed { from: self.k, to: kt });
                T::launch(simd, Panels { from: self.v, to: v });
                for from in (0..self.q.rows).step_by(QUERIES) {
                    let q = rows(self.q, from, QUERIES.min(self.q.rows - from));
                    let mut state = State { most: [T::NEG_INFINITY; QUERIES], sums: [T::ZERO; QUERIES] };
                    for first in (0..keys).step_by(KEYS) {
                        let count = KEYS.min(keys - first);
                        let columns = count.next_multiple_of(lanes);
                        let (b, lda) = (kt.add(first * width).cast_const(), q.stride);
                        let logits =
                            Product { rows: q.rows, columns, kc: width, a: q.at, lda, b, c: s, ldc, add: false };
                        T::launch(simd, Packed::new(logits));
                        let (scale, block) = (self.scale, (s, ldc));
                        T::launch(
                            simd,
                            Weigh { rows: q.rows, keys: count, scale, block, o, padded, state: &mut state },
                        );
                        let (a, b) = (s.cast_const(), v.cast_const());
                        let add = first > 0;
                        let sums = Product {
                            rows: q.rows,
                            columns: padded,
                            kc: count,
                            a,
                            lda: ldc,
                            b,
                            c: o,
                            ldc: padded,
                            add,
                        };
                        T::launch(simd, Packed::new(sums).steps(first, keys));
                    }
                    let (y, row) = self.y;
                    let (y, logs) = ((y.add(from * row), row), self.logs.add(from));
                    T::launch(simd, Divide { rows: q.rows, width, o, padded, state: &state, y, logs });
                }
            }
        });
    }
}

/// What is known of a block of queries so far: the largest logit of each, and the sum of the
/// exponentials of what they are below it.
struct State<T> {
    most: [T; QUERIES],
    sums: [T; QUERIES],
}

/// Logits of a block of keys become exponentials, and what has been summed before is made smaller
/// where a logit is larger than all before.
struct Weigh<'a, T> {
    rows: usize,
    keys: usize,
    scale: T,
    block: (*mut T, usize),
    o: *mut T,
    padded: usize,
    state: &'a mut State<T>,
}

impl<T: Real> Job<T> for Weigh<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let Self { rows, keys, scale, block: (s, ldc), o, padded, state } = self;
        for row in 0..rows {
            // SAFETY: rows of the block and of the sums.
            unsafe {
                let s = std::slice::from_raw_parts_mut(s.add(row * ldc), keys);
                let before = state.most[row];
                let most = largest::<V>(s) * scale;
                let most = if before > most { before } else { most };
                // Without a number yet there is nothing to be smaller than.
                let center = if most == T::NEG_INFINITY { T::ZERO } else { most };
                for s in s.iter_mut() {
                    *s = (*s * scale - center).exponential();
                }
                state.most[row] = most;
                let shrink = (before - center).exponential();
                state.sums[row] = state.sums[row] * shrink + sum::<V>(s);
                if before > T::NEG_INFINITY && most > before {
                    let o = std::slice::from_raw_parts_mut(o.add(row * padded), padded);
                    o.iter_mut().for_each(|o| *o *= shrink);
                }
            }
        }
    }
}

/// The weighted sums divided by the sums of the weights.
struct Divide<'a, T> {
    rows: usize,
    width: usize,
    o: *const T,
    padded: usize,
    state: &'a State<T>,
    y: (*mut T, usize),
    logs: *mut T,
}

impl<T: Real> Job<T> for Divide<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let Self { rows, width, o, padded, state, y: (y, stride), logs } = self;
        for row in 0..rows {
            let sum = state.sums[row];
            let share = T::ONE / sum;
            // SAFETY: rows of both, and a logarithm for each.
            unsafe {
                let factor = V::splat(share);
                for at in (0..width).step_by(V::N) {
                    V::load(o.add(row * padded + at)).mul(factor).store_up_to(y.add(row * stride + at), width - at);
                }
                *logs.add(row) = state.most[row] + sum.ln();
            }
        }
    }
}
