//! What transformers are made of: softmax, norms of rows, attention, and linear layers with what
//! follows them. Held to the composed twin on random sizes, to finite differences and to PyTorch.

#![allow(clippy::unwrap_used, clippy::panic)]

mod twins;

use candle_core::{DType, Device, Result, Tensor, Var};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::Value;
use taper_tensor::{
    Pointwise, Rng, activate, add, attention, check_gradients, composed, layer_norm, linear, linear_activate,
    linear_add, rms_norm, self_attention, softmax,
};
use twins::{hold, random};

/// Attention of candle's operations to rows of queries, keys and values side by side.
fn composed_self_attention(qkv: &Tensor, heads: usize, scale: f64) -> Result<Tensor> {
    let c = qkv.dim(2)? / 3;
    let part = |i: usize| qkv.narrow(2, i * c, c);
    composed::attention(&part(0)?, &part(1)?, &part(2)?, heads, scale)
}

/// `x Wᵀ + b` of candle's operations.
fn composed_linear(t: &[Tensor]) -> Result<Tensor> {
    t[0].broadcast_matmul(&t[1].t()?)?.broadcast_add(&t[2])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, rng_seed: RngSeed::Fixed(0), ..ProptestConfig::default() })]

    #[test]
    fn attentions(
        (n, heads, width) in (1usize..3, 1usize..4, 1usize..36),
        (queries, keys, scale) in (1usize..130, 1usize..300, 0.05f64..1.0),
        seed in any::<u64>(),
    ) {
        let (mut rng, c) = (Rng::new(seed), heads * width);
        let inputs = [random(&[n, queries, c], &mut rng), random(&[n, keys, c], &mut rng), random(&[n, keys, c], &mut rng)];
        let twin = |t: &[Tensor]| composed::attention(&t[0], &t[1], &t[2], heads, scale);
        hold(&inputs, "attention", &|t| attention(&t[0], &t[1], &t[2], heads, scale), &twin);
        let qkv = random(&[n, queries, 3 * c], &mut rng);
        let twin = |t: &[Tensor]| composed_self_attention(&t[0], heads, scale);
        hold(&[qkv], "attention of tokens to each other", &|t| self_attention(&t[0], heads, scale), &twin);
    }

    #[test]
    fn rows((rows, c) in (1usize..600, 1usize..100), seed in any::<u64>()) {
        let mut rng = Rng::new(seed);
        let inputs = [random(&[rows, c], &mut rng), random(&[c], &mut rng), random(&[c], &mut rng)];
        let twin = |t: &[Tensor]| composed::layer_norm(&t[0], &t[1], &t[2], 1e-2);
        hold(&inputs, "layer norm", &|t| layer_norm(&t[0], &t[1], &t[2], 1e-2), &twin);
        let twin = |t: &[Tensor]| composed::rms_norm(&t[0], &t[1], 1e-2);
        hold(&inputs[..2], "RMS norm", &|t| rms_norm(&t[0], &t[1], 1e-2), &twin);
        hold(&inputs[..1], "softmax", &|t| softmax(&t[0]), &|t| composed::softmax(&t[0]));
    }

    #[test]
    fn linear_layers((n, tokens) in (1usize..4, 1usize..70), (i, o) in (1usize..80, 1usize..80), seed in any::<u64>()) {
        let mut rng = Rng::new(seed);
        let x = random(&[n, 1, tokens, i], &mut rng);
        let inputs = [x, random(&[o, i], &mut rng), random(&[o], &mut rng), random(&[o], &mut rng), random(&[n, 1, tokens, o], &mut rng)];
        hold(&inputs[..3], "linear", &|t| linear(&t[0], &t[1], Some(&t[2])), &composed_linear);
        let twin = |t: &[Tensor]| composed::activate(&composed_linear(t)?, Pointwise::Gelu);
        hold(&inputs[..3], "linear and GELU", &|t| linear_activate(&t[0], &t[1], Some(&t[2]), Pointwise::Gelu), &twin);
        let twin = |t: &[Tensor]| composed_linear(t)?.broadcast_mul(&t[3])? + &t[4];
        hold(&inputs, "linear and sum", &|t| linear_add(&t[0], &t[1], Some(&t[2]), Some(&t[3]), &t[4]), &twin);
        // A weight as a convolution's, and what nobody wants a gradient of.
        let pixels = inputs[1].reshape((o, i, 1, 1)).unwrap();
        let off = |a: Tensor, b: Tensor| (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
        let [x, bias, scale, residual] = [0, 2, 3, 4].map(|i| &inputs[i]);
        let y = linear_add(x, &pixels, Some(bias), Some(scale), residual).unwrap();
        prop_assert!(off(y, twin(&inputs).unwrap()) < 1e-10);
        let y = linear_activate(x, &pixels, Some(bias), Pointwise::Silu).unwrap();
        prop_assert!(off(y, composed::activate(&composed_linear(&inputs).unwrap(), Pointwise::Silu).unwrap()) < 1e-10);
    }
}

