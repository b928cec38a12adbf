//! The three products of a fully connected layer, for weights far larger than any cache: each reads
//! (or writes) the weight once, in whole rows, where it lies.
//!
//! y = x Wᵀ as `yᵀ = W xᵀ`, so that W is the matrix read row by row and the small xᵀ is the packed
//! one; dx = dy W over blocks of its columns; dW = dyᵀ x over blocks of its rows.

use super::packed::Packed;
use super::panels::{packed_len, panels};
use super::product::Product;
use super::transposed::{Rows, Transposed};
use crate::kernels::memory::{Shared, each, filled, scratch};
use crate::kernels::simd::{Real, simd};
use crate::sizes::{Checked, Connection};

/// Outputs, and rows of dW, of one unit of work: a multiple of every tile's height.
const ROWS: usize = 84;
/// Columns of dx of one unit.
const COLUMNS: usize = 512;
/// Rows of W that a unit of dx reads at a time: few enough for the page tables.
const STEPS: usize = 64;

/// y (N,O) of x (N,I), weight (O,I) and bias (O).
pub(crate) fn forward<T: Real>(d: Checked<Connection>, x: &[T], weight: &[T], bias: Option<&[T]>) -> Vec<T> {
    assert!(x.len() == d.n * d.i && weight.len() == d.o * d.i && bias.is_none_or(|b| b.len() == d.o));
    let simd = simd();
    let packed = pack_transposed(T::lanes(simd), x, d.n, d.i);
    let (b, w) = (Shared::new(packed.as_ptr().cast_mut()), Shared::new(weight.as_ptr().cast_mut()));
    // SAFETY: each unit writes its own outputs of every row of y, from its own rows of W.
    unsafe {
        filled(d.n * d.o, |y| {
            let y = Shared::new(y.as_mut_ptr().cast::<T>());
            each(d.o.div_ceil(ROWS), |unit| {
                let (from, rows) = (unit * ROWS, ROWS.min(d.o - unit * ROWS));
                scratch::<T>(rows * d.n, |yt| {
                    let (a, c) = (w.at(from * d.i).cast_const(), yt);
                    let (columns, kc, b) = (d.n, d.i, b.at(0).cast_const());
                    let product = Product { rows, columns, kc, a, lda: d.i, b, c, ldc: d.n, add: false };
                    T::launch(simd, Packed::new(product));
                    for n in 0..d.n {
                        for row in 0..rows {
                            let value = *yt.add(row * d.n + n);
                            *y.at(n * d.o + from + row) = bias.map_or(value, |bias| value + bias[from + row]);
                        }
                    }
                });
            });
        })
    }
}

/// xᵀ (I,N) in panels, from x (N,I).
fn pack_transposed<T: Real>(lanes: usize, x: &[T], n: usize, i: usize) -> Vec<T> {
    let mut packed = vec![T::ZERO; packed_len(lanes, n, i)];
    for (from, width) in panels(lanes, n) {
        let panel = &mut packed[from * i..][..width * i];
        for (column, row) in x.chunks_exact(i.max(1)).skip(from).take(width).enumerate() {
            for (to, &value) in panel.iter_mut().skip(column).step_by(width).zip(row) {
                *to = value;
            }
        }
    }
    packed
}

/// dx (N,I) of weight (O,I) and dy (N,O).
pub(crate) fn input_gradient<T: Real>(d: Checked<Connection>, weight: &[T], dy: &[T]) -> Vec<T> {
    assert!(dy.len() == d.n * d.o && weight.len() == d.o * d.i);
    let simd = simd();
    let lanes = T::lanes(simd);
    // (O,N): the matrix whose columns the product reads.
    let dyt: Vec<T> = (0..d.n * d.o).map(|at| dy[at % d.n * d.o + at / d.n]).collect();
    let mut dx = vec![T::ZERO; d.n * d.i];
    let (out, w, dyt) =
        (Shared::new(dx.as_mut_ptr()), Shared::new(weight.as_ptr().cast_mut()), Shared::new(dyt.as_ptr().cast_mut()));
    each(d.i.div_ceil(COLUMNS), |unit| {
        let from = unit * COLUMNS;
        let all = COLUMNS.min(d.i - from);
        let columns = all / lanes * lanes;
        for first in (0..d.o).step_by(STEPS) {
            let kc = STEPS.min(d.o - first);
            let (a, b) = (dyt.at(first * d.n).cast_const(), w.at(first * d.i + from).cast_const());
            // SAFETY: the unit's own columns of dx, whole vectors of them, and the same columns of
            // W.
            unsafe {
                let product = Product { rows: d.n, columns, kc, a, lda: d.n, b, c: out.at(from), ldc: d.i, add: true };
                T::launch(simd, Transposed::new(product, Rows::Apart(d.i)));
                rest(Rest {
                    rows: d.n,
                    columns: columns..all,
                    kc,
                    a,
                    lda: d.n,
                    b,
                    ldb: d.i,
                    c: out.at(from),
                    ldc: d.i,
                });
            }
        }
    });
    dx
}

/// dW (O,I) of x (N,I) and dy (N,O).
pub(crate) fn weight_gradient<T: Real>(d: Checked<Connection>, x: &[T], dy: &[T]) -> Vec<T> {
    assert!(x.len() == d.n * d.i && dy.len() == d.n * d.o);
    let simd = simd();
    let columns = d.i / T::lanes(simd) * T::lanes(simd);
    // SAFETY: each unit writes its own rows of dW, whole.
    unsafe {
        filled(d.o * d.i, |dw| {
            let (dw, x) = (Shared::new(dw.as_mut_ptr().cast::<T>()), Shared::new(x.as_ptr().cast_mut()));
            let dy = Shared::new(dy.as_ptr().cast_mut());
            each(d.o.div_ceil(ROWS), |unit| {
                let (from, rows) = (unit * ROWS, ROWS.min(d.o - unit * ROWS));
                let (a, b, c) = (dy.at(from).cast_const(), x.at(0).cast_const(), dw.at(from * d.i));
                let product = Product { rows, columns, kc: d.n, a, lda: d.o, b, c, ldc: d.i, add: false };
                T::launch(simd, Transposed::new(product, Rows::Apart(d.i)));
                for row in 0..rows {
                    std::ptr::write_bytes(c.add(row * d.i + columns), 0, d.i - columns);
                }
                rest(Rest { rows, columns: columns..d.i, kc: d.n, a, lda: d.o, b, ldb: d.i, c, ldc: d.i });
            });
        })
    }
}

/// `C += Aᵀ B` for the few columns after the last whole vector.
struct Rest<T> {
    rows: usize,
    columns: std::ops::Range<usize>,
    kc: usize,
    a: *const T,
    lda: usize,
    b: *const T,
    ldb: usize,
    c: *mut T,
    ldc: usize,
}

unsafe fn rest<T: Real>(p: Rest<T>) {
    for column in p.columns {
        for row in 0..p.rows {
            let mut sum = T::ZERO;
            // SAFETY: rows and columns of the product that the caller describes.
            unsafe {
                for k in 0..p.kc {
                    sum += *p.a.add(k * p.lda + row) * *p.b.add(k * p.ldb + column);
                }
                *p.c.add(row * p.ldc + column) += sum;
            }
        }
    }
}
