//! Pooling, normalization, elementwise functions, concatenation, dropout and the (N,C,H,W) face on
//! random sizes: in float64 against the composed twin, in float32 against float64, and to the bit
//! on one, two and five threads.

#![allow(clippy::unwrap_used, clippy::panic)]

mod twins;

use candle_core::{DType, Device, Result, Tensor, Var};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use taper_tensor::{
    Conv, Epilogue, Neighbors, Pointwise, Pool, Regions, Rng, Sequence, activate, adaptive_avg_pool2d, add, add_relu,
    batch_norm_eval, batch_norm_train, check_gradients, composed, concat, concat_again, conv2d, dropout, elementwise,
    fractional_max_pool2d, global_avg_pool, group_norm, layer_norm, log_softmax, max_pool2d, maxout, nchw, relu,
    scale_channels,
};
use twins::{hold, random};

/// A function of each number, by its kernel.
fn sine(x: &Tensor) -> Result<Tensor> {
    elementwise(x, f64::sin, f64::cos, composed_sine)
}

fn composed_sine(x: &Tensor) -> Result<Tensor> {
    x.sin()
}

/// A map of random size, N up to 3, H and W up to 40, C up to 70.
fn map() -> impl Strategy<Value = Vec<usize>> {
    (1usize..4, 1usize..41, 1usize..41, 1usize..71).prop_map(|(n, h, w, c)| vec![n, h, w, c])
}