#[test]
fn gradients_agree_with_finite_differences() -> std::result::Result<(), taper_tensor::GradientError> {
    let mut rng = Rng::new(1);
    let mut r = |shape: &[usize]| random(shape, &mut rng);
    check_gradients(&[r(&[2, 3, 5])], 1e-6, |t| softmax(&t[0]))?;
    check_gradients(&[r(&[2, 3, 5])], 1e-6, |t| composed::softmax(&t[0]))?;
    check_gradients(&[r(&[3, 4]), r(&[4])], 1e-5, |t| rms_norm(&t[0], &t[1], 1e-3))?;
    check_gradients(&[r(&[2, 3, 6]), r(&[2, 4, 6]), r(&[2, 4, 6])], 1e-6, |t| attention(&t[0], &t[1], &t[2], 2, 0.7))?;
    // The same tokens as all three.
    check_gradients(&[r(&[2, 3, 6])], 1e-6, |t| attention(&t[0], &t[0], &t[0], 3, 0.7))?;
    check_gradients(&[r(&[2, 3, 12])], 1e-6, |t| self_attention(&t[0], 2, 0.7))?;
    let inputs = [r(&[2, 3, 4]), r(&[4, 4]), r(&[4]), r(&[4])];
    check_gradients(&inputs[..3], 1e-6, |t| linear(&t[0], &t[1], Some(&t[2])))?;
    // A whole block, whose stream of tokens is read by two each time, and whose norm is computed
    // again for the backward pass.
    check_gradients(&inputs, 1e-5, |t| {
        let y = layer_norm(&t[0], &t[2], &t[3], 1e-3)?;
        let y = linear_activate(&y, &t[1], Some(&t[2]), Pointwise::Gelu)?;
        let x = linear_add(&y, &t[1], Some(&t[3]), Some(&t[2]), &t[0])?;
        let x = linear_add(&layer_norm(&x, &t[3], &t[2], 1e-3)?, &t[1], None, None, &x)?;
        add(&x, &activate(&x, Pointwise::Gelu)?)
    })
}

#[test]
fn a_sum_leaves_the_gradient_that_others_hold_alone() -> Result<()> {
    // The gradient of the sum is that of both terms, which are rewritten on their way back.
    let mut rng = Rng::new(3);
    let (x, w) = (random(&[1, 2, 3], &mut rng), random(&[3, 3], &mut rng));
    let [x, w] = [x, w].map(|t| Var::from_tensor(&t).unwrap());
    let with = |first: bool| -> Result<Vec<f64>> {
        let y = activate(&x, Pointwise::Silu)?;
        let z = linear_add(&x, &w, None, None, &y)?;
        let z = if first { (&z + &y)? } else { add(&y, &z)? };
        let grads = z.sqr()?.sum_all()?.backward()?;
        grads.get(&x).unwrap().flatten_all()?.to_vec1::<f64>()
    };
    for (a, b) in with(true)?.into_iter().zip(with(false)?) {
        assert!((a - b).abs() < 1e-12, "{a} {b}");
    }
    Ok(())
}

