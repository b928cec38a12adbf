//! Sizes at the ends of what an integer holds, and of 0: an operation refuses them or is right, the
//! same by its kernel and by its composed form, and nothing panics.

#![allow(clippy::unwrap_used, clippy::panic)]

use candle_core::{DType, Device, Result, Tensor, Var};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use taper_tensor::{
    Conv, Epilogue, Neighbors, Pool, Regions, Rng, Sequence, adaptive_avg_pool2d, batch_norm_eval, composed, concat,
    conv2d, conv2d_batch_norm_train, conv2d_relu, cross_entropy, dropout, elementwise, fractional_max_pool2d,
    global_avg_pool, global_max_pool, group_norm, layer_norm, linear, log_softmax, max_pool2d, maxout, nchw, relu,
};

/// Sizes at which arithmetic goes wrong.
const EDGES: [usize; 8] = [0, 1, 2, 3, 1 << 31, 1 << 62, 1 << 63, usize::MAX];

fn edge() -> impl Strategy<Value = usize> {
    // Small ones more often: of four extreme sizes nothing is ever possible.
    prop_oneof![2 => 0..4usize, 1 => select(&EDGES[..])]
}

fn map() -> impl Strategy<Value = [usize; 4]> {
    [0..3usize, 0..6, 0..6, 0..4]
}

fn random(shape: &[usize]) -> Tensor {
    let mut rng = Rng::new(shape.iter().sum::<usize>() as u64);
    let values: Vec<f64> = (0..shape.iter().product()).map(|_| rng.normal()).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// What must come of sizes: a shape, an error, or either where the outcome would depend on the
/// machine's memory.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Refused,
    Shape(Vec<usize>),
    Either,
}

/// Of an output with such sides, counted without overflow.
fn outcome(shape: [u128; 4]) -> Outcome {
    let times = |all: u128, size: u128| all.saturating_mul(size);
    let (all, most) = (shape.into_iter().fold(1, times), shape.map(|size| size.max(1)).into_iter().fold(1, times));
    match (all, most) {
        (..=0x10000, ..=0xffff_ffff) => Outcome::Shape(shape.iter().map(|size| *size as usize).collect()),
        // More than any processor addresses, or, of nothing, than can be counted.
        (0x1_0000_0000_0000.., _) => Outcome::Refused,
        (_, most) if most > 1 << 60 => Outcome::Refused,
        _ => Outcome::Either,
    }
}

/// Windows along a side; 0 when the window does not fit.
fn windows(size: usize, kernel: usize, conv: Conv) -> Option<u128> {
    let Conv { stride, padding, dilation, same, .. } = conv;
    let [size, kernel, stride, padding, dilation] = [size, kernel, stride, padding, dilation].map(|n| n as u128);
    let (padded, reach) = (size + 2 * padding, dilation * (kernel.checked_sub(1)?) + 1);
    let countable = padded.max(reach) < 1 << 60;
    match same {
        true => (countable && stride > 0).then(|| size.div_ceil(stride)),
        false => (countable && padded >= reach && stride > 0).then(|| (padded - reach) / stride + 1),
    }
}

type Operation1<'a> = &'a dyn Fn(&[Tensor]) -> Result<Tensor>;

/// Output and gradients of an operation; the gradients are those of every input, finite.
fn run(inputs: &[Tensor], f: Operation1<'_>) -> Result<(Vec<usize>, Vec<f64>)> {
    let vars = inputs.iter().map(Var::from_tensor).collect::<Result<Vec<_>>>()?;
    let y = f(&vars.iter().map(|v| v.as_tensor().clone()).collect::<Vec<_>>())?;
    let grads = (&y * random(y.dims()))?.sum_all()?.backward()?;
    let mut all = y.flatten_all()?.to_vec1()?;
    for var in &vars {
        let grad = grads.get(var).unwrap();
        assert_eq!(grad.dims(), var.dims());
        all.extend(grad.flatten_all()?.to_vec1::<f64>()?);
    }
    Ok((y.dims().to_vec(), all))
}