const FUNCTIONS: [Pointwise; 6] = [
    Pointwise::Sigmoid,
    Pointwise::Silu,
    Pointwise::Gelu,
    Pointwise::Relu6,
    Pointwise::HardSigmoid,
    Pointwise::HardSwish,
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, rng_seed: RngSeed::Fixed(0), ..ProptestConfig::default() })]

    #[test]
    fn max_pooling(
        (n, c, seed) in (1usize..3, 1usize..71, any::<u64>()),
        (kh, kw, stride, padding) in (1usize..12, 1usize..12, 1usize..5, 0usize..6),
        (more_h, more_w, ceil_mode) in (0usize..24, 0usize..24, any::<bool>()),
    ) {
        let pool = Pool { kernel: (kh, kw), stride, padding: padding.min(kh.min(kw) / 2), ceil_mode };
        let x = random(&[n, kh + more_h, kw + more_w, c], &mut Rng::new(seed));
        let twin = |t: &[Tensor]| composed::max_pool2d(&t[0], pool);
        hold(&[x], &format!("{pool:?}"), &|t| max_pool2d(&t[0], pool), &twin);
    }

    #[test]
    fn fractional_pooling(dims in map(), ratio in 1.01f64..2.0, (even, overlap) in any::<(bool, bool)>(), seed in any::<u64>()) {
        let mut rng = Rng::new(seed);
        let x = random(&dims, &mut rng);
        let sequence = if even { Sequence::PseudoRandom } else { Sequence::Random };
        let neighbors = if overlap { Neighbors::Overlapping } else { Neighbors::Disjoint };
        let regions = Regions::draw((dims[1], dims[2]), ratio, sequence, neighbors, &rng).unwrap();
        for (sides, size) in [(&regions.rows, dims[1]), (&regions.columns, dims[2])] {
            prop_assert_eq!(sides.len(), (size as f64 / ratio).ceil() as usize);
            prop_assert_eq!((sides[0].start, sides[sides.len() - 1].end), (0, size));
            for pair in sides.windows(2) {
                prop_assert_eq!(pair[1].start + usize::from(overlap), pair[0].end);
                prop_assert!((1..=2).contains(&(pair[1].start - pair[0].start)));
            }
        }
        let twin = |t: &[Tensor]| composed::fractional_max_pool2d(&t[0], &regions);
        hold(&[x], "fractional max pooling", &|t| fractional_max_pool2d(&t[0], &regions), &twin);
    }

    #[test]
    fn norms_of_a_picture_in_float32(dims in map(), groups in 1usize..5, seed in any::<u64>()) {
        let mut rng = Rng::new(seed);
        let c = dims[3] * groups;
        let inputs = [random(&[dims[0], 7, 3, c], &mut rng), random(&[c], &mut rng), random(&[c], &mut rng)];
        let grouped = |t: &[Tensor]| group_norm(&t[0], groups, &t[1], &t[2], 1e-2);
        hold(&inputs, "group norm", &grouped, &grouped);
        let twin = |t: &[Tensor]| composed::layer_norm(&t[0], &t[1], &t[2], 1e-2);
        hold(&inputs, "layer norm", &|t| layer_norm(&t[0], &t[1], &t[2], 1e-2), &twin);
    }

    #[test]
    fn average_pooling(dims in map(), output in (1usize..9, 1usize..9), seed in any::<u64>()) {
        let x = random(&dims, &mut Rng::new(seed));
        let twin = |t: &[Tensor]| composed::adaptive_avg_pool2d(&t[0], output);
        hold(&[x], "adaptive average", &|t| adaptive_avg_pool2d(&t[0], output), &twin);
    }

    #[test]
    fn batch_norms(dims in map(), which in 0usize..9, seed in any::<u64>()) {
        let mut rng = Rng::new(seed);
        let c = dims[3];
        let mut inputs = vec![random(&dims, &mut rng), random(&[c], &mut rng), random(&[c], &mut rng)];
        if which == 2 {
            inputs.push(random(&dims, &mut rng));
        }
        // The rectifier's corner is where float32 and float64 may part; a few channels of few
        // values are steep.
        let few = dims[..3].iter().product::<usize>() < 8;
        let then = |t: &[Tensor]| if which == 2 { Some(t[3].clone()) } else { None };
        let with = |t: &[Tensor], f: &dyn Fn(Epilogue<'_>) -> Result<Tensor>| match (which, then(t)) {
            (_, Some(residual)) => f(Epilogue::AddRelu(&residual)),
            (0, _) => f(Epilogue::None),
            (1 | 2, _) => f(Epilogue::Relu),
            _ => f(Epilogue::Activate(FUNCTIONS[which - 3])),
        };
        let (mean, variance) = (random(&[c], &mut rng), random(&[c], &mut rng).sqr().unwrap());
        let statistic = |s: &Tensor, t: &Tensor| s.to_dtype(DType::F32)?.to_dtype(t.dtype());
        let train = |t: &[Tensor]| with(t, &|e| Ok(batch_norm_train(&t[0], &t[1], &t[2], 1e-2, e)?.0));
        let twin = |t: &[Tensor]| with(t, &|e| Ok(composed::batch_norm_train(&t[0], &t[1], &t[2], 1e-2, e)?.0));
        let eval = |t: &[Tensor]| with(t, &|e| {
            batch_norm_eval(&t[0], &t[1], &t[2], &statistic(&mean, &t[0])?, &statistic(&variance, &t[0])?, 1e-2, e)
        });
        let eval_twin = |t: &[Tensor]| with(t, &|e| {
            let (mean, variance) = (statistic(&mean, &t[0])?, statistic(&variance, &t[0])?);
            composed::batch_norm_eval(&t[0], &t[1], &t[2], &mean, &variance, 1e-2, e)
        });
        if !few {
            hold(&inputs, "batch norm in training", &train, &twin);
        }
        hold(&inputs, "batch norm in evaluation", &eval, &eval_twin);
    }

    #[test]
    fn activations_concatenation_and_dropout(dims in map(), other in 1usize..71, seed in any::<u64>()) {
        let mut rng = Rng::new(seed);
        let (a, b) = (random(&dims, &mut rng), random(&dims, &mut rng));
        hold(std::slice::from_ref(&a), "relu", &|t| relu(&t[0]), &|t| composed::relu(&t[0]));
        hold(&[a.clone(), b.clone()], "add", &|t| add(&t[0], &t[1]), &|t| &t[0] + &t[1]);
        hold(&[a.clone(), b], "add_relu", &|t| add_relu(&t[0], &t[1]), &|t| composed::add_relu(&t[0], &t[1]));
        let wider = random(&[dims[0], dims[1], dims[2], other], &mut rng);
        let joined = |t: &[Tensor]| concat(&[&t[0], &t[1], &t[0]]);
        hold(&[a.clone(), wider], "concat", &joined, &|t| Tensor::cat(&[&t[0], &t[1], &t[0]], 3));
        let factors = random(&[dims[0], dims[3]], &mut rng);
        let twin = |t: &[Tensor]| composed::scale_channels(&t[0], &t[1]);
        hold(&[a.clone(), factors], "scaled channels", &|t| scale_channels(&t[0], &t[1]), &twin);
        let twin = |t: &[Tensor]| composed::dropout(&t[0], 0.25, &rng);
        hold(std::slice::from_ref(&a), "dropout", &|t| dropout(&t[0], 0.25, &rng), &twin);
        let twin = |t: &[Tensor]| composed::log_softmax(&t[0]);
        hold(std::slice::from_ref(&a), "log_softmax", &|t| log_softmax(&t[0]), &twin);
        for function in FUNCTIONS {
            let twin = |t: &[Tensor]| composed::activate(&t[0], function);
            hold(std::slice::from_ref(&a), "an activation function", &|t| activate(&t[0], function), &twin);
        }
        let twin = |t: &[Tensor]| composed_sine(&t[0]);
        hold(std::slice::from_ref(&a), "elementwise", &|t| sine(&t[0]), &twin);
        // Maxout takes a multiple of its pieces.
        let pieces = 1 + seed as usize % dims[3];
        let fitting = a.narrow(3, 0, dims[3] / pieces * pieces).unwrap().contiguous().unwrap();
        let twin = |t: &[Tensor]| composed::maxout(&t[0], pieces);
        hold(&[fitting], "maxout", &|t| maxout(&t[0], pieces), &twin);
        let there = |t: &[Tensor]| nchw::to_nchw(&t[0]);
        hold(&[a], "to_nchw", &there, &|t| t[0].permute((0, 3, 1, 2))?.contiguous());
    }
}

