//! A rectified batch norm whose output a convolution reads: the convolution finishes the gradient
//! on the way, whoever else reads the output and in whatever order.

#![allow(clippy::unwrap_used)]

mod common;

use candle_core::{DType, Device, Result, Tensor, Var};
use common::error;
use taper_tensor::{
    Conv, Epilogue, Pool, Rng, Simd, adaptive_avg_pool2d, backward, batch_norm_train, composed, conv2d, force_simd,
    max_pool2d, simd,
};

/// Who reads the map beside the convolution.
#[derive(Clone, Copy, Debug)]
enum Reader {
    Nobody,
    /// A batch norm that adds it, as at the end of a residual block.
    Residual,
    ResidualFirst,
    /// Another convolution, which skips pixels.
    Convolution,
    Pool,
    /// The mean of each channel, whose gradient is the same for all pixels; and both ways round.
    Mean,
    MeanFirst,
    /// An operation of candle's, which nobody has foreseen.
    Candle,
    /// One that the loss does not depend on.
    Unused,
}

const POOL: Pool = Pool { kernel: (2, 2), stride: 2, padding: 0, ceil_mode: false };

/// The kernels, the kernels with a convolution that cannot know whose map it reads, or the composed
/// twin.
#[derive(Clone, Copy, PartialEq)]
enum Path {
    Kernels,
    Apart,
    Composed,
}

struct Inputs {
    x: Var,
    z: Var,
    weight: Var,
    norm: Var,
}

fn draw(rng: &mut Rng, shape: &[usize], scale: f64, dtype: DType) -> Var {
    let values: Vec<f64> = (0..shape.iter().product()).map(|_| f64::from((rng.normal() * scale) as f32)).collect();
    let tensor = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
    Var::from_tensor(&tensor.to_dtype(dtype).unwrap()).unwrap()
}

fn forward(path: Path, reader: Reader, added: bool, r: usize, i: &Inputs) -> Result<Tensor> {
    let Inputs { x, z, weight, norm } = i;
    let epilogue = if added { Epilogue::AddRelu(z) } else { Epilogue::Relu };
    let norm_of = |x: &Tensor, epilogue: Epilogue<'_>| match path {
        Path::Composed => composed::batch_norm_train(x, norm, norm, 1e-3, epilogue),
        _ => batch_norm_train(x, norm, norm, 1e-3, epilogue),
    };
    let conv = |x: &Tensor, stride: usize| {
        let conv = Conv { stride, padding: r / 2, ..Conv::default() };
        match path {
            Path::Composed => composed::conv2d(x, weight, None, conv),
            Path::Apart => conv2d(&x.affine(1.0, 0.0)?, weight, None, conv),
            Path::Kernels => conv2d(x, weight, None, conv),
        }
    };
    let y = norm_of(x, epilogue)?.0;
    let other = |y: &Tensor| match reader {
        Reader::Nobody => Ok(None),
        Reader::Residual | Reader::ResidualFirst => norm_of(z, Epilogue::AddRelu(y)).map(|(sum, _)| Some(sum)),
        Reader::Convolution => conv(y, 2).map(Some),
        Reader::Pool if path == Path::Composed => composed::max_pool2d(y, POOL).map(Some),
        Reader::Pool => max_pool2d(y, POOL).map(Some),
        Reader::Mean | Reader::MeanFirst if path == Path::Composed => {
            composed::adaptive_avg_pool2d(y, (1, 1)).map(Some)
        }
        Reader::Mean | Reader::MeanFirst => adaptive_avg_pool2d(y, (1, 1)).map(Some),
        Reader::Candle => y.sqr().map(Some),
        Reader::Unused => norm_of(y, Epilogue::Relu).map(|_| None),
    };
    let first = matches!(reader, Reader::ResidualFirst | Reader::MeanFirst);
    let before = if first { other(&y)? } else { None };
    let out = conv(&y, 1)?.flatten_all()?;
    let after = if first { before } else { other(&y)? };
    match after {
        Some(other) => Tensor::cat(&[out, other.flatten_all()?], 0),
        None => Ok(out),
    }
}

/// The gradients of x, z, the weight and the vector of the batch norms, as float64.
fn gradients(dtype: DType, path: Path, reader: Reader, added: bool, (c, r): (usize, usize)) -> Result<Vec<Vec<f64>>> {
    let mut rng = Rng::new(11);
    let maps = [3, 7, 9, c];
    let inputs = Inputs {
        x: draw(&mut rng, &maps, 1.0, dtype),
        z: draw(&mut rng, &maps, 1.0, dtype),
        weight: draw(&mut rng, &[24, c, r, r], 0.2, dtype),
        norm: draw(&mut rng, &[c], 1.0, dtype),
    };
    let y = forward(path, reader, added, r, &inputs)?;
    let weights = draw(&mut rng, y.dims(), 1.0, dtype);
    let grads = backward(&(y * weights.as_tensor())?.sum_all()?)?;
    let list = |v: &Var| match grads.get(v) {
        Some(g) => g.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>(),
        None => Ok(Vec::new()),
    };
    [&inputs.x, &inputs.z, &inputs.weight, &inputs.norm].into_iter().map(list).collect()
}

fn hold(reader: Reader, added: bool, shape: (usize, usize)) -> Result<()> {
    let case = format!("{reader:?}, added {added}, {shape:?}, {:?}", simd());
    // In float64 no rounding moves a value across zero.
    let right = gradients(DType::F64, Path::Composed, reader, added, shape)?;
    let got = gradients(DType::F64, Path::Kernels, reader, added, shape)?;
    // In float32 the forward pass of both is the same to the bit.
    let right32 = gradients(DType::F32, Path::Apart, reader, added, shape)?;
    let got32 = gradients(DType::F32, Path::Kernels, reader, added, shape)?;
    for i in 0..4 {
        assert!(error(&got[i], &right[i]) < 1e-9, "{case}, {i}: {:e}", error(&got[i], &right[i]));
        assert!(error(&got32[i], &right32[i]) < 2e-4, "{case}, {i}: {:e}", error(&got32[i], &right32[i]));
    }
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| gradients(DType::F32, Path::Kernels, reader, added, shape))
    };
    assert!(got32 == on(1)? && got32 == on(5)?, "{case}: the number of threads");
    Ok(())
}

/// One test, because it changes the whole process.
#[test]
fn whoever_reads_a_rectified_map_its_gradient_is_right() -> Result<()> {
    use Reader::*;
    let best = simd();
    for set in [Simd::Portable, Simd::Avx2, Simd::Avx512] {
        force_simd(set);
        for reader in [Nobody, Residual, ResidualFirst, Convolution, Pool, Mean, MeanFirst, Candle, Unused] {
            for (added, shape) in
                [(false, (32, 1)), (true, (32, 3)), (true, (32, 1)), (false, (32, 3)), (true, (20, 1))]
            {
                hold(reader, added, shape)?;
            }
        }
    }
    force_simd(best);
    Ok(())
}
