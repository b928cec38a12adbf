//! Convolution and the fully connected layer against their definitions in float64: on random sizes,
//! in both float types, on every instruction set that this processor has, and on one and on several
//! threads.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use candle_core::{DType, Device, Result, Tensor, Var};
use common::error;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use taper_tensor::{
    Conv, Epilogue, Pointwise, Rng, Simd, check_gradients, composed, conv2d, conv2d_batch_norm_eval,
    conv2d_batch_norm_train, conv2d_relu, force_simd, linear, relu,
};

/// The sizes of one convolution.
#[derive(Clone, Copy, Debug)]
struct Case {
    n: usize,
    h: usize,
    w: usize,
    /// Channels of one group.
    c: usize,
    o: usize,
    r: usize,
    s: usize,
    conv: Conv,
    bias: bool,
}

impl Case {
    /// Random input, weight and bias of this case, in float64 but exact in float32.
    fn inputs(&self) -> Vec<Tensor> {
        let mut rng = Rng::new(7);
        let mut draw = |shape: &[usize], scale: f64| {
            let values: Vec<f64> =
                (0..shape.iter().product()).map(|_| f64::from((rng.normal() * scale) as f32)).collect();
            Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
        };
        let (c, o) = (self.c * self.conv.groups, self.o * self.conv.groups);
        let spread = 1.0 / ((self.c * self.r * self.s) as f64).sqrt();
        let mut inputs = vec![draw(&[self.n, self.h, self.w, c], 1.0), draw(&[o, self.c, self.r, self.s], spread)];
        if self.bias {
            inputs.push(draw(&[o], 1.0));
        }
        inputs
    }

    fn fits(&self) -> bool {
        let fits = |size: usize, taps: usize| size + 2 * self.conv.padding > self.conv.dilation * (taps - 1);
        self.conv.same || fits(self.h, self.r) && fits(self.w, self.s)
    }
}

type Operation<'a> = &'a dyn Fn(&Tensor, &Tensor, Option<&Tensor>) -> Result<Tensor>;

