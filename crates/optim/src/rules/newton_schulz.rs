use candle_core::{Result, Tensor};

use crate::rules::direction::norm;

/// The coefficients *a*, *b*, *c* of Jordan (2024). They are steep at 0, so that small singular
/// values grow 3.4-fold a step, at the price of a limit that is no point: whatever is above 0.002
/// of the norm ends between 0.68 and 1.21 after five steps.
const COEFFICIENTS: [f64; 3] = [3.4445, -4.7750, 2.0315];

/// Brings all singular values of a matrix near 1 and leaves its singular vectors as they are: an
/// approximation of *UVᵀ*, the nearest orthogonal matrix, for *UΣVᵀ*.
///
/// ```text
/// X ← X / (‖X‖ + ε)
/// X ← aX + b(XXᵀ)X + c(XXᵀ)²X        `steps` times
/// ```
///
/// with the Frobenius norm. On each singular value *σ* that is *aσ* + *bσ*³ + *cσ*⁵. A matrix of
/// zeros stays one.
pub(crate) fn orthogonalized(matrix: &Tensor, steps: usize, eps: f64) -> Result<Tensor> {
    let (rows, columns) = matrix.dims2()?;
    let [a, b, c] = COEFFICIENTS;
    // XXᵀ should be the smaller of the two products.
    let tall = rows > columns;
    let wide = if tall { matrix.t()? } else { matrix.clone() };
    let mut x = (wide.contiguous()? * (1.0 / (norm(matrix)? + eps)))?;
    for _ in 0..steps {
        let square = x.matmul(&x.t()?)?;
        let polynomial = ((&square * b)? + (square.matmul(&square)? * c)?)?;
        x = ((&x * a)? + polynomial.matmul(&x)?)?;
    }
    if tall { x.t()?.contiguous() } else { Ok(x) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};

    /// *I* - 2*uuᵀ*/‖*u*‖², which is orthogonal and its own inverse.
    fn reflection(n: usize, from: f64) -> Tensor {
        let u: Vec<f64> = (0..n).map(|i| (from + 1.7 * i as f64).sin()).collect();
        let squares: f64 = u.iter().map(|u| u * u).sum();
        let entry = |i: usize, j: usize| f64::from(i == j) - 2.0 * u[i] * u[j] / squares;
        let values: Vec<f64> = (0..n * n).map(|at| entry(at / n, at % n)).collect();
        Tensor::from_vec(values, (n, n), &Device::Cpu).unwrap()
    }

    /// *UΣVᵀ* with these singular values, for reflections *U* and *V*.
    fn with_singular_values(values: &[f64], rows: usize, columns: usize) -> [Tensor; 3] {
        let mut sigma = vec![0.0; rows * columns];
        for (i, &value) in values.iter().enumerate() {
            sigma[i * columns + i] = value;
        }
        let sigma = Tensor::from_vec(sigma, (rows, columns), &Device::Cpu).unwrap();
        let (u, v) = (reflection(rows, 0.3), reflection(columns, 2.0));
        [u.matmul(&sigma).unwrap().matmul(&v).unwrap(), u, v]
    }

    #[test]
    fn singular_values_come_near_one_and_singular_vectors_stay() -> Result<()> {
        let values = [500.0, 300.0, 100.0, 50.0, 20.0, 7.0, 2.0];
        for (rows, columns) in [(7, 7), (7, 12), (12, 7)] {
            let [matrix, u, v] = with_singular_values(&values, rows, columns);
            for (dtype, rounding) in [(DType::F64, 1e-12), (DType::F32, 1e-4)] {
                let result = orthogonalized(&matrix.to_dtype(dtype)?, 5, 1e-7)?;
                assert_eq!((result.dims2()?, result.dtype()), ((rows, columns), dtype));
                let sigma = u.matmul(&result.to_dtype(DType::F64)?)?.matmul(&v)?.to_vec2::<f64>()?;
                for (i, row) in sigma.iter().enumerate() {
                    for (j, &value) in row.iter().enumerate() {
                        let range = if i == j { 0.68..=1.21 } else { -rounding..=rounding };
                        assert!(range.contains(&value), "{rows} by {columns} in {dtype:?}: {value} at {i}, {j}");
                    }
                }
            }
        }
        Ok(())
    }

    #[test]
    fn zeros_stay_zeros() -> Result<()> {
        let result = orthogonalized(&Tensor::zeros((3, 2), DType::F32, &Device::Cpu)?, 5, 1e-7)?;
        assert_eq!(result.to_vec2::<f32>()?, [[0.0; 2]; 3]);
        Ok(())
    }
}
