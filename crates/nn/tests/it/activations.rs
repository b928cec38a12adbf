//! Every activation on random sizes: in float64 against its composed twin, in float32 against
//! float64, to the bit on one, two and five threads; far from 0, and at the corners.

use candle_core::{DType, Device, Result, Tensor, Var};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use taper_nn::Activation;
use taper_tensor::Rng;

use crate::common::{close, list, random};

/// Output and gradient.
fn run(x: &Tensor, dtype: DType, f: impl Fn(&Tensor) -> Result<Tensor>) -> [Tensor; 2] {
    let x = Var::from_tensor(&x.to_dtype(dtype).unwrap()).unwrap();
    let y = f(&x).unwrap();
    let weights = random(y.dims(), &mut Rng::new(9)).to_dtype(dtype).unwrap();
    let grads = (&y * weights).unwrap().sum_all().unwrap().backward().unwrap();
    [y, grads.get(&x).unwrap().clone()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, rng_seed: RngSeed::Fixed(0), ..ProptestConfig::default() })]

    #[test]
    fn kernels_and_their_twins(
        (n, h, w, c) in (1usize..4, 1usize..41, 1usize..41, 1usize..71), seed in any::<u64>(),
    ) {
        let all = random(&[n, h, w, c], &mut Rng::new(seed));
        for kind in [
            Activation::Sigmoid, Activation::Tanh, Activation::LeakyRelu(0.2), Activation::Elu(1.5), Activation::Gelu,
            Activation::GeluTanh, Activation::Silu, Activation::Relu6, Activation::HardSigmoid, Activation::HardSwish,
            Activation::Maxout(1 + seed as usize % c),
        ] {
            // Maxout takes a multiple of its pieces.
            let pieces = if let Activation::Maxout(k) = kind { k } else { 1 };
            let x = all.narrow(3, 0, c / pieces * pieces).unwrap().contiguous().unwrap();
            let (kernel, twin) = (|x: &Tensor| kind.apply(x), |x: &Tensor| kind.composed(x));
            for (got, wanted) in run(&x, DType::F64, kernel).iter().zip(run(&x, DType::F64, twin)) {
                close(got, &wanted, 1e-10, &format!("{kind:?} and its twin"));
            }
            // Inputs that float32 holds exactly, so that both take the same decisions.
            let exact = x.to_dtype(DType::F32).unwrap().to_dtype(DType::F64).unwrap();
            let narrow = run(&exact, DType::F32, kernel);
            for (got, wanted) in narrow.iter().zip(run(&exact, DType::F64, kernel)) {
                close(got, &wanted, 1e-5, &format!("{kind:?} in float32"));
            }
            for threads in [1, 2, 5] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let again = pool.install(|| run(&exact, DType::F32, kernel));
                for (a, b) in narrow.iter().zip(&again) {
                    let bits = |x: &Tensor| list(x).into_iter().map(f64::to_bits).collect::<Vec<_>>();
                    assert_eq!(bits(a), bits(b), "{kind:?} on {threads} threads");
                }
            }
        }
    }
}

#[test]
fn far_from_zero_activations_stay_finite_and_nan_stays_nan() -> Result<()> {
    let kinds = [
        (Activation::Sigmoid, 0.0, 1.0),
        (Activation::Tanh, -1.0, 1.0),
        (Activation::Elu(1.0), -1.0, 1e4),
        (Activation::Gelu, 0.0, 1e4),
        (Activation::GeluTanh, 0.0, 1e4),
        (Activation::Silu, 0.0, 1e4),
        (Activation::Relu6, 0.0, 6.0),
        (Activation::HardSigmoid, 0.0, 1.0),
        (Activation::HardSwish, 0.0, 1e4),
    ];
    for (kind, low, high) in kinds {
        let x = Var::new(&[-1e4f32, 1e4, f32::NAN], &Device::Cpu)?;
        for run in [Activation::apply, Activation::composed] {
            let y = run(kind, &x)?;
            let values = y.to_vec1::<f32>()?;
            assert!((values[0] - low).abs() < 1e-6 && values[1] == high && values[2].is_nan(), "{kind:?}: {values:?}");
        }
        for run in [Activation::apply, Activation::composed] {
            let slopes = run(kind, &x)?.sum_all()?.backward()?.get(&x).unwrap().to_vec1::<f32>()?;
            assert!(slopes[..2].iter().all(|slope| slope.is_finite()), "{kind:?}: {slopes:?}");
        }
    }
    let maxout = Activation::Maxout(2).apply(&Tensor::new(&[1f32, f32::NAN, f32::NAN, 1.0], &Device::Cpu)?)?;
    assert!(maxout.to_vec1::<f32>()?.iter().all(|v| v.is_nan()));
    assert!(Activation::Maxout(2).apply(&Tensor::zeros(3, DType::F32, &Device::Cpu)?).is_err());
    Ok(())
}

/// PyTorch's values and gradients, corners included, which are exact in f64.
#[test]
fn hard_activations_have_their_pieces() -> Result<()> {
    let x = Var::new(&[-4f64, -3.0, -1.5, 0.0, 1.5, 3.0, 4.5, 6.0, 7.0], &Device::Cpu)?;
    for (kind, values, slopes) in [
        (
            Activation::Relu6,
            [0.0, 0.0, 0.0, 0.0, 1.5, 3.0, 4.5, 6.0, 6.0],
            [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0],
        ),
        (Activation::HardSigmoid, [0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0], {
            let s = 1.0 / 6.0;
            [0.0, 0.0, s, s, s, 0.0, 0.0, 0.0, 0.0]
        }),
        (
            Activation::HardSwish,
            [0.0, 0.0, -0.375, 0.0, 1.125, 3.0, 4.5, 6.0, 7.0],
            [0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0],
        ),
    ] {
        let y = kind.apply(&x)?;
        assert_eq!(y.to_vec1::<f64>()?, values, "{kind:?}");
        assert_eq!(y.sum_all()?.backward()?.get(&x).unwrap().to_vec1::<f64>()?, slopes, "{kind:?}");
    }
    Ok(())
}
