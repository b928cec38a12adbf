//! Passes over the rows of an M×C matrix with parameters by column: one that writes a matrix, one that sums columns.

use std::array;
use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::elementwise::pass;
use super::simd::{Job, Lanes, simd};
use super::{Real, filled};

/// The elements of a block of whole rows, about: a block is read from memory once and then again from the second cache.
/// No more than 256 rows: sums in float32 stay short. Fixed by the matrix, so that sums do not depend on the number of
/// threads.
pub(crate) fn block(c: usize) -> usize {
    ((1 << 14) / c.max(1)).clamp(32, 256) * c.max(1)
}

/// `f(elements of the inputs, parameters of the column)` for every element.
pub(crate) fn map<T: Real, const K: usize, const P: usize>(
    inputs: [&[T]; K],
    columns: [&[T]; P],
    f: impl Fn([T; K], [T; P]) -> T + Sync,
) -> Vec<T> {
    let (len, size) = (inputs[0].len(), block(columns[0].len()));
    assert!(inputs.iter().all(|x| x.len() == len), "matrices of one shape");
    // SAFETY: `map_block` writes all of its block.
    unsafe {
        filled(len, |out| {
            out.par_chunks_mut(size).enumerate().for_each(|(i, out)| {
                map_block(inputs.map(|x| &x[i * size..][..out.len()]), columns, &f, out);
            });
        })
    }
}

/// [`map`] on one thread: writes all of `out`, as long as the inputs, and gives it back as what it has become.
pub(crate) fn map_block<'a, T: Real, const K: usize, const P: usize>(
    inputs: [&[T]; K],
    columns: [&[T]; P],
    f: impl Fn([T; K], [T; P]) -> T,
    out: &'a mut [MaybeUninit<T>],
) -> &'a [T] {
    let (len, c) = (out.len(), columns[0].len().max(1));
    assert!(len.is_multiple_of(c) && inputs.iter().all(|x| x.len() == len), "matrices of one shape, of whole rows");
    // SAFETY: the job has no pointers and writes every element; MaybeUninit<T> has the layout of T.
    unsafe {
        T::launch(simd(), Map { inputs, columns, f: &f, out });
        &*(std::ptr::from_mut(out) as *const [T])
    }
}

/// A block of [`map`]. The loop has no vectors in it: it is a job so that the compiler makes them for each set.
struct Map<'a, T, F, const K: usize, const P: usize> {
    inputs: [&'a [T]; K],
    columns: [&'a [T]; P],
    f: &'a F,
    out: &'a mut [MaybeUninit<T>],
}

impl<T: Real, F: Fn([T; K], [T; P]) -> T, const K: usize, const P: usize> Job<T> for Map<'_, T, F, K, P> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        let c = self.columns[0].len();
        let columns = self.columns.map(|column| &column[..c]);
        for (row, out) in self.out.chunks_exact_mut(c).enumerate() {
            let inputs = self.inputs.map(|x| &x[row * c..][..c]);
            for l in 0..c {
                let value = (self.f)(array::from_fn(|k| inputs[k][l]), array::from_fn(|p| columns[p][l]));
                out[l].write(value);
            }
        }
    }
}

/// The sums by column of the two numbers that `f(x, z, parameters of the column)` gives, over all rows of a block.
pub(crate) fn sums<T: Real, const P: usize>(
    x: &[T],
    z: &[T],
    columns: [&[T]; P],
    f: impl Fn(T, T, [T; P]) -> (T, T),
) -> (Vec<T>, Vec<T>) {
    let c = columns[0].len();
    let (mut a, mut b) = (vec![T::ZERO; c], vec![T::ZERO; c]);
    // SAFETY: a job without pointers.
    unsafe { T::launch(simd(), Sums { x, z, columns, f: &f, sums: (&mut a, &mut b) }) }
    (a, b)
}

/// [`sums`], as [`Map`] is [`map`].
struct Sums<'a, T, F, const P: usize> {
    x: &'a [T],
    z: &'a [T],
    columns: [&'a [T]; P],
    f: &'a F,
    sums: (&'a mut [T], &'a mut [T]),
}

