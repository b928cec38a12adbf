//! The sums that the gradient of a batch norm begins with.

use rayon::prelude::*;

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
        let mut sums = Self { gradient: vec![0.0; c], product: vec![0.0; c] };
        let columns = sums.gradient.par_chunks_mut(COLUMNS).zip(sums.product.par_chunks_mut(COLUMNS)).enumerate();
        columns.for_each(|(i, (gradients, products))| {
            for (gradient, product) in blocks {
                gradients
                    .iter_mut()
                    .zip(wide(&gradient.as_ref()[i * COLUMNS..]))
                    .for_each(|(sum, block)| *sum += block);
                products.iter_mut().zip(wide(&product.as_ref()[i * COLUMNS..])).for_each(|(sum, block)| *sum += block);
            }
        });
        sums
    }
}

pub(crate) fn cast<T: Real>(values: &[f64]) -> Vec<T> {
    values.iter().map(|&v| T::of(v)).collect()
}

pub(crate) fn wide<T: Real>(values: &[T]) -> impl Iterator<Item = f64> {
    values.iter().map(|v| v.wide())
}