/// The output and every gradient of an operation in a float type, as float64.
fn run(inputs: &[Tensor], dtype: DType, f: Operation<'_>) -> Vec<Vec<f64>> {
    let vars: Vec<Var> = inputs.iter().map(|x| Var::from_tensor(&x.to_dtype(dtype).unwrap()).unwrap()).collect();
    let y = f(&vars[0], &vars[1], vars.get(2).map(|v| v.as_tensor())).unwrap();
    let mut rng = Rng::new(8);
    let weights: Vec<f64> = (0..y.elem_count()).map(|_| f64::from(rng.normal() as f32)).collect();
    let weights = Tensor::from_vec(weights, y.shape(), &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
    let grads = taper_tensor::backward(&(&y * weights).unwrap().sum_all().unwrap()).unwrap();
    let values = |t: &Tensor| t.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
    std::iter::once(values(&y)).chain(vars.iter().map(|v| values(grads.get(v).unwrap()))).collect()
}

fn hold(case: &Case) {
    let Case { conv, .. } = *case;
    let inputs = case.inputs();
    let right = run(&inputs, DType::F64, &|x, w, b| composed::conv2d(x, w, b, conv));
    for (dtype, limit) in [(DType::F64, 1e-12), (DType::F32, 2e-4)] {
        let got = run(&inputs, dtype, &|x, w, b| conv2d(x, w, b, conv));
        for (part, (got, right)) in ["y", "dx", "dw", "db"].iter().zip(got.iter().zip(&right)) {
            let error = error(got, right);
            assert!(error < limit, "{part} in {dtype:?}: {error:e} of {case:?}");
        }
    }
    // The rectifier in the same pass: only in float64, where no rounding moves a value across zero.
    let right = run(&inputs, DType::F64, &|x, w, b| relu(&composed::conv2d(x, w, b, conv)?));
    let got = run(&inputs, DType::F64, &|x, w, b| conv2d_relu(x, w, b, conv));
    for (part, (got, right)) in ["y", "dx", "dw", "db"].iter().zip(got.iter().zip(&right)) {
        assert!(error(got, right) < 1e-11, "{part} rectified: {:e} of {case:?}", error(got, right));
    }
}

/// A batch norm of the convolution, whose weight and bias are that of the case.
fn normalized(case: &Case, x: &Tensor, w: &Tensor, b: Option<&Tensor>) -> Result<Tensor> {
    let b = b.unwrap();
    Ok(conv2d_batch_norm_train(x, w, case.conv, (b, b), 1e-2, Epilogue::None)?.0)
}

/// A batch norm in one operation with the convolution is the twins one after the other, and its
/// moments are those of the convolution's output, summed up in float64.
fn hold_normalized(case: &Case) {
    let case = Case { bias: true, ..*case };
    let inputs = case.inputs();
    let right = run(&inputs, DType::F64, &|x, w, b| {
        let b = b.unwrap();
        Ok(composed::batch_norm_train(&composed::conv2d(x, w, None, case.conv)?, b, b, 1e-2, Epilogue::None)?.0)
    });
    for (dtype, limit) in [(DType::F64, 1e-9), (DType::F32, 5e-4)] {
        let got = run(&inputs, dtype, &|x, w, b| normalized(&case, x, w, b));
        for (part, (got, right)) in ["y", "dx", "dw", "db"].iter().zip(got.iter().zip(&right)) {
            let error = error(got, right);
            assert!(error < limit, "{part} normalized in {dtype:?}: {error:e} of {case:?}");
        }
    }
    let narrow: Vec<Tensor> = inputs.iter().map(|x| x.to_dtype(DType::F32).unwrap()).collect();
    let (x, w, b) = (&narrow[0], &narrow[1], &narrow[2]);
    let moments = conv2d_batch_norm_train(x, w, case.conv, (b, b), 1e-2, Epilogue::Relu).unwrap().1;
    let y = conv2d(x, w, None, case.conv).unwrap().to_dtype(DType::F64).unwrap();
    let (_, wanted) = composed::batch_norm_train(&y, &w64(b), &w64(b), 1e-2, Epilogue::None).unwrap();
    let list = |t: &Tensor| w64(t).to_vec1::<f64>().unwrap();
    let variances = list(&wanted.variance);
    for (got, right, unit) in [(&moments.mean, &wanted.mean, 0.5), (&moments.variance, &wanted.variance, 1.0)] {
        for ((got, right), variance) in list(got).into_iter().zip(list(right)).zip(&variances) {
            let scale = variance.powf(unit).max(right.abs());
            assert!((got - right).abs() <= 1e-5 * scale + 1e-12, "{got} for {right} of {case:?}");
        }
    }
    assert_eq!(moments.count, y.elem_count() / variances.len());
}

/// A batch norm with given statistics in one pass with the convolution, for each epilogue.
fn hold_evaluated(case: &Case) {
    let inputs = Case { bias: true, ..*case }.inputs();
    let mut rng = Rng::new(9);
    let mut draw = |shape: &[usize]| {
        let values: Vec<f64> = (0..shape.iter().product()).map(|_| rng.normal()).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    };
    let y = composed::conv2d(&inputs[0], &inputs[1], None, case.conv).unwrap();
    let (mean, residual) = (draw(inputs[2].dims()), draw(y.dims()));
    let variance = mean.sqr().unwrap();
    fn epilogue(which: usize, residual: &Tensor) -> Epilogue<'_> {
        match which {
            0 => Epilogue::None,
            1 => Epilogue::Relu,
            2 => Epilogue::AddRelu(residual),
            _ => Epilogue::Activate(Pointwise::HardSwish),
        }
    }
    for which in 0..4 {
        let b = &inputs[2];
        let right = composed::batch_norm_eval(&y, b, b, &mean, &variance, 1e-2, epilogue(which, &residual)).unwrap();
        for (dtype, limit) in [(DType::F64, 1e-11), (DType::F32, 2e-4)] {
            let of = |t: &Tensor| t.to_dtype(dtype).unwrap();
            let (x, w, b, residual) = (of(&inputs[0]), of(&inputs[1]), of(b), of(&residual));
            let (norm, statistics) = ((&b, &b), (&of(&mean), &of(&variance)));
            let got =
                conv2d_batch_norm_eval(&x, &w, case.conv, norm, statistics, 1e-2, epilogue(which, &residual)).unwrap();
            let list = |t: &Tensor| w64(t).flatten_all().unwrap().to_vec1::<f64>().unwrap();
            let error = error(&list(&got), &list(&right));
            assert!(error < limit, "{which} in {dtype:?}: {error:e} of {case:?}");
        }
    }
}

