//! The mean gradient of several micro-batches.

use candle_core::{DType, Device, Tensor, Var};
use taper_optim::{
    Accumulator, AdamW, AdamWConfig, Clip, Group, Missing, OptimError, Optimizer, OptimizerConfig, Sgd, SgdConfig,
};

use crate::given::{bits, clipping, grads, group, momentum, var};

/// Ten inputs of three numbers, and targets.
fn data(dtype: DType) -> (Tensor, Tensor) {
    let wave = |n: usize, from: f64| (0..n).map(|i| (from + i as f64).sin()).collect::<Vec<_>>();
    let x = Tensor::from_vec(wave(30, 1.0), (10, 3), &Device::Cpu).unwrap();
    let y = Tensor::from_vec(wave(10, 0.5), (10, 1), &Device::Cpu).unwrap();
    (x.to_dtype(dtype).unwrap(), y.to_dtype(dtype).unwrap())
}

/// The weights after six steps, each of the ten inputs in micro-batches of the given sizes.
fn trained(dtype: DType, sizes: &[usize]) -> Vec<f64> {
    let (x, y) = data(dtype);
    let weight = Var::zeros((3, 1), dtype, &Device::Cpu).unwrap();
    let bias = Var::zeros(1, dtype, &Device::Cpu).unwrap();
    let rule = AdamW::new(AdamWConfig::default()).unwrap();
    let params = [("weight", &weight), ("bias", &bias)];
    let mut optimizer = Optimizer::new(Box::new(rule), vec![group(&params)], clipping(Clip::None)).unwrap();
    let mut accumulator = Accumulator::new(&optimizer);
    for _ in 0..6 {
        let mut from = 0;
        for &size in sizes {
            let (x, y) = (x.narrow(0, from, size).unwrap(), y.narrow(0, from, size).unwrap());
            let output = x.matmul(&weight).unwrap().broadcast_add(&bias).unwrap();
            let loss = (output - y).unwrap().sqr().unwrap().mean_all().unwrap();
            accumulator.add(loss.backward().unwrap(), size as u64).unwrap();
            from += size;
        }
        assert_eq!(from, 10);
        optimizer.step(&accumulator.mean().unwrap(), 0.1).unwrap();
    }
    let both = [weight.flatten_all().unwrap(), bias.flatten_all().unwrap()];
    both.iter().flat_map(|t| t.to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap()).collect()
}

#[test]
fn micro_batches_of_any_size_train_as_one_batch_does() {
    for (dtype, bound) in [(DType::F64, 1e-13), (DType::F32, 1e-5)] {
        let whole = trained(dtype, &[10]);
        for sizes in [&[5, 5][..], &[4, 4, 2], &[1; 10], &[1, 9]] {
            let parts = trained(dtype, sizes);
            let error = whole.iter().zip(&parts).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(error <= bound, "{sizes:?} in {dtype:?}: {error:e}");
        }
    }
}

#[test]
fn equal_weights_give_the_plain_mean_and_then_start_afresh() {
    let a = var(&[0.0, 0.0]);
    let mut optimizer = momentum(vec![group(&[("a", &a)])], Clip::None);
    let mut accumulator = Accumulator::new(&optimizer);
    for round in [1.0, 3.0] {
        for grad in [[1.0, 2.0], [3.0, -4.0]] {
            accumulator.add(grads(&[(&a, &grad.map(|g| g * round))]), 1).unwrap();
        }
        let mean = accumulator.mean().unwrap();
        assert_eq!(mean.get(&a).unwrap().to_vec1::<f32>().unwrap(), [2.0 * round, -round]);
        optimizer.step(&mean, 0.5).unwrap();
    }
}