#[test]
fn gradients_agree_with_finite_differences() -> std::result::Result<(), taper_tensor::GradientError> {
    let mut rng = Rng::new(1);
    let mut r = |shape: &[usize]| random(shape, &mut rng);
    check_gradients(&[r(&[3, 4]), r(&[3, 4])], 1e-6, |t| add(&t[0], &add(&t[0], &t[1])?))?;
    check_gradients(&[r(&[3, 4]), r(&[3, 4])], 1e-6, |t| add_relu(&t[0], &t[1]))?;
    check_gradients(&[r(&[2, 3, 4]), r(&[2, 3, 1])], 1e-6, |t| concat(&[&t[0], &t[1]]))?;
    check_gradients(&[r(&[2, 3, 4]), r(&[2, 3, 1])], 1e-6, |t| concat_again(&[&t[0], &t[1], &t[0]]))?;
    check_gradients(&[r(&[2, 3, 2, 4]), r(&[2, 4])], 1e-6, |t| scale_channels(&t[0], &t[1]))?;
    // A map that is scaled by a function of its own mean, and the map of a batch norm so.
    let excited = |x: &Tensor, s: &Tensor| scale_channels(x, &activate(&(global_avg_pool(x)? * s)?, FUNCTIONS[0])?);
    check_gradients(&[r(&[2, 3, 2, 4]), r(&[2, 4])], 1e-6, |t| excited(&t[0], &t[1]))?;
    check_gradients(&[r(&[2, 3, 2, 4]), r(&[4]), r(&[2, 4]), r(&[3, 4, 1, 1])], 1e-5, |t| {
        let (y, _) = batch_norm_train(&t[0], &t[1], &t[1], 1e-3, Epilogue::Activate(Pointwise::Silu))?;
        let both = concat_again(&[&excited(&y, &t[2])?, &y])?;
        conv2d(&both, &concat(&[&t[3], &t[3]])?.reshape((3, 8, 1, 1))?, None, Conv::default())
    })?;
    check_gradients(&[r(&[5, 4])], 1e-6, |t| dropout(&t[0], 0.4, &Rng::new(3)))?;
    check_gradients(&[r(&[2, 3, 4, 5])], 1e-6, |t| nchw::to_nhwc(&t[0]))?;
    let (mean, variance) = (r(&[4]), r(&[4]).sqr()?);
    let inputs = [r(&[2, 3, 2, 4]), r(&[4]), r(&[4]), r(&[2, 3, 2, 4])];
    for function in FUNCTIONS {
        check_gradients(&inputs[..1], 1e-6, |t| activate(&t[0], function))?;
        let then = Epilogue::Activate(function);
        check_gradients(&inputs[..3], 1e-5, |t| Ok(batch_norm_train(&t[0], &t[1], &t[2], 1e-3, then)?.0))?;
        let eval = |t: &[Tensor]| batch_norm_eval(&t[0], &t[1], &t[2], &mean, &variance, 1e-3, then);
        check_gradients(&inputs[..3], 1e-5, eval)?;
    }
    check_gradients(&inputs[..3], 1e-5, |t| Ok(batch_norm_train(&t[0], &t[1], &t[2], 1e-3, Epilogue::Relu)?.0))?;
    check_gradients(&inputs, 1e-5, |t| Ok(batch_norm_train(&t[0], &t[1], &t[2], 1e-3, Epilogue::AddRelu(&t[3]))?.0))?;
    check_gradients(&[r(&[3, 4]), r(&[4]), r(&[4])], 1e-5, |t| layer_norm(&t[0], &t[1], &t[2], 1e-3))?;
    check_gradients(&[r(&[2, 3, 2, 6]), r(&[6]), r(&[6])], 1e-5, |t| group_norm(&t[0], 2, &t[1], &t[2], 1e-3))?;
    for (sequence, neighbors) in
        [(Sequence::Random, Neighbors::Disjoint), (Sequence::PseudoRandom, Neighbors::Overlapping)]
    {
        let regions = Regions::draw((7, 5), 1.5, sequence, neighbors, &Rng::new(4))?;
        check_gradients(&[r(&[2, 7, 5, 3])], 1e-6, |t| fractional_max_pool2d(&t[0], &regions))?;
        check_gradients(&[r(&[2, 7, 5, 3])], 1e-6, |t| composed::fractional_max_pool2d(&t[0], &regions))?;
    }
    check_gradients(&[r(&[5, 6])], 1e-6, |t| sine(&t[0]))?;
    check_gradients(&[r(&[5, 6])], 1e-6, |t| maxout(&t[0], 3))?;
    check_gradients(&[r(&[5, 6])], 1e-6, |t| composed::maxout(&t[0], 3))?;
    // Read by two and by three operations, whose gradients batch norm adds up itself.
    check_gradients(&inputs, 1e-5, |t| {
        let y = batch_norm_train(&t[0], &t[1], &t[2], 1e-3, Epilogue::AddRelu(&t[3]))?.0;
        add_relu(&dropout(&y, 0.4, &Rng::new(3))?, &y)
    })?;
    check_gradients(&inputs, 1e-5, |t| {
        let y = batch_norm_train(&t[0], &t[1], &t[2], 1e-3, Epilogue::AddRelu(&t[3]))?.0;
        concat(&[&y, &add_relu(&dropout(&y, 0.4, &Rng::new(3))?, &y)?])
    })?;
    check_gradients(&inputs, 1e-6, |t| {
        batch_norm_eval(&t[0], &t[1], &t[2], &mean, &variance, 1e-3, Epilogue::AddRelu(&t[3]))
    })
}