fn w64(t: &Tensor) -> Tensor {
    t.to_dtype(DType::F64).unwrap()
}

/// So many zeros on each side of a map, or those of "same".
fn padding(most: usize) -> impl Strategy<Value = Conv> {
    (0..=most + 2).prop_map(move |n| Conv { padding: if n > most { 0 } else { n }, same: n > most, ..Conv::default() })
}

/// Any convolution: kernels to 11, stride to 4, dilation, groups, channels to 70.
fn any_case() -> impl Strategy<Value = Case> {
    let sizes = (1usize..3, 1usize..41, 1usize..41, 1usize..71, 1usize..71);
    let kernel = (1usize..12, 1usize..12, 1usize..5, padding(5), 1usize..4, 1usize..4, any::<bool>());
    (sizes, kernel).prop_filter_map(
        "the window is larger than the map",
        |((n, h, w, c, o), (r, s, stride, padding, dilation, groups, bias))| {
            // Large maps have few channels: the cases are many.
            let few = |c: usize| if h * w * r * s > 4000 { 1 + c % 8 } else { c.div_ceil(groups) };
            let conv = Conv { stride, dilation, groups, ..padding };
            Some(Case { n, h, w, c: few(c), o: few(o), r, s, conv, bias }).filter(Case::fits)
        },
    )
}

/// The sizes that Winograd's algorithm takes.
fn winograd_case() -> impl Strategy<Value = Case> {
    (1usize..4, 3usize..24, 3usize..24, 16usize..71, 16usize..71, 0usize..3, any::<bool>()).prop_map(
        |(n, h, w, c, o, padding, bias)| {
            let conv = Conv { padding, ..Conv::default() };
            Case { n, h: h + 2, w: w + 2, c, o, r: 3, s: 3, conv, bias }
        },
    )
}

/// One channel for each group.
fn depthwise_case() -> impl Strategy<Value = Case> {
    let window = (1usize..8, 1usize..8, 1usize..4, 1usize..4, padding(3));
    (1usize..3, 7usize..24, 7usize..24, 2usize..71, window, any::<bool>()).prop_map(
        |(n, h, w, groups, (r, s, stride, dilation, padding), bias)| {
            let conv = Conv { stride, dilation, groups, ..padding };
            Case { n, h, w, c: 1, o: 1, r, s, conv, bias }
        },
    )
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(0), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(60))]
    #[test]
    fn any_convolution_is_its_definition(case in any_case()) {
        hold(&case);
    }
}

proptest! {
    #![proptest_config(config(30))]
    #[test]
    fn winograd_is_its_definition(case in winograd_case()) {
        hold(&case);
    }

    // Where all channels are whole vectors the convolution sums its output up itself.
    #[test]
    fn a_normalized_convolution_is_its_definition(
        (n, h, w, c, vectors) in (2usize..4, 4usize..24, 4usize..24, 1usize..40, 1usize..4),
        (odd, r, stride, padding) in (0usize..2, prop::sample::select(vec![1usize, 3, 3, 5]), 1usize..3, padding(2)),
    ) {
        let conv = Conv { stride, ..padding };
        let case = Case { n, h, w, c, o: 16 * vectors + odd, r, s: r, conv, bias: true };
        prop_assume!(case.fits());
        hold_normalized(&case);
        hold_evaluated(&case);
    }

    #[test]
    fn depthwise_is_its_definition(case in depthwise_case()) {
        prop_assume!(case.fits());
        hold(&case);
        hold_evaluated(&case);
    }

    #[test]
    fn linear_is_its_definition(n in 1usize..40, i in 1usize..700, o in 1usize..200) {
        let case = Case { n, h: 1, w: 1, c: i, o, r: 1, s: 1, conv: Conv::default(), bias: true };
        let inputs = case.inputs();
        let right = run(&inputs, DType::F64, &|x, w, b| composed::conv2d(x, w, b, case.conv));
        let flat = [inputs[0].reshape((n, i)).unwrap(), inputs[1].reshape((o, i)).unwrap(), inputs[2].clone()];
        for (dtype, limit) in [(DType::F64, 1e-12), (DType::F32, 3e-5)] {
            for (got, right) in run(&flat, dtype, &|x, w, b| linear(x, w, b)).iter().zip(&right) {
                prop_assert!(error(got, right) < limit, "{dtype:?}: {:e}", error(got, right));
            }
        }
    }
}