#[test]
fn one_batch_passes_to_the_bit() {
    let a = var(&[0.0; 3]);
    let optimizer = momentum(vec![group(&[("a", &a)])], Clip::None);
    let mut accumulator = Accumulator::new(&optimizer);
    let given = grads(&[(&a, &[0.1, -0.7, 1e-30])]);
    let expected = bits(given.get(&a).unwrap());
    accumulator.add(given, 1).unwrap();
    assert_eq!(bits(accumulator.mean().unwrap().get(&a).unwrap()), expected);
}

#[test]
fn a_missing_gradient_counts_as_zero_where_asked_for() {
    let run = |missing: bool| {
        let (a, z) = (var(&[1.0]), var(&[2.0]));
        let config = OptimizerConfig { missing: Missing::Zero, ..OptimizerConfig::default() };
        let rule = Sgd::new(SgdConfig { momentum: 0.9, ..SgdConfig::default() }).unwrap();
        let decayed = Group { weight_decay: 0.5, ..group(&[("a", &a), ("z", &z)]) };
        let mut optimizer = Optimizer::new(Box::new(rule), vec![decayed], config).unwrap();
        let mut accumulator = Accumulator::new(&optimizer);
        optimizer.step(&grads(&[(&a, &[2.0]), (&z, &[4.0])]), 0.1).unwrap();
        let sparse = || if missing { grads(&[(&a, &[2.0])]) } else { grads(&[(&a, &[2.0]), (&z, &[0.0])]) };
        optimizer.step(&sparse(), 0.1).unwrap();
        accumulator.add(sparse(), 1).unwrap();
        accumulator.add(grads(&[(&a, &[2.0]), (&z, &[4.0])]), 1).unwrap();
        optimizer.step(&accumulator.mean().unwrap(), 0.1).unwrap();
        [bits(&a), bits(&z)]
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn what_is_refused_leaves_the_sum_as_it_was() {
    let (a, z) = (var(&[0.0]), var(&[0.0]));
    let optimizer = momentum(vec![group(&[("a", &a), ("z", &z)])], Clip::None);
    let mut accumulator = Accumulator::new(&optimizer);
    let nothing = accumulator.mean().unwrap_err();
    assert!(matches!(nothing, OptimError::NothingAccumulated));
    assert_eq!(nothing.to_string(), "no gradients have been added since the last mean");

    let given = || grads(&[(&a, &[2.0]), (&z, &[4.0])]);
    accumulator.add(given(), 3).unwrap();
    let said = accumulator.add(given(), 0).unwrap_err().to_string();
    assert_eq!(said, "weight must be at least 1, got 0");
    let error = accumulator.add(grads(&[(&a, &[100.0])]), 1).unwrap_err();
    assert!(matches!(error, OptimError::MissingGradient { name } if name == "z"));
    let mut other = given();
    other.insert(&z, Tensor::ones(2, DType::F32, &Device::Cpu).unwrap());
    let error = accumulator.add(other, 1).unwrap_err();
    assert!(matches!(error, OptimError::Mismatch { name, .. } if name == "z"));

    accumulator.add(grads(&[(&a, &[6.0]), (&z, &[8.0])]), 1).unwrap();
    let mean = accumulator.mean().unwrap();
    let of = |var: &Var| mean.get(var).unwrap().to_vec1::<f32>().unwrap();
    assert_eq!((of(&a), of(&z)), (vec![3.0], vec![5.0])); // (3 · 2 + 6)/4, (3 · 4 + 8)/4
}

#[test]
fn a_nan_in_one_micro_batch_is_found_by_the_step() {
    let a = var(&[1.0]);
    let mut optimizer = momentum(vec![group(&[("a", &a)])], Clip::None);
    let mut accumulator = Accumulator::new(&optimizer);
    for grad in [1.0, f32::NAN, 1.0] {
        accumulator.add(grads(&[(&a, &[grad])]), 1).unwrap();
    }
    let error = optimizer.step(&accumulator.mean().unwrap(), 0.1).unwrap_err();
    assert!(matches!(error, OptimError::NonFiniteGradient { name } if name == "a"));
}
