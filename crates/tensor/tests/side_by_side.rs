//! What is written and read side by side against the same with concatenations.
#![allow(clippy::unwrap_used, reason = "tests")]

use candle_core::{DType, Device, Result, Tensor, Var};
use taper_tensor::{
    Branch, Conv, Epilogue, Measured, PackedWeights, Precision, Rng, backward, batch_norm_eval, batch_norm_train,
    check_gradients, concat, concat_batch_norm_relu_eval, concat_batch_norm_relu_train, conv2d, conv2d_measured,
    conv2d_relu, conv2d_relu_concat, measured,
};

fn noise(shape: &[usize], stream: &str) -> Tensor {
    let mut rng = Rng::new(5).fork(stream);
    let values: Vec<f64> = (0..shape.iter().product()).map(|_| rng.normal()).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn numbers(x: &Tensor) -> Vec<f64> {
    x.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

fn near(got: &Tensor, right: &Tensor, limit: f64, what: &str) {
    assert_eq!(got.dims(), right.dims(), "{what}");
    let most = numbers(right).iter().fold(1e-30, |most: f64, r| most.max(r.abs()));
    for (got, right) in numbers(got).iter().zip(numbers(right)) {
        assert!((got - right).abs() <= limit * most, "{what}: {got}, {right}");
    }
}

#[test]
fn it_is_the_norm_of_the_concatenation() -> Result<()> {
    for (dtype, limit) in [(DType::F64, 1e-11), (DType::F32, 2e-5)] {
        for (pixels, widths) in [([1, 2, 1], vec![1]), ([2, 3, 5], vec![7, 1, 33]), ([3, 9, 9], vec![64, 32, 32, 20])] {
            let c: usize = widths.iter().sum();
            let var = |shape: &[usize], name: &str| Var::from_tensor(&noise(shape, name).to_dtype(dtype)?);
            let maps =
                widths.iter().enumerate().map(|(i, &width)| var(&[&pixels[..], &[width]].concat(), &format!("map{i}")));
            let maps = maps.collect::<Result<Vec<_>>>()?;
            let (weight, bias) = (var(&[c], "weight")?, var(&[c], "bias")?);
            let g = noise(&[&pixels[..], &[c]].concat(), "g").to_dtype(dtype)?;
            let tensors: Vec<&Tensor> = maps.iter().map(Var::as_tensor).collect();
            let (right, right_moments) = batch_norm_train(&concat(&tensors)?, &weight, &bias, 1e-5, Epilogue::Relu)?;
            let parts = tensors.iter().map(|map| measured(map)).collect::<Result<Vec<Measured>>>()?;
            let (got, moments) =
                concat_batch_norm_relu_train(&parts.iter().collect::<Vec<_>>(), (&weight, &bias), 1e-5)?;
            near(&got, &right, limit, "value");
            near(&moments.mean, &right_moments.mean, limit, "mean");
            near(&moments.variance, &right_moments.variance, limit, "variance");
            assert_eq!(moments.count, right_moments.count);
            let [got, right] = [got, right].map(|y| backward(&y.mul(&g).unwrap().sum_all().unwrap()).unwrap());
            for (name, var) in maps.iter().map(|map| ("map", map)).chain([("weight", &weight), ("bias", &bias)]) {
                near(got.get(var).unwrap(), right.get(var).unwrap(), 10.0 * limit, name);
            }
            let (mean, variance) =
                (noise(&[c], "mean").to_dtype(dtype)?, noise(&[c], "variance").sqr()?.to_dtype(dtype)?);
            let (weight, bias) = (weight.as_detached_tensor(), bias.as_detached_tensor());
            let plain: Vec<Tensor> = tensors.iter().map(|map| map.detach()).collect();
            let plain: Vec<&Tensor> = plain.iter().collect();
            let right = batch_norm_eval(&concat(&plain)?, &weight, &bias, &mean, &variance, 1e-3, Epilogue::Relu)?;
            let got = concat_batch_norm_relu_eval(&plain, (&weight, &bias), (&mean, &variance), 1e-3)?;
            near(&got, &right, limit, "given statistics");
            // With gradients wanted it is composed.
            let got = concat_batch_norm_relu_eval(&tensors, (&weight, &bias), (&mean, &variance), 1e-3)?;
            near(&got, &right, limit, "given statistics, tracked");
            assert!(backward(&got.sum_all()?)?.get(tensors[0]).is_some());
        }
    }
    Ok(())
}

#[test]
fn gradients_are_those_of_finite_differences() -> Result<()> {
    let inputs = [noise(&[2, 3, 2, 3], "a"), noise(&[2, 3, 2, 2], "b"), noise(&[5], "weight"), noise(&[5], "bias")];
    check_gradients(&inputs, 1e-6, |x| {
        let parts = [measured(&x[0])?, measured(&x[1])?];
        // The moments are measured again, as the map moves.
        Ok(concat_batch_norm_relu_train(&[&parts[0], &parts[1]], (&x[2], &x[3]), 1e-3)?.0)
    })
    .unwrap();
    Ok(())
}

#[test]
fn a_part_that_nobody_trains_gets_no_gradient() -> Result<()> {
    let (frozen, map) = (noise(&[1, 2, 2, 3], "frozen"), Var::from_tensor(&noise(&[1, 2, 2, 2], "map"))?);
    let norm = (Tensor::ones(5, DType::F64, &Device::Cpu)?, Tensor::zeros(5, DType::F64, &Device::Cpu)?);
    let parts = [measured(&frozen)?, measured(&map)?];
    let (y, _) = concat_batch_norm_relu_train(&[&parts[0], &parts[1]], (&norm.0, &norm.1), 1e-5)?;
    let gradients = backward(&y.sqr()?.sum_all()?)?;
    assert!(gradients.get(&map).is_some() && gradients.get(&frozen).is_none());
    Ok(())
}

#[test]
fn a_convolution_measures_what_it_writes() -> Result<()> {
    for (c, o, kernel) in [(5, 7, 1), (16, 32, 3), (32, 32, 3)] {
        let (x, weight) = (noise(&[2, 9, 9, c], "x"), noise(&[o, c, kernel, kernel], "weight"));
        let conv = Conv { padding: kernel / 2, ..Conv::default() };
        let [x, weight] = [x, weight].map(|tensor| tensor.to_dtype(DType::F32).unwrap());
        let got = conv2d_measured(&x, &weight, conv)?;
        let right = measured(&conv2d(&x, &weight, None, conv)?)?;
        near(&got.map, &right.map, 1e-6, "map");
        near(&got.moments.mean, &right.moments.mean, 1e-4, "mean");
        near(&got.moments.variance, &right.moments.variance, 1e-5, "variance");
    }
    Ok(())
}

/// Channels, height and width of a map; outputs, kernel and window of each branch.
type Branches = (usize, [usize; 2], Vec<(usize, usize, Conv)>);

fn branches() -> Vec<Branches> {
    let conv = |stride, padding| Conv { stride, padding, ..Conv::default() };
    vec![
        (16, [13, 9], vec![(64, 1, conv(1, 0)), (64, 3, conv(1, 1))]),
        (5, [7, 8], vec![(3, 1, conv(1, 0)), (7, 3, conv(1, 1)), (20, 5, conv(1, 2))]),
        (40, [11, 11], vec![(33, 3, conv(2, 1)), (16, 1, conv(2, 0))]),
        (48, [56, 56], vec![(192, 1, conv(1, 0)), (192, 3, conv(1, 1))]),
        (3, [6, 6], vec![(4, 2, conv(2, 0))]),
    ]
}

#[test]
fn branches_are_their_convolutions_side_by_side() -> Result<()> {
    for (dtype, limit) in [(DType::F64, 1e-11), (DType::F32, 1e-5)] {
        for (c, [h, w], all) in branches() {
            let var = |shape: &[usize], name: String| Var::from_tensor(&noise(shape, &name).to_dtype(dtype)?);
            let x = var(&[2, h, w, c], "x".into())?;
            let parameters = all.iter().enumerate().map(|(i, (o, kernel, conv))| {
                Ok((var(&[*o, c, *kernel, *kernel], format!("w{i}"))?, var(&[*o], format!("b{i}"))?, *conv))
            });
            let parameters = parameters.collect::<Result<Vec<_>>>()?;
            let apart = parameters.iter().map(|(weight, bias, conv)| conv2d_relu(&x, weight, Some(bias), *conv));
            let right = concat(&apart.collect::<Result<Vec<_>>>()?.iter().collect::<Vec<_>>())?;
            let branch = |(weight, bias, conv): &'_ (Var, Var, Conv)| {
                (weight.as_tensor().clone(), bias.as_tensor().clone(), *conv)
            };
            let kept: Vec<_> = parameters.iter().map(branch).collect();
            let branches: Vec<_> =
                kept.iter().map(|(weight, bias, conv)| Branch { weight, bias, conv: *conv }).collect();
            let got = conv2d_relu_concat(&x, &branches)?;
            near(&got, &right, limit, "value");
            let g = noise(got.dims(), "g").to_dtype(dtype)?;
            let [got, right] = [got, right].map(|y| backward(&y.mul(&g).unwrap().sum_all().unwrap()).unwrap());
            let vars = parameters.iter().flat_map(|(weight, bias, _)| [weight, bias]).chain([&x]);
            for var in vars {
                near(got.get(var).unwrap(), right.get(var).unwrap(), 10.0 * limit, "gradient");
            }
        }
    }
    Ok(())
}

#[test]
fn branches_find_their_packed_weights_and_compute_in_integers() -> Result<()> {
    for (c, [h, w], all) in branches() {
        let x = noise(&[2, h, w, c], "x").to_dtype(DType::F32)?;
        let parameters = all.iter().enumerate().map(|(i, (o, kernel, conv))| {
            let weight = noise(&[*o, c, *kernel, *kernel], &format!("w{i}")).to_dtype(DType::F32)?;
            Ok((weight, noise(&[*o], &format!("b{i}")).to_dtype(DType::F32)?, *conv))
        });
        let parameters = parameters.collect::<Result<Vec<_>>>()?;
        let branches: Vec<_> =
            parameters.iter().map(|(weight, bias, conv)| Branch { weight, bias, conv: *conv }).collect();
        for precision in [Precision::F32, Precision::Int8] {
            let apart = || {
                let maps = parameters.iter().map(|(weight, bias, conv)| conv2d_relu(&x, weight, Some(bias), *conv));
                concat(&maps.collect::<Result<Vec<_>>>()?.iter().collect::<Vec<_>>())
            };
            let (right, packed) = (precision.run(apart)?, PackedWeights::default());
            for _ in 0..2 {
                let got = packed.run(|| precision.run(|| conv2d_relu_concat(&x, &branches)))?;
                near(&got, &right, 0.0, "the same bits");
            }
        }
    }
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused() -> Result<()> {
    let (a, b) = (measured(&noise(&[1, 2, 2, 3], "a"))?, measured(&noise(&[1, 2, 3, 3], "b"))?);
    let norm = Tensor::ones(6, DType::F64, &Device::Cpu)?;
    let said = concat_batch_norm_relu_train(&[&a, &b], (&norm, &norm), 1e-5).unwrap_err().to_string();
    assert!(said.contains("differ in the last axis alone"), "{said}");
    let said = concat_batch_norm_relu_train(&[&a], (&norm, &norm), 1e-5).unwrap_err().to_string();
    assert!(said.contains("3 channels"), "{said}");
    assert!(concat_batch_norm_relu_train(&[], (&norm, &norm), 1e-5).is_err());
    assert!(measured(&Tensor::zeros((0, 3), DType::F32, &Device::Cpu)?).is_err());
    let (x, weight, bias) = (noise(&[1, 4, 4, 3], "x"), noise(&[2, 3, 3, 3], "w"), noise(&[2], "b"));
    let branch = |padding| Branch { weight: &weight, bias: &bias, conv: Conv { padding, ..Conv::default() } };
    let said = conv2d_relu_concat(&x, &[branch(0), branch(1)]).unwrap_err().to_string();
    assert!(said.contains("differ in the last axis alone"), "{said}");
    assert!(conv2d_relu_concat(&x, &[]).is_err());
    Ok(())
}