#[test]
fn fractional_regions_cover_the_map_at_their_ratio() -> Result<()> {
    for ratio in [1.2, 1.5, std::f64::consts::SQRT_2, 2.0] {
        for size in [1, 2, 5, 14, 33] {
            for sequence in [Sequence::Random, Sequence::PseudoRandom] {
                for k in 0..20 {
                    let draw = |neighbors| Regions::draw((size, size + 1), ratio, sequence, neighbors, &Rng::new(k));
                    let (apart, over) = (draw(Neighbors::Disjoint)?, draw(Neighbors::Overlapping)?);
                    for (sides, over, size) in
                        [(&apart.rows, &over.rows, size), (&apart.columns, &over.columns, size + 1)]
                    {
                        assert_eq!(sides.len(), (size as f64 / ratio).ceil() as usize);
                        assert_eq!((sides[0].start, sides[sides.len() - 1].end), (0, size));
                        assert!(sides.windows(2).all(|pair| pair[0].end == pair[1].start));
                        assert!(sides.iter().all(|side| (1..=2).contains(&side.len())), "{sides:?}");
                        let widened = sides.iter().map(|side| side.start..size.min(side.end + 1));
                        assert!(widened.eq(over.iter().cloned()));
                    }
                }
            }
        }
    }
    for ratio in [1.0, 2.1, f64::NAN] {
        assert!(Regions::draw((4, 4), ratio, Sequence::Random, Neighbors::Overlapping, &Rng::new(0)).is_err());
    }
    let x = Tensor::zeros((1, 2, 2, 1), DType::F32, &Device::Cpu)?;
    for (rows, fits) in [(vec![0..1, 1..2], true), (vec![0..1, 1..3], false), (vec![0..1, 1..1], false)] {
        let regions = Regions { rows, columns: vec![0..1, 0..2] };
        assert_eq!(fractional_max_pool2d(&x, &regions).is_ok(), fits, "{regions:?}");
    }
    Ok(())
}

#[test]
fn maxout_finds_nan_and_refuses_what_does_not_fit() -> Result<()> {
    let y = maxout(&Tensor::new(&[1f32, f32::NAN, f32::NAN, 1.0], &Device::Cpu)?, 2)?;
    assert!(y.to_vec1::<f32>()?.iter().all(|v| v.is_nan()));
    for pieces in [0, 2] {
        assert!(maxout(&Tensor::zeros(3, DType::F32, &Device::Cpu)?, pieces).is_err());
    }
    Ok(())
}

