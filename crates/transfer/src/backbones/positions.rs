//! Where a patch lies in the picture, as numbers that are added to it: a grid that is learned for
//! one size of pictures and resampled for others.

use candle_core::{Result, Tensor};

/// A grid (1,side·side,C) as one of `rows` by `columns`, (1,rows·columns,C): by antialiased bicubic
/// interpolation, as timm and DINOv2 do. Gradients go through.
///
/// # References
/// R. Keys, *Cubic Convolution Interpolation for Digital Image Processing*, 1981.
pub(crate) fn resampled(grid: &Tensor, side: usize, (rows, columns): (usize, usize)) -> Result<Tensor> {
    let c = grid.dim(2)?;
    if (rows, columns) == (side, side) {
        return Ok(grid.clone());
    }
    let along = |to: usize| {
        let weights = Tensor::from_vec(bicubic(side, to), (to, side), grid.device())?;
        weights.to_dtype(grid.dtype())
    };
    let tall = along(rows)?.matmul(&grid.reshape((side, side * c))?)?.reshape((rows, side, c))?;
    let turned = tall.transpose(0, 1)?.contiguous()?.reshape((side, rows * c))?;
    let wide = along(columns)?.matmul(&turned)?.reshape((columns, rows, c))?;
    wide.transpose(0, 1)?.contiguous()?.reshape((1, rows * columns, c))
}

/// The weights of `from` cells of a side for each of `to`: Keys' cubic, as wide as a cell of the
/// coarser side, cut off at the ends and then normalized.
fn bicubic(from: usize, to: usize) -> Vec<f64> {
    let scale = from as f64 / to as f64;
    let width = scale.max(1.0);
    let mut weights = vec![0.0; from * to];
    for (i, row) in weights.chunks_exact_mut(from).enumerate() {
        let center = scale * (i as f64 + 0.5);
        let end = |at: f64| (at + 0.5).max(0.0) as usize;
        let covered = end(center - 2.0 * width)..end(center + 2.0 * width).min(from);
        for cell in covered {
            row[cell] = cubic((cell as f64 - center + 0.5) / width);
        }
        let sum: f64 = row.iter().sum();
        row.iter_mut().for_each(|weight| *weight /= sum);
    }
    weights
}

/// Keys' function with a = -1/2.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    match x.abs() {
        x if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
        x if x < 2.0 => ((x - 5.0) * x + 8.0) * A * x - 4.0 * A,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn a_constant_and_a_grid_of_the_same_size_stay_what_they_are() -> Result<()> {
        let ones = Tensor::ones((1, 25, 3), candle_core::DType::F64, &Device::Cpu)?;
        for size in [(2, 9), (5, 4), (11, 1)] {
            let y = resampled(&ones, 5, size)?;
            assert_eq!(y.dims(), [1, size.0 * size.1, 3]);
            assert!((y - 1.0)?.abs()?.max_all()?.to_scalar::<f64>()? < 1e-14);
        }
        assert_eq!(resampled(&ones, 5, (5, 5))?.id(), ones.id());
        // Cells of the same side have the weight of themselves alone.
        assert_eq!(bicubic(3, 3), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
        Ok(())
    }
}
