//! The sums that the gradient of a batch norm begins with.

use crate::kernels::memory::chunks_of_two;
use crate::kernels::simd::Real;

/// By channel: the sum of the gradients and that of their products with centered values.
pub(crate) struct GradientSums {
    pub(crate) gradient: Vec<f64>,
    pub(crate) product: Vec<f64>,
}

impl GradientSums {
    pub(crate) fn bias_gradient<T: Real>(&self) -> Vec<T> {
        cast(&self.gradient)
    }

    /// Of those of blocks of rows.
    pub(crate) fn of_blocks<T: Real>(blocks: &[(impl AsRef<[T]> + Sync, impl AsRef<[T]> + Sync)], c: usize) -> Self {
        /// Columns that are added up at a time.
        const COLUMNS: usize = 64;
        let (mut gradient, mut product) = (vec![0.0; c], vec![0.0; c]);
        chunks_of_two(&mut gradient, &mut product, COLUMNS, |i, gradients, products| {
            let add = |sums: &mut [f64], block: &[T]| {
                sums.iter_mut().zip(wide(&block[i * COLUMNS..])).for_each(|(sum, block)| *sum += block);
            };
            for (gradient, product) in blocks {
                add(gradients, gradient.as_ref());
                add(products, product.as_ref());
            }
        });
        Self { gradient, product }
    }
}

pub(crate) fn cast<T: Real>(values: &[f64]) -> Vec<T> {
    values.iter().map(|&v| T::of(v)).collect()
}

pub(crate) fn wide<T: Real>(values: &[T]) -> impl Iterator<Item = f64> {
    values.iter().map(|v| v.wide())
}
