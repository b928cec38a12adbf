//! Weights that are kept packed change no bit, and integers are as near as 8 bits can be.
#![allow(clippy::unwrap_used, reason = "tests")]

use candle_core::{D, DType, Device, Result, Tensor};
use taper_tensor::{Conv, Epilogue, PackedWeights, Precision, Rng, conv2d, conv2d_batch_norm_eval, linear};

fn noise(shape: &[usize], stream: &str) -> Tensor {
    let mut rng = Rng::new(5).fork(stream);
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.normal() as f32).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// Map, channels in and out, kernel, and how it moves.
type Case = ([usize; 3], (usize, usize), usize, Conv);

/// Of every algorithm, with sizes that are multiples of nothing.
fn cases() -> Vec<Case> {
    let conv = |stride, padding, dilation, groups| Conv { stride, padding, dilation, groups, ..Conv::default() };
    vec![
        ([2, 5, 7], (3, 5), 1, conv(1, 0, 1, 1)),
        ([3, 14, 14], (130, 272), 1, conv(1, 0, 1, 1)),
        ([1, 7, 7], (512, 40), 1, conv(1, 0, 1, 1)),
        ([2, 33, 31], (3, 64), 7, conv(2, 3, 1, 1)),
        ([2, 15, 15], (18, 96), 3, conv(2, 1, 1, 1)),
        ([2, 11, 9], (16, 20), 3, conv(1, 2, 2, 1)),
        ([2, 11, 11], (24, 36), 3, conv(1, 1, 1, 4)),
        ([2, 9, 9], (20, 20), 3, conv(1, 1, 1, 20)),
        // Winograd's, in blocks, in chunks and by columns.
        ([2, 13, 13], (20, 36), 3, conv(1, 1, 1, 1)),
        ([3, 28, 28], (260, 256), 3, conv(1, 1, 1, 1)),
        ([1, 7, 7], (256, 260), 3, conv(1, 1, 1, 1)),
    ]
}

fn numbers(x: &Tensor) -> Vec<f32> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn packed_weights_change_no_bit() {
    for (map, (c, o), kernel, conv) in cases() {
        let x = noise(&[map[0], map[1], map[2], c], "x");
        let weight = noise(&[o, c / conv.groups, kernel, kernel], "weight");
        let [scale, bias, mean] = ["scale", "bias", "mean"].map(|stream| noise(&[o], stream));
        let variance = mean.sqr().unwrap();
        let run = || -> Result<[Vec<f32>; 2]> {
            let plain = conv2d(&x, &weight, Some(&bias), conv)?;
            let (norm, statistics) = ((&scale, &bias), (&mean, &variance));
            let normed = conv2d_batch_norm_eval(&x, &weight, conv, norm, statistics, 1e-5, Epilogue::Relu)?;
            Ok([numbers(&plain), numbers(&normed)])
        };
        for precision in [Precision::F32, Precision::Int8] {
            let right = precision.run(run).unwrap();
            let packed = PackedWeights::default();
            for _ in 0..2 {
                assert_eq!(packed.run(|| precision.run(run)).unwrap(), right, "{c} to {o}, {kernel}, {conv:?}");
            }
            assert!(packed.len() <= 1);
        }
    }
}

#[test]
fn a_weight_that_learns_is_not_kept() {
    let weight = candle_core::Var::from_tensor(&noise(&[4, 4, 1, 1], "weight")).unwrap();
    let packed = PackedWeights::default();
    packed.run(|| conv2d(&noise(&[1, 2, 2, 4], "x"), weight.as_tensor(), None, Conv::default())).unwrap();
    assert!(packed.is_empty());
}

/// The definition: weights rounded by output channel; windows, here the rows of x, each by itself.
fn rounded_rows(x: &Tensor, weight: &Tensor) -> (Tensor, Tensor) {
    let wide = |x: &Tensor| x.to_dtype(DType::F64).unwrap();
    let (x, weight) = (wide(x), wide(weight));
    let scale = (weight.abs().unwrap().max_keepdim(D::Minus1).unwrap() / 127.0).unwrap();
    let weight = weight.broadcast_div(&scale).unwrap().round().unwrap().broadcast_mul(&scale).unwrap();
    let low = x.min_keepdim(D::Minus1).unwrap().minimum(0.0).unwrap();
    let high = x.max_keepdim(D::Minus1).unwrap().maximum(0.0).unwrap();
    let scale = ((high - &low).unwrap() / 255.0).unwrap();
    let zero = low.neg().unwrap().div(&scale).unwrap().round().unwrap();
    let q = x.broadcast_div(&scale).unwrap().broadcast_add(&zero).unwrap().round().unwrap();
    let x = q.broadcast_sub(&zero).unwrap().broadcast_mul(&scale).unwrap();
    (x, weight)
}