/// Layers of the networks that are trained, and corners: a deep layer whose weight gradient goes by
/// chunks, an inner size of 27, one pixel, one channel, a kernel larger than the map, a stride that
/// skips whole pixels.
fn chosen_cases() -> Vec<Case> {
    let case = |n, size, c, o, r, conv| Case { n, h: size, w: size, c, o, r, s: r, conv, bias: true };
    let same = |padding| Conv { padding, ..Conv::default() };
    let stride = |stride, padding| Conv { stride, padding, ..Conv::default() };
    vec![
        case(2, 14, 256, 160, 3, same(1)),
        case(3, 7, 64, 48, 3, same(1)),
        case(2, 21, 3, 64, 3, same(1)),
        case(2, 33, 3, 64, 7, stride(2, 3)),
        case(2, 28, 1, 32, 3, same(1)),
        case(2, 15, 64, 128, 1, stride(2, 0)),
        case(1, 1, 512, 40, 1, same(0)),
        case(1, 2, 5, 7, 5, same(2)),
        case(2, 9, 20, 33, 3, stride(2, 1)),
        case(1, 13, 4, 6, 2, stride(4, 0)),
        case(2, 11, 16, 16, 3, Conv { padding: 2, dilation: 2, ..Conv::default() }),
        case(2, 11, 8, 4, 3, Conv { padding: 1, groups: 4, ..Conv::default() }),
        case(2, 3, 16, 16, 3, same(0)),
        case(2, 20, 16, 64, 3, same(2)),
        // Several blocks of pixels, chunks of the weight and parts of its sum; rows that fall
        // together in the cache.
        case(3, 14, 512, 272, 1, same(0)),
        case(3, 14, 272, 130, 1, same(0)),
        case(2, 15, 40, 520, 1, stride(2, 0)),
        case(2, 8, 24, 40, 1, same(1)),
    ]
}

/// So wide and so many that Winograd's matrices go through memory in several chunks, each way.
#[test]
fn deep_layers_of_many_pictures_go_by_chunks() {
    let conv = Conv { padding: 1, ..Conv::default() };
    let case = Case { n: 38, h: 7, w: 6, c: 1024, o: 128, r: 3, s: 3, conv, bias: true };
    hold(&case);
    hold_normalized(&case);
}

#[test]
fn chosen_convolutions_are_their_definitions() {
    chosen_cases().iter().for_each(hold);
}

/// One test for all that changes the whole process, so that nothing runs beside it with other
/// instructions.
#[test]
fn every_instruction_set_is_right_and_no_bit_depends_on_the_number_of_threads() {
    let best = taper_tensor::simd();
    for simd in [Simd::Portable, Simd::Avx2, Simd::Avx512] {
        force_simd(simd);
        for case in chosen_cases() {
            hold(&case);
            let inputs = case.inputs();
            let on = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| run(&inputs, DType::F32, &|x, w, b| conv2d(x, w, b, case.conv)))
            };
            let one = on(1);
            assert!(one == on(2) && one == on(5), "{case:?} on {simd:?}");
            let normalized_on = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| run(&inputs, DType::F32, &|x, w, b| normalized(&case, x, w, b)))
            };
            let one = normalized_on(1);
            assert!(one == normalized_on(2) && one == normalized_on(5), "{case:?} normalized on {simd:?}");
        }
    }
    force_simd(best);
}