#[test]
fn frozen_batch_norm_gives_the_gradient_of_its_input_alone() -> Result<()> {
    let mut rng = Rng::new(2);
    let (x, vector) = (Var::from_tensor(&random(&[3, 4], &mut rng))?, random(&[4], &mut rng));
    let variance = vector.sqr()?;
    for epilogue in [Epilogue::None, Epilogue::Relu, Epilogue::Activate(Pointwise::Silu)] {
        let ours = batch_norm_eval(&x, &vector, &vector, &vector, &variance, 1e-3, epilogue)?;
        let twin = composed::batch_norm_eval(&x, &vector, &vector, &vector, &variance, 1e-3, epilogue)?;
        let gradient = |y: Tensor| -> Result<Tensor> { Ok(y.sqr()?.sum_all()?.backward()?.get(&x).unwrap().clone()) };
        let off = (gradient(ours)? - gradient(twin)?)?.abs()?.max_all()?.to_scalar::<f64>()?;
        assert!(off < 1e-12, "{epilogue:?}: {off}");
    }
    Ok(())
}

#[test]
fn moments_of_large_means_and_rare_peaks() -> Result<()> {
    // A mean ten thousand deviations away, and a channel of zeros with one peak.
    let mut rng = Rng::new(5);
    let rows: Vec<f32> =
        (0..5000).flat_map(|i| [1e4 + rng.normal() as f32, if i == 0 { 1e3 } else { 0.0 }, 0.1]).collect();
    let x = Tensor::from_vec(rows, (5000, 3), &Device::Cpu)?;
    let one = Tensor::ones(3, DType::F32, &Device::Cpu)?;
    let (y, moments) = batch_norm_train(&x, &one, &one, 1e-5, Epilogue::None)?;
    let wide = x.to_dtype(DType::F64)?;
    let wanted = wide.broadcast_sub(&wide.mean_keepdim(0)?)?.sqr()?.mean(0)?.to_vec1::<f64>()?;
    let got = moments.variance.to_vec1::<f32>()?;
    for (got, wanted) in got.iter().zip(&wanted) {
        assert!((f64::from(*got) - wanted).abs() <= 1e-5 * wanted + 1e-12, "{got} {wanted}");
    }
    assert!(y.to_vec2::<f32>()?.iter().flatten().all(|v| v.is_finite()));
    Ok(())
}

#[test]
fn max_pooling_of_nan_and_infinities_is_that_of_pytorch() -> Result<()> {
    let low = f32::NEG_INFINITY;
    let x =
        Tensor::new(&[[[[low], [low]], [[low], [low]]], [[[1f32], [f32::NAN]], [[f32::NAN], [2.0]]]], &Device::Cpu)?;
    let x = Var::from_tensor(&x)?;
    let y = max_pool2d(&x, Pool::default())?;
    let values = y.flatten_all()?.to_vec1::<f32>()?;
    assert!(values[0] == low && values[1].is_nan());
    let grads = y.sum_all()?.backward()?;
    let gradient = grads.get(&x).unwrap().flatten_all()?.to_vec1::<f32>()?;
    assert_eq!(gradient, [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    Ok(())
}

#[test]
fn the_face_for_nchw_has_candles_values() -> Result<()> {
    let mut rng = Rng::new(6);
    let (x, w) = (random(&[2, 6, 9, 11], &mut rng), random(&[8, 3, 3, 3], &mut rng));
    let conv = Conv { stride: 2, padding: 1, groups: 2, ..Conv::default() };
    let off = |a: Tensor, b: Tensor| (a - b)?.abs()?.max_all()?.to_scalar::<f64>();
    assert!(off(nchw::conv2d(&x, &w, None, conv)?, x.conv2d(&w, 1, 2, 1, 2)?)? < 1e-12);
    assert!(off(nchw::max_pool2d(&x, Pool::default())?, x.max_pool2d(2)?)? == 0.0);
    assert!(off(nchw::global_avg_pool(&x)?, x.mean((2, 3))?)? < 1e-12);
    assert!(off(nchw::to_nchw(&nchw::to_nhwc(&x)?)?, x.clone())? == 0.0);
    assert_eq!(global_avg_pool(&conv2d(&nchw::to_nhwc(&x)?, &w, None, conv)?)?.dims(), [2, 8]);
    Ok(())
}

#[test]
fn mistakes_are_refused() {
    let mut rng = Rng::new(7);
    let (x, narrow, vector) = (random(&[2, 3], &mut rng), random(&[3, 3], &mut rng), random(&[3], &mut rng));
    assert!(add_relu(&x, &narrow).is_err() && concat(&[&x, &narrow]).is_err() && concat(&[]).is_err());
    assert!(dropout(&x, 1.0, &Rng::new(0)).is_err());
    assert!(batch_norm_train(&x, &vector, &vector, 1e-5, Epilogue::AddRelu(&narrow)).is_err());
}
