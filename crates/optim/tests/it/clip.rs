//! Clipping by value and by unit; the global norm is in `groups`.

use candle_core::{Device, Tensor, Var};
use taper_optim::{Clip, OptimError, Optimizer, Sgd, SgdConfig};

use crate::given::{bits, clipping, grads, group, var};

fn plain(params: &[(&str, &Var)], clip: Clip) -> Optimizer {
    let sgd = Sgd::new(SgdConfig::default()).unwrap();
    Optimizer::new(Box::new(sgd), vec![group(params)], clipping(clip)).unwrap()
}

/// The gradient `2·factors` for a matrix of ones.
fn matrix_of_ones(factors: &[[f32; 2]; 2]) -> (Var, candle_core::backprop::GradStore) {
    let ones = Var::new(&[[1f32; 2]; 2], &Device::Cpu).unwrap();
    let loss = (ones.sqr().unwrap() * Tensor::new(factors, &Device::Cpu).unwrap()).unwrap().sum_all().unwrap();
    let grads = loss.backward().unwrap();
    (ones, grads)
}

#[test]
fn clipping_by_value_brings_each_element_to_its_limit() {
    let (a, b) = (var(&[0.0, 0.0, 0.0]), var(&[0.0]));
    let mut optimizer = plain(&[("a", &a), ("b", &b)], Clip::Value(2.0));
    let stats = optimizer.step(&grads(&[(&a, &[3.0, -4.0, 0.5]), (&b, &[12.0])]), 1.0).unwrap();
    assert_eq!(a.to_vec1::<f32>().unwrap(), [-2.0, 2.0, -0.5]);
    assert_eq!(b.to_vec1::<f32>().unwrap(), [-2.0]);
    assert_eq!(stats.gradient_norm, 169.25f64.sqrt());
    assert_eq!(stats.clip_factor, 12.25f64.sqrt() / 169.25f64.sqrt());
}

#[test]
fn adaptive_clipping_compares_each_unit_with_its_weights() {
    // Units of length √2, their gradients of the lengths √2·4 and √2/4.
    let (weight, grads) = matrix_of_ones(&[[2.0, 2.0], [0.125, 0.125]]);
    let mut optimizer = plain(&[("weight", &weight)], Clip::Adaptive { ratio: 0.5, eps: 1e-3 });
    let stats = optimizer.step(&grads, 1.0).unwrap();
    assert_eq!(weight.to_vec2::<f32>().unwrap(), [[0.5, 0.5], [0.75, 0.75]]);
    let (before, after) = (2.0 * 16.0 + 2.0 / 16.0, 2.0 / 4.0 + 2.0 / 16.0);
    assert!((stats.gradient_norm - f64::sqrt(before)).abs() < 1e-12);
    assert!((stats.clip_factor - f64::sqrt(after / before)).abs() < 1e-7);
}

#[test]
fn zeros_learn_as_if_they_had_the_least_length() {
    let bias = var(&[0.0, 0.0]);
    let mut optimizer = plain(&[("bias", &bias)], Clip::Adaptive { ratio: 0.5, eps: 0.25 });
    optimizer.step(&grads(&[(&bias, &[3.0, 4.0])]), 1.0).unwrap();
    let got = bias.to_vec1::<f32>().unwrap();
    assert!((got[0] + 0.075).abs() < 1e-8 && (got[1] + 0.1).abs() < 1e-8, "{got:?}");
}

#[test]
fn what_is_small_enough_passes_every_clip_to_the_bit() {
    let step = |clip| {
        let a = var(&[1.0, -2.0, 3.0]);
        let stats = plain(&[("a", &a)], clip).step(&grads(&[(&a, &[0.1, 0.7, -0.3])]), 0.1).unwrap();
        assert_eq!(stats.clip_factor, 1.0, "{clip:?}");
        bits(&a)
    };
    let expected = step(Clip::None);
    for clip in [Clip::GlobalNorm(10.0), Clip::Value(1.0), Clip::Adaptive { ratio: 1.0, eps: 1e-3 }] {
        assert_eq!(step(clip), expected, "{clip:?}");
    }
}

#[test]
fn gradients_of_nothing_but_zeros_pass_every_clip() {
    for clip in [Clip::None, Clip::GlobalNorm(1.0), Clip::Value(1.0), Clip::Adaptive { ratio: 0.01, eps: 1e-3 }] {
        let a = var(&[1.0]);
        let stats = plain(&[("a", &a)], clip).step(&grads(&[(&a, &[0.0])]), 0.1).unwrap();
        assert_eq!((stats.gradient_norm, stats.clip_factor), (0.0, 1.0), "{clip:?}");
        assert_eq!(a.to_vec1::<f32>().unwrap(), [1.0]);
    }
}

#[test]
fn an_infinity_is_refused_and_not_clipped() {
    for clip in [Clip::Value(1.0), Clip::Adaptive { ratio: 0.01, eps: 1e-3 }] {
        for bad in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            let (a, b) = (var(&[1.0]), var(&[1.0]));
            let error = plain(&[("a", &a), ("b", &b)], clip).step(&grads(&[(&a, &[1.0]), (&b, &[bad])]), 0.1);
            assert!(matches!(error, Err(OptimError::NonFiniteGradient { name }) if name == "b"), "{clip:?}");
            assert_eq!(a.to_vec1::<f32>().unwrap(), [1.0], "{clip:?}");
        }
    }
}