#[test]
fn accuracy_is_that_of_the_algorithm() {
    // Over the root mean square of the result: Winograd forward and dx 6e-5 at most, dw 2.4e-4;
    // direct 1e-5.
    let case = |r, c| Case {
        n: 4,
        h: 28,
        w: 28,
        c,
        o: 64,
        r,
        s: r,
        conv: Conv { padding: r / 2, ..Conv::default() },
        bias: false,
    };
    for (case, limits) in [(case(3, 64), [6e-5, 6e-5, 2.4e-4]), (case(5, 24), [1e-5, 1e-5, 1e-5])] {
        let inputs = case.inputs();
        let right = run(&inputs, DType::F64, &|x, w, b| composed::conv2d(x, w, b, case.conv));
        let got = run(&inputs, DType::F32, &|x, w, b| conv2d(x, w, b, case.conv));
        for (limit, (got, right)) in limits.iter().zip(got.iter().zip(&right)) {
            assert!(error(got, right) < *limit, "{:e} of {case:?}", error(got, right));
        }
    }
}

#[test]
fn a_rectifier_hides_no_nan_in_a_convolution_or_behind_it() -> Result<()> {
    let x = Tensor::new(&[[[[f64::NAN]], [[-1.0]], [[1.0]]]], &Device::Cpu)?;
    let inputs =
        [x, Tensor::ones((1, 1, 1, 1), DType::F64, &Device::Cpu)?, Tensor::zeros(1, DType::F64, &Device::Cpu)?];
    let apart = run(&inputs, DType::F32, &|x, w, b| relu(&conv2d(x, w, b, Conv::default())?));
    let together = run(&inputs, DType::F32, &|x, w, b| conv2d_relu(x, w, b, Conv::default()));
    assert!(together[0][0].is_nan() && together[0][1..] == [0.0, 1.0]);
    // The gradients of the bias: those of the NaN and of the 1, and not of the -1.
    assert_eq!(together[3], apart[3]);
    Ok(())
}

#[test]
fn a_gradient_that_is_written_over_is_nobody_elses() -> Result<()> {
    let mut rng = Rng::new(3);
    let mut r = |shape: &[usize]| {
        let values: Vec<f64> = (0..shape.iter().product()).map(|_| rng.normal()).collect();
        Tensor::from_vec(values, shape, &Device::Cpu)
    };
    let inputs = [r(&[2, 4, 5, 3])?, r(&[3, 3, 3, 3])?, r(&[3])?, r(&[3])?];
    // Each operation writes over the gradient that the one behind it has made; that of `a` has two
    // terms.
    check_gradients(&inputs, 1e-5, |t| {
        let (conv, norm) = (Conv { padding: 1, ..Conv::default() }, (&t[2], &t[3]));
        let a = conv2d_batch_norm_train(&t[0], &t[1], conv, norm, 1e-3, Epilogue::Relu)?.0;
        let b = conv2d_batch_norm_train(&a, &t[1], conv, norm, 1e-3, Epilogue::AddRelu(&a))?.0;
        let c = conv2d_batch_norm_train(&b, &t[1], conv, norm, 1e-3, Epilogue::None)?.0;
        conv2d_relu(&conv2d_relu(&c, &t[1], Some(&t[3]), conv)?, &t[1], Some(&t[3]), conv)
    })
    .map_err(candle_core::Error::wrap)
}

#[test]
fn a_convolution_of_no_channels_is_refused() -> Result<()> {
    let x = Tensor::zeros((2, 3, 3, 0), DType::F32, &Device::Cpu)?;
    for r in [1, 3] {
        let weight = Tensor::zeros((5, 0, r, r), DType::F32, &Device::Cpu)?;
        let error = conv2d(&x, &weight, None, Conv { padding: r / 2, ..Conv::default() }).unwrap_err().to_string();
        assert!(error.contains("channels must be at least 1"), "{error}");
    }
    Ok(())
}