impl<T: Real, F: Fn(T, T, [T; P]) -> (T, T), const P: usize> Job<T> for Sums<'_, T, F, P> {
    #[inline(always)]
    unsafe fn run<V: Lanes<Real = T>>(self) {
        /// Rows added to each other before they are added to the sum: fewer roundings and fewer trips to the cache.
        const ROWS: usize = 4;
        let Self { x, z, columns, f, sums: (a, b) } = self;
        let c = a.len();
        let (xs, zs) = (x.chunks_exact(ROWS * c), z.chunks_exact(ROWS * c));
        let rest = xs.remainder().chunks_exact(c).zip(zs.remainder().chunks_exact(c));
        for (x, z) in xs.zip(zs) {
            add::<T, P, ROWS>(x, z, columns, f, a, b);
        }
        for (x, z) in rest {
            add::<T, P, 1>(x, z, columns, f, a, b);
        }
    }
}

#[inline(always)]
fn add<T: Real, const P: usize, const ROWS: usize>(
    x: &[T],
    z: &[T],
    columns: [&[T]; P],
    f: &impl Fn(T, T, [T; P]) -> (T, T),
    a: &mut [T],
    b: &mut [T],
) {
    let c = a.len();
    let (columns, b) = (columns.map(|column| &column[..c]), &mut b[..c]);
    let x: [&[T]; ROWS] = array::from_fn(|row| &x[row * c..][..c]);
    let z: [&[T]; ROWS] = array::from_fn(|row| &z[row * c..][..c]);
    for l in 0..c {
        let parameters = array::from_fn(|p| columns[p][l]);
        let (mut sum_a, mut sum_b) = (T::ZERO, T::ZERO);
        for row in 0..ROWS {
            let (more_a, more_b) = f(x[row][l], z[row][l], parameters);
            sum_a += more_a;
            sum_b += more_b;
        }
        a[l] += sum_a;
        b[l] += sum_b;
    }
}

/// Rows of one partial sum of [`column_sums`] and [`rectified`].
const ROWS: usize = 2048;

/// The sum of each of the `o` columns, for the gradient of a bias.
pub(crate) fn column_sums<T: Real>(dy: &[T], o: usize) -> Vec<T> {
    let parts: Vec<Vec<T>> = dy.par_chunks(o * ROWS).map(|part| sum(part, o)).collect();
    total(parts, o)
}

/// dy where y is above zero, else zero, and the sum of each of its `o` columns: one pass.
pub(crate) fn rectified<T: Real>(y: &[T], dy: &[T], o: usize) -> (Vec<T>, Vec<T>) {
    let mut parts = Vec::new();
    // SAFETY: the chunks of out are as long as those of y and dy, and each is written whole.
    let dz = unsafe {
        filled(dy.len(), |out| {
            let chunks = out.par_chunks_mut(o * ROWS).zip(y.par_chunks(o * ROWS).zip(dy.par_chunks(o * ROWS)));
            parts = chunks
                .map(|(out, (y, dy))| {
                    let mut sum = vec![T::ZERO; o];
                    for ((out, y), dy) in out.chunks_exact_mut(o).zip(y.chunks_exact(o)).zip(dy.chunks_exact(o)) {
                        for (((out, &y), &dy), sum) in out.iter_mut().zip(y).zip(dy).zip(&mut sum) {
                            let dz = pass(y, dy);
                            out.write(dz);
                            *sum += dz;
                        }
                    }
                    sum
                })
                .collect();
        })
    };
    (dz, total(parts, o))
}

fn sum<T: Real>(rows: &[T], o: usize) -> Vec<T> {
    let mut sum = vec![T::ZERO; o];
    for row in rows.chunks_exact(o) {
        sum.iter_mut().zip(row).for_each(|(sum, &value)| *sum += value);
    }
    sum
}

fn total<T: Real>(parts: Vec<Vec<T>>, o: usize) -> Vec<T> {
    parts.iter().fold(vec![T::ZERO; o], |mut total, part| {
        total.iter_mut().zip(part).for_each(|(sum, &value)| *sum += value);
        total
    })
}