#[test]
fn values_and_gradients_are_pytorchs() -> Result<()> {
    let golden: Value = serde_json::from_str(include_str!("golden/tokens.json")).unwrap();
    let tensor = |value: &Value| -> Result<Tensor> {
        let numbers = |name: &str| value[name].as_array().unwrap().iter().map(|v| v.as_f64().unwrap());
        let shape: Vec<usize> = numbers("shape").map(|side| side as usize).collect();
        Tensor::from_vec(numbers("values").collect::<Vec<_>>(), shape, &Device::Cpu)
    };
    let list = |value: &Value| value.as_array().unwrap().iter().map(tensor).collect::<Result<Vec<_>>>();
    for (name, case) in golden.as_object().unwrap() {
        for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 1e-5)] {
            let close = |what: &str, got: &Tensor, wanted: &Tensor| -> Result<()> {
                let error = (got.to_dtype(DType::F64)? - wanted)?.abs()?.max_all()?.to_scalar::<f64>()?;
                let scale = wanted.abs()?.max_all()?.to_scalar::<f64>()?.max(1.0);
                assert!(error <= tolerance * scale, "{name} {what} as {dtype:?}: {error}");
                Ok(())
            };
            let vars = list(&case["inputs"])?
                .iter()
                .map(|x| Var::from_tensor(&x.to_dtype(dtype)?))
                .collect::<Result<Vec<_>>>()?;
            let t: Vec<&Tensor> = vars.iter().map(Var::as_tensor).collect();
            let y = match name.as_str() {
                "softmax" => softmax(t[0])?,
                "rms_norm" => rms_norm(t[0], t[1], 1e-5)?,
                "attention" => attention(t[0], t[1], t[2], 2, 0.4)?,
                "self_attention" => self_attention(t[0], 2, 0.4)?,
                "linear_activate" => linear_activate(t[0], t[1], Some(t[2]), Pointwise::Gelu)?,
                _ => linear_add(t[0], t[1], Some(t[2]), Some(t[3]), t[4])?,
            };
            close("output", &y, &tensor(&case["output"])?)?;
            let grads = (y * tensor(&case["grad_output"])?.to_dtype(dtype)?)?.sum_all()?.backward()?;
            for (var, wanted) in vars.iter().zip(list(&case["gradients"])?) {
                close("gradient", grads.get(var).unwrap(), &wanted)?;
            }
        }
    }
    Ok(())
}

#[test]
fn logits_of_any_size_give_weights() -> Result<()> {
    // Far apart, equal, and infinitely low.
    let x = Tensor::new(&[[1e30f32, -1e30, 0.0], [7.0, 7.0, f32::NEG_INFINITY]], &Device::Cpu)?;
    assert_eq!(softmax(&x)?.to_vec2::<f32>()?, [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]]);
    let tokens = (Tensor::new(&[[[1e4f32], [-1e4], [3.0]]], &Device::Cpu)? * 1e3)?;
    let y = attention(&tokens, &tokens, &tokens, 1, 1.0)?.flatten_all()?.to_vec1::<f32>()?;
    assert_eq!(y, [1e7, -1e7, 1e7]);
    let nan = Tensor::new(&[[[f32::NAN], [1.0]]], &Device::Cpu)?;
    assert!(attention(&nan, &nan, &nan, 1, 1.0)?.flatten_all()?.to_vec1::<f32>()?.iter().all(|y| y.is_nan()));
    Ok(())
}

#[test]
fn nothing_is_an_output_and_mistakes_are_refused() -> Result<()> {
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu);
    let q = Var::zeros((0, 3, 4), DType::F32, &Device::Cpu)?;
    let y = attention(&q, &zeros(&[0, 2, 4])?, &zeros(&[0, 2, 4])?, 2, 1.0)?;
    assert_eq!(y.dims(), [0, 3, 4]);
    assert_eq!(y.sum_all()?.backward()?.get(&q).unwrap().dims(), [0, 3, 4]);
    assert_eq!(self_attention(&zeros(&[2, 0, 12])?, 2, 1.0)?.dims(), [2, 0, 4]);
    assert_eq!(linear(&zeros(&[2, 0, 3])?, &zeros(&[5, 3])?, None)?.dims(), [2, 0, 5]);
    let (x, keys) = (zeros(&[1, 3, 4])?, zeros(&[1, 2, 4])?);
    for (k, heads, scale) in [
        (&keys, 3, 1.0),
        (&keys, 0, 1.0),
        (&keys, 2, 0.0),
        (&keys, 2, f64::NAN),
        (&zeros(&[1, 0, 4])?, 2, 1.0),
        (&zeros(&[1, 2, 5])?, 1, 1.0),
    ] {
        assert!(attention(&x, k, k, heads, scale).is_err(), "{:?} {heads} {scale}", k.dims());
    }
    assert!(self_attention(&x, 1, 1.0).is_err() && self_attention(&zeros(&[3])?, 1, 1.0).is_err());
    assert!(linear(&x, &zeros(&[5, 3])?, None).is_err());
    assert!(linear_add(&x, &zeros(&[5, 4])?, None, None, &x).is_err());
    assert!(linear_add(&x, &zeros(&[4, 4])?, None, Some(&zeros(&[3])?), &x).is_err());
    Ok(())
}
