//! The batch norm of several maps side by side against that of their concatenation.
#![allow(clippy::unwrap_used, reason = "tests")]

use candle_core::{DType, Device, Result, Tensor, Var};
use taper_tensor::{
    Conv, Epilogue, Measured, Rng, backward, batch_norm_eval, batch_norm_train, check_gradients, concat,
    concat_batch_norm_relu_eval, concat_batch_norm_relu_train, conv2d, conv2d_measured, measured,
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
    Ok(())
}
