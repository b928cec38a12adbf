//! What holds for any sizes: gradients against finite differences, kernels against their composed
//! twins, bits that do not depend on the number of threads, and mistakes that are refused.

#![allow(clippy::unwrap_used, clippy::panic)]

use candle_core::{Device, Result, Tensor, Var};
use taper_tensor::{
    Conv, Epilogue, Pool, Rng, adaptive_avg_pool2d, batch_norm_train, check_gradients, composed, conv2d, cross_entropy,
    global_avg_pool, global_max_pool, linear, log_softmax, max_pool2d, relu,
};

fn random(shape: &[usize], rng: &mut Rng) -> Tensor {
    let values: Vec<f64> = (0..shape.iter().product()).map(|_| rng.normal()).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

#[test]
fn gradients_agree_with_finite_differences() -> std::result::Result<(), taper_tensor::GradientError> {
    let mut rng = Rng::new(1);
    let mut r = |shape: &[usize]| random(shape, &mut rng);
    let conv = Conv { stride: 2, padding: 1, dilation: 2, groups: 2, ..Conv::default() };
    check_gradients(&[r(&[2, 6, 7, 4]), r(&[6, 2, 3, 2]), r(&[6])], 1e-6, |t| conv2d(&t[0], &t[1], Some(&t[2]), conv))?;
    let same = |groups| Conv { stride: 2, same: true, groups, ..Conv::default() };
    check_gradients(&[r(&[1, 6, 5, 3]), r(&[2, 3, 3, 3]), r(&[2])], 1e-6, |t| {
        conv2d(&t[0], &t[1], Some(&t[2]), same(1))
    })?;
    check_gradients(&[r(&[1, 7, 6, 3]), r(&[3, 1, 5, 5])], 1e-6, |t| conv2d(&t[0], &t[1], None, same(3)))?;
    check_gradients(&[r(&[2, 4, 3, 5]), r(&[3, 5, 1, 1])], 1e-6, |t| conv2d(&t[0], &t[1], None, Conv::default()))?;
    check_gradients(&[r(&[3, 4]), r(&[2, 4]), r(&[2])], 1e-6, |t| linear(&t[0], &t[1], Some(&t[2])))?;
    let pool = Pool { kernel: (3, 2), stride: 2, padding: 1, ceil_mode: true };
    check_gradients(&[r(&[2, 6, 5, 3])], 1e-6, |t| max_pool2d(&t[0], pool))?;
    check_gradients(&[r(&[2, 6, 5, 3])], 1e-6, |t| adaptive_avg_pool2d(&t[0], (4, 3)))?;
    check_gradients(&[r(&[2, 3, 5, 3])], 1e-6, |t| global_avg_pool(&t[0]))?;
    check_gradients(&[r(&[2, 3, 5, 3])], 1e-6, |t| global_max_pool(&t[0]))?;
    check_gradients(&[r(&[3, 4])], 1e-6, |t| relu(&t[0]))?;
    check_gradients(&[r(&[3, 4])], 1e-6, |t| log_softmax(&t[0]))?;
    check_gradients(&[r(&[3, 4]), r(&[3, 4])], 1e-6, |t| cross_entropy(&t[0], &t[1]))?;
    check_gradients(&[r(&[2, 3, 2, 4]), r(&[4]), r(&[4])], 1e-6, |t| {
        Ok(batch_norm_train(&t[0], &t[1], &t[2], 1e-5, Epilogue::None)?.0)
    })
}

/// Output and gradients of `f` on variables of these values, as one list.
fn run(inputs: &[Tensor], f: &dyn Fn(&[Tensor]) -> Result<Tensor>) -> Result<Vec<f64>> {
    let vars = inputs.iter().map(Var::from_tensor).collect::<Result<Vec<_>>>()?;
    let y = f(&vars.iter().map(|v| v.as_tensor().clone()).collect::<Vec<_>>())?;
    let weights = random(y.dims(), &mut Rng::new(9));
    let grads = (&y * weights)?.sum_all()?.backward()?;
    let mut all = y.flatten_all()?.to_vec1()?;
    for var in &vars {
        all.extend(grads.get(var).unwrap().flatten_all()?.to_vec1::<f64>()?);
    }
    Ok(all)
}

#[test]
fn kernels_equal_their_twins_on_random_sizes() -> Result<()> {
    for case in 0..60 {
        let mut rng = Rng::new(2).at(case);
        let groups = 1 + rng.below(3);
        let (c, o) = (groups * (1 + rng.below(9)), groups * (1 + rng.below(9)));
        let (kh, kw) = (1 + rng.below(5), 1 + rng.below(5));
        let conv =
            Conv { stride: 1 + rng.below(3), padding: rng.below(4), dilation: 1 + rng.below(2), groups, same: false };
        let (h, w) = (conv.dilation * (kh - 1) + 1 + rng.below(12), conv.dilation * (kw - 1) + 1 + rng.below(12));
        let n = 1 + rng.below(3);
        let mut r = |shape: &[usize]| random(shape, &mut rng);
        let inputs = [r(&[n, h, w, c]), r(&[o, c / groups, kh, kw]), r(&[o])];
        let ours = run(&inputs, &|t| conv2d(&t[0], &t[1], Some(&t[2]), conv))?;
        let twin = run(&inputs, &|t| composed::conv2d(&t[0], &t[1], Some(&t[2]), conv))?;
        assert_close(&ours, &twin, &format!("case {case}: {conv:?}, {n}x{h}x{w}x{c}, kernel {kh}x{kw}, {o} out"));

        let pool = Pool {
            kernel: (kh, kw),
            stride: conv.stride,
            padding: conv.padding.min(kh.min(kw) / 2),
            ceil_mode: case % 2 == 0,
        };
        let ours = run(&inputs[..1], &|t| max_pool2d(&t[0], pool))?;
        let twin = run(&inputs[..1], &|t| composed::max_pool2d(&t[0], pool))?;
        assert_close(&ours, &twin, &format!("case {case}: {pool:?} on {n}x{h}x{w}x{c}"));
    }
    Ok(())
}

fn assert_close(a: &[f64], b: &[f64], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= 1e-10 * b.abs().max(1.0), "{what}: element {i} is {a}, the twin says {b}");
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() -> Result<()> {
    let mut rng = Rng::new(3);
    let inputs = [random(&[3, 21, 19, 8], &mut rng), random(&[16, 8, 3, 3], &mut rng), random(&[16], &mut rng)];
    let network = |t: &[Tensor]| {
        let y = conv2d(&t[0], &t[1], Some(&t[2]), Conv { padding: 1, ..Conv::default() })?;
        let (y, _) = batch_norm_train(&y, &t[2], &t[2], 1e-5, Epilogue::None)?;
        global_avg_pool(&max_pool2d(&relu(&y)?, Pool::default())?)
    };
    let with_threads = |n: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
        pool.install(|| run(&inputs, &network)).unwrap()
    };
    let bits = |values: Vec<f64>| values.into_iter().map(f64::to_bits).collect::<Vec<_>>();
    let one = bits(with_threads(1));
    assert_eq!(one, bits(with_threads(2)));
    assert_eq!(one, bits(with_threads(5)));
    Ok(())
}

