//! Dense products through the `gemm` crate, one thread each: the caller splits the work by data, so the
//! order of the sums, and with it every bit, is the same for any number of threads.

use gemm::Parallelism;

use super::Real;

/// A matrix inside a slice: element (i, j) lies at `i * row + j * col`.
#[derive(Clone, Copy)]
pub(crate) struct Mat<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) row: usize,
    pub(crate) col: usize,
}

impl<'a, T> Mat<'a, T> {
    /// Rows one after the other, `row` elements apart.
    pub(crate) fn rows(data: &'a [T], row: usize) -> Self {
        Self { data, row, col: 1 }
    }

    /// The transpose, without moving anything.
    pub(crate) fn t(self) -> Self {
        Self { data: self.data, row: self.col, col: self.row }
    }

    fn reaches(&self, rows: usize, cols: usize) -> usize {
        if rows == 0 || cols == 0 { 0 } else { (rows - 1) * self.row + (cols - 1) * self.col + 1 }
    }
}

/// `c = a b`, or `c += a b` where `add`; a is m×k, b is k×n, c is m×n with rows `c_row` apart.
pub(crate) fn product<T: Real>(
    (m, n, k): (usize, usize, usize),
    a: Mat<'_, T>,
    b: Mat<'_, T>,
    c: &mut [T],
    c_row: usize,
    add: bool,
) {
    if m == 0 || n == 0 {
        return;
    }
    assert!(a.reaches(m, k) <= a.data.len(), "left matrix outside its slice");
    assert!(b.reaches(k, n) <= b.data.len(), "right matrix outside its slice");
    assert!(c_row >= n && (m - 1) * c_row + n <= c.len(), "product outside its slice");
    let one = T::from_f64(1.0);
    // SAFETY: T is f32 or f64, the types gemm is made for. The assertions above bound every element that
    // is read (through a and b) or written (through c); c is exclusive and its rows do not overlap; the
    // strides fit isize because the slices do.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            c_row as isize,
            add,
            a.data.as_ptr(),
            a.col as isize,
            a.row as isize,
            b.data.as_ptr(),
            b.col as isize,
            b.row as isize,
            one,
            one,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;

    #[test]
    fn products_equal_the_sums_they_stand_for() {
        let mut rng = Rng::new(0);
        for (m, n, k) in [(1, 1, 1), (3, 5, 7), (14, 32, 27), (33, 1, 9), (1, 40, 130), (4, 4, 0)] {
            let mut draw = |len: usize| (0..len).map(|_| rng.normal()).collect::<Vec<f64>>();
            let (a, bt, c0) = (draw(m * k), draw(n * k), draw(m * (n + 2)));
            for add in [false, true] {
                let mut c = c0.clone();
                product((m, n, k), Mat::rows(&a, k), Mat::rows(&bt, k).t(), &mut c, n + 2, add);
                for i in 0..m {
                    for j in 0..n {
                        let sum: f64 = (0..k).map(|l| a[i * k + l] * bt[j * k + l]).sum();
                        let wanted = sum + if add { c0[i * (n + 2) + j] } else { 0.0 };
                        assert!((c[i * (n + 2) + j] - wanted).abs() < 1e-12, "{m}x{n}x{k} at {i},{j}");
                    }
                    if i + 1 < m {
                        assert_eq!(c[i * (n + 2) + n..(i + 1) * (n + 2)], c0[i * (n + 2) + n..(i + 1) * (n + 2)]);
                    }
                }
            }
        }
    }
}