#[test]
fn integers_are_those_of_the_definition() {
    for (n, i, o) in [(1, 1, 1), (3, 5, 7), (60, 37, 33), (2, 600, 130), (130, 64, 260)] {
        let (x, weight, bias) = (noise(&[n, i], "x"), noise(&[o, i], "weight"), noise(&[o], "bias"));
        let x = (x * 3.0).unwrap().affine(1.0, 0.5).unwrap();
        let got = Precision::Int8.run(|| linear(&x, &weight, Some(&bias))).unwrap();
        let (x, weight) = rounded_rows(&x, &weight);
        let right = x.matmul(&weight.t().unwrap()).unwrap().broadcast_add(&bias.to_dtype(DType::F64).unwrap()).unwrap();
        // A value that lies between two integers may be rounded to the other one: the scales are
        // float32 there.
        let step = (x.abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap()) / 127.0;
        let worst = (got.to_dtype(DType::F64).unwrap() - &right).unwrap().abs().unwrap().max_all().unwrap();
        let most = weight.abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
        let worst = worst.to_scalar::<f64>().unwrap();
        assert!(worst <= 1e-4 + step * most, "{n}, {i}, {o}: {worst:e}");
    }
}

#[test]
fn convolutions_in_integers_are_near_those_in_floats() {
    for (map, (c, o), kernel, conv) in cases() {
        let x = noise(&[map[0], map[1], map[2], c], "x").relu().unwrap();
        let weight = noise(&[o, c / conv.groups, kernel, kernel], "weight");
        let right = numbers(&conv2d(&x, &weight, None, conv).unwrap());
        let got = numbers(&Precision::Int8.run(|| conv2d(&x, &weight, None, conv)).unwrap());
        let norm = |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v * v)).sum::<f64>().sqrt();
        let error =
            norm(&mut got.iter().zip(&right).map(|(got, right)| got - right)) / norm(&mut right.iter().copied());
        // 8 bits of each factor: two errors of about 1/sqrt(12) of a step in 127 or 255.
        assert!(error < 0.02, "{c} to {o}, {kernel}, {conv:?}: {error}");
    }
}

#[test]
fn a_picture_does_not_depend_on_its_batch() {
    let conv = Conv { stride: 2, padding: 1, ..Conv::default() };
    let (x, weight) = (noise(&[5, 9, 9, 6], "x"), noise(&[8, 6, 3, 3], "weight"));
    let all = numbers(&Precision::Int8.run(|| conv2d(&x, &weight, None, conv)).unwrap());
    for picture in 0..5 {
        let x = x.narrow(0, picture, 1).unwrap();
        let one = numbers(&Precision::Int8.run(|| conv2d(&x, &weight, None, conv)).unwrap());
        assert_eq!(one, all[picture * one.len()..][..one.len()]);
    }
}

#[test]
fn nothing_finite_comes_of_what_is_not() {
    let weight = noise(&[4, 4, 1, 1], "weight");
    for odd in [f32::NAN, f32::INFINITY] {
        let mut values = vec![1f32; 8];
        values[5] = odd;
        let x = Tensor::from_vec(values.clone(), (1, 1, 2, 4), &Device::Cpu).unwrap();
        let y = numbers(&Precision::Int8.run(|| conv2d(&x, &weight, None, Conv::default())).unwrap());
        assert!(y[..4].iter().all(|y| y.is_finite()) && y[4..].iter().all(|y| !y.is_finite()), "{y:?}");
        let weight = Tensor::from_vec(values, (2, 4, 1, 1), &Device::Cpu).unwrap();
        let x = Tensor::ones((1, 1, 1, 4), DType::F32, &Device::Cpu).unwrap();
        let y = numbers(&Precision::Int8.run(|| conv2d(&x, &weight, None, Conv::default())).unwrap());
        assert!(y[0].is_finite() && !y[1].is_finite(), "{y:?}");
    }
}