#[test]
fn the_gradient_of_what_is_no_variable_is_not_computed() -> Result<()> {
    let mut rng = Rng::new(4);
    let (x, w) = (random(&[1, 5, 5, 2], &mut rng), Var::from_tensor(&random(&[3, 2, 3, 3], &mut rng))?);
    let grads = conv2d(&x, &w, None, Conv::default())?.sum_all()?.backward()?;
    assert!(grads.get(&w).is_some() && grads.get(&x).is_none());
    Ok(())
}

#[test]
fn mistakes_are_refused_with_what_was_wanted() {
    let mut rng = Rng::new(5);
    let (x, w) = (random(&[1, 5, 5, 2], &mut rng), random(&[3, 4, 3, 3], &mut rng));
    let message = |result: Result<Tensor>| result.unwrap_err().to_string();
    assert!(message(conv2d(&x, &w, None, Conv::default())).contains("wants 4 channels"));
    let zero = Conv { stride: 0, ..Conv::default() };
    assert!(message(conv2d(&x, &w, None, zero)).contains("at least 1"));
    assert!(message(max_pool2d(&x, Pool { kernel: (6, 2), ..Pool::default() })).contains("larger than the map"));
    assert!(message(max_pool2d(&x, Pool { padding: 2, ..Pool::default() })).contains("at most half the kernel"));
    assert!(message(adaptive_avg_pool2d(&x, (0, 1))).contains("no side may be 0"));
    assert!(message(cross_entropy(&random(&[2, 3], &mut rng), &random(&[2, 4], &mut rng))).contains("one shape"));
}

#[test]
fn variance_zero_and_one_row_are_finite() -> Result<()> {
    let ones = Tensor::ones((1, 3), candle_core::DType::F32, &Device::Cpu)?;
    let weight = Tensor::ones(3, candle_core::DType::F32, &Device::Cpu)?;
    let (y, moments) = batch_norm_train(&ones, &weight, &weight, 1e-5, Epilogue::None)?;
    assert_eq!(y.to_vec2::<f32>()?, [[1.0; 3]]);
    assert_eq!((moments.count, moments.variance.to_vec1::<f32>()?), (1, vec![0.0; 3]));
    Ok(())
}