/// Holds both paths of an operation to what must come of it, and to each other.
fn hold(inputs: &[Tensor], wanted: Outcome, kernel: Operation1<'_>, twin: Operation1<'_>, what: &str) {
    if wanted == Outcome::Either {
        return;
    }
    match (wanted, run(inputs, kernel), run(inputs, twin)) {
        (Outcome::Refused, Err(_), Err(_)) => {}
        (Outcome::Shape(shape), Ok(ours), Ok(twin)) => {
            assert_eq!((&ours.0, &twin.0), (&shape, &shape), "{what}");
            let close = ours.1.iter().zip(&twin.1).all(|(a, b)| (a - b).abs() <= 1e-10 * b.abs().max(1.0));
            assert!(ours.1.len() == twin.1.len() && close, "{what}: {:?} and {:?}", ours.1, twin.1);
            if shape.contains(&0) {
                assert!(ours.1.iter().all(|&g| g == 0.0), "{what}: gradients of nothing");
            }
        }
        (wanted, ours, twin) => panic!("{what}: wanted {wanted:?}, got {:?} and {:?}", ours.err(), twin.err()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn convolutions_of_extreme_sizes_are_refused_or_right(
        [n, h, w, c] in map(),
        [o, i, r, s] in [0..5usize, 0..4, 0..4, 0..4],
        (stride, padding, dilation, groups, same) in (edge(), edge(), edge(), edge(), any::<bool>()),
    ) {
        let conv = Conv { stride, padding: if same { 0 } else { padding }, same, dilation, groups };
        // Channels that fit, most of the time.
        let c = if c == 3 { c } else { i.saturating_mul(groups.min(4)) };
        let inputs = [random(&[n, h, w, c]), random(&[o, i, r, s]), random(&[o])];
        let fit = (i as u128 * groups as u128, o.checked_rem(groups)) == (c as u128, Some(0)) && i > 0;
        let sides = windows(h, r, conv).zip(windows(w, s, conv));
        let wanted = match sides.filter(|_| fit && dilation > 0) {
            Some((oh, ow)) if n * o == 0 || oh == 0 || ow == 0 || h * w > 0 => outcome([n as u128, oh, ow, o as u128]),
            _ => Outcome::Refused,
        };
        let what = format!("{conv:?} of {:?} by {:?}", inputs[0].dims(), inputs[1].dims());
        if wanted != Outcome::Either {
            // Whatever comes of it, nothing panics.
            let v = inputs[2].ones_like().unwrap();
            let normal = |t: &[Tensor]| conv2d_batch_norm_train(&t[0], &t[1], conv, (&v, &v), 1e-5, Epilogue::Relu);
            let _ = run(&inputs[..2], &|t| Ok(normal(t)?.0));
        }
        let twin = |t: &[Tensor]| composed::conv2d(&t[0], &t[1], Some(&t[2]), conv);
        hold(&inputs, wanted.clone(), &|t| conv2d(&t[0], &t[1], Some(&t[2]), conv), &twin, &what);
        hold(&inputs, wanted, &|t| conv2d_relu(&t[0], &t[1], Some(&t[2]), conv), &|t| relu(&twin(t)?), &what);
    }

    #[test]
    fn pools_of_extreme_sizes_are_refused_or_right(
        [n, h, w, c] in map(),
        (kh, kw, stride, padding, ceil_mode) in (edge(), edge(), edge(), edge(), any::<bool>()),
    ) {
        let x = [random(&[n, h, w, c])];
        let pool = Pool { kernel: (kh, kw), stride, padding, ceil_mode };
        let side = |size: usize, kernel: usize| {
            let whole = windows(size, kernel, Conv { stride, padding, ..Conv::default() })?;
            let left = (size as u128 + 2 * padding as u128 - kernel as u128) % stride as u128;
            // A last window that only begins inside.
            let more = ceil_mode && left > 0 && whole * (stride as u128) < (size + padding) as u128;
            Some(whole + u128::from(more))
        };
        let possible = kh.saturating_mul(kw) <= 256 && padding <= kh.min(kw) / 2 && kh * kw > 0;
        let wanted = match possible.then(|| side(h, kh).zip(side(w, kw))).flatten() {
            Some((oh, ow)) if n * c == 0 || h * w > 0 => outcome([n as u128, oh, ow, c as u128]),
            _ => Outcome::Refused,
        };
        let what = format!("{pool:?} of {:?}", x[0].dims());
        hold(&x, wanted, &|t| max_pool2d(&t[0], pool), &|t| composed::max_pool2d(&t[0], pool), &what);
        let grid = (kh, kw);
        let wanted = match [h, w, kh, kw].contains(&0) {
            true => Outcome::Refused,
            false => outcome([n as u128, kh as u128, kw as u128, c as u128]),
        };
        let twin = |t: &[Tensor]| composed::adaptive_avg_pool2d(&t[0], grid);
        hold(&x, wanted, &|t| adaptive_avg_pool2d(&t[0], grid), &twin, &format!("{grid:?} of {:?}", x[0].dims()));
    }

    #[test]
    fn nothing_else_panics_at_extreme_sizes([n, h, w, c] in map(), (a, b, k) in (edge(), edge(), edge())) {
        let x = [random(&[n, h, w, c])];
        let vector = random(&[c]);
        let ones = vector.ones_like().unwrap();
        let rows = [random(&[n, c]), random(&[h, c]), random(&[h])];
        let _ = run(&x, &|t| maxout(&t[0], k));
        let _ = run(&x, &|t| composed::maxout(&t[0], k));
        let _ = run(&x, &|t| composed::relu(&t[0]));
        let _ = run(&x, &|t| composed::add_relu(&t[0], &t[0]));
        // The probability is 0, 1/2, or too much.
        let p = a as f64 / 2.0;
        for result in [
            run(&x, &|t| dropout(&t[0], p, &Rng::new(1))),
            run(&x, &|t| composed::dropout(&t[0], p, &Rng::new(1))),
        ] {
            prop_assert!(a < 2 || result.is_err());
        }
        let _ = run(&x, &|t| group_norm(&t[0], k, &vector, &vector, 1e-5));
        let _ = run(&x, &|t| layer_norm(&t[0], &vector, &vector, 1e-5));
        let _ = run(&x, &|t| batch_norm_eval(&t[0], &vector, &vector, &ones, &ones, 1e-5, Epilogue::AddRelu(&t[0])));
        let _ = run(&x, &|t| global_max_pool(&t[0]));
        let _ = run(&x, &|t| global_avg_pool(&t[0]));
        let _ = run(&x, &|t| nchw::to_nchw(&nchw::to_nhwc(&t[0])?));
        let _ = run(&x, &|t| concat(&[&t[0], &t[0]]));
        let _ = run(&x, &|t| log_softmax(&t[0]));
        let _ = run(&rows, &|t| linear(&t[0], &t[1], Some(&t[2])));
        let _ = run(&rows[..1], &|t| cross_entropy(&t[0], &rows[0]));
        let whole = |size: usize| vec![0..size.min(5); k.min(3)];
        let regions = Regions { rows: whole(a), columns: whole(b) };
        let _ = run(&x, &|t| fractional_max_pool2d(&t[0], &regions));
        let _ = run(&x, &|t| composed::fractional_max_pool2d(&t[0], &regions));
        let _ = Conv { stride: a, padding: b, dilation: k, ..Conv::default() }.output([n, h, w, c], [k, c, a, b]);
        let _ = Conv { stride: a, same: true, dilation: k, ..Conv::default() }.zeros([n, h, w, c], [k, c, a, b]);
        let _ = Pool { kernel: (a, b), stride: k, padding: b, ceil_mode: true }.output([n, h, w, c]);
        if a != 1 << 31 && b != 1 << 31 {
            let _ = Regions::draw((a, b), 1.5, Sequence::PseudoRandom, Neighbors::Overlapping, &Rng::new(0));
        }
    }
}

/// What the issue found.
#[test]
fn a_padding_or_dilation_beyond_the_integers_is_refused_by_name() {
    let (x, w) = (random(&[1, 5, 5, 3]), random(&[4, 3, 3, 3]));
    let said = |conv: Conv| conv2d(&x, &w, None, conv).unwrap_err().to_string();
    assert!(said(Conv { padding: 1 << 62, ..Conv::default() }).contains("padding 4611686018427387904"));
    assert!(said(Conv { dilation: 1 << 63, ..Conv::default() }).contains("dilation 9223372036854775808"));
    assert!(said(Conv { padding: 1 << 30, ..Conv::default() }).contains("more elements than can be addressed"));
    assert!(said(Conv { padding: 1 << 21, ..Conv::default() }).contains("bytes"));
    let said = adaptive_avg_pool2d(&x, (1 << 63, 1)).unwrap_err().to_string();
    assert!(said.contains("[1, 9223372036854775808, 1, 3]"), "{said}");
}

/// A tensor that is one number many times over is not copied before it is counted.
#[test]
fn inputs_that_would_not_fit_memory_are_refused() {
    for dtype in [DType::F32, DType::F16] {
        let one = Tensor::zeros((1, 1, 1, 1), dtype, &Device::Cpu).unwrap();
        let x = one.broadcast_as((1 << 20, 1 << 10, 1 << 10, 1 << 10)).unwrap();
        let vector = Tensor::zeros(1 << 10, dtype, &Device::Cpu).unwrap();
        let rows = one.reshape((1, 1)).unwrap().broadcast_as((1 << 40, 1 << 10)).unwrap();
        for (name, result) in [
            ("conv2d", conv2d(&x, &x, None, Conv::default())),
            ("max_pool2d", max_pool2d(&x, Pool::default())),
            ("adaptive_avg_pool2d", global_avg_pool(&x)),
            ("relu", relu(&x)),
            ("dropout", dropout(&x, 0.5, &Rng::new(0))),
            ("elementwise", elementwise(&x, f64::sin, f64::cos, Tensor::sin)),
            ("maxout", maxout(&x, 2)),
            ("relu", composed::relu(&x)),
            ("add_relu", composed::add_relu(&x, &x)),
            ("dropout", composed::dropout(&x, 0.5, &Rng::new(0))),
            ("maxout", composed::maxout(&x, 2)),
            ("max_pool2d", composed::max_pool2d(&x, Pool { stride: 1 << 20, ..Pool::default() })),
            ("adaptive_avg_pool2d", composed::adaptive_avg_pool2d(&x, (1, 1))),
            ("layer_norm", layer_norm(&x, &vector, &vector, 0.0)),
            ("batch_norm", batch_norm_eval(&x, &vector, &vector, &vector, &vector, 0.0, Epilogue::None)),
            ("concat", concat(&[&x, &x])),
            ("to_nhwc", nchw::to_nhwc(&x)),
            ("linear", linear(&rows, &vector.reshape((1, 1 << 10)).unwrap(), None)),
            ("log_softmax", log_softmax(&x)),
            ("cross_entropy", cross_entropy(&rows, &rows)),
        ] {
            let error = result.unwrap_err().to_string();
            assert!(error.starts_with(name) && error.contains("which the system does not give"), "{name}: {error}");
        }
    }
}
