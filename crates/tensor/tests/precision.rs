//! Maps of bfloat16 against the definition in float64 of operands that are rounded to it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use candle_core::{DType, Device, Result, Tensor, Var};
use common::error;
use taper_tensor::{
    Conv, ConvTranspose, Epilogue, Precision, Rng, backward, batch_norm_train, conv_transpose2d, conv2d,
    conv2d_batch_norm_train,
};

#[derive(Clone, Copy, Debug)]
struct Case {
    n: usize,
    side: usize,
    c: usize,
    o: usize,
    kernel: usize,
    conv: Conv,
}

fn case(n: usize, side: usize, (c, o): (usize, usize), kernel: usize, stride: usize, padding: usize) -> Case {
    Case { n, side, c, o, kernel, conv: Conv { stride, padding, ..Conv::default() } }
}

/// None of them Winograd's.
fn cases() -> Vec<Case> {
    let with = |conv: Conv, case: Case| Case { conv, ..case };
    vec![
        case(1, 1, (1, 1), 1, 1, 0),
        case(2, 5, (3, 5), 1, 1, 0),
        case(3, 7, (48, 40), 1, 1, 0),
        // Several products along k, and rows that fall together in the cache.
        case(2, 9, (1100, 24), 1, 1, 0),
        case(3, 14, (512, 272), 1, 1, 0),
        case(2, 7, (2048, 130), 1, 1, 0),
        case(2, 15, (64, 128), 1, 2, 0),
        case(2, 33, (3, 64), 7, 2, 3),
        case(2, 28, (1, 32), 3, 1, 1),
        case(2, 15, (128, 96), 3, 2, 1),
        case(2, 9, (20, 33), 3, 2, 1),
        case(1, 2, (5, 7), 5, 1, 2),
        case(1, 13, (4, 6), 2, 4, 0),
        with(Conv { padding: 2, dilation: 2, ..Conv::default() }, case(2, 11, (16, 16), 3, 1, 2)),
        with(Conv { padding: 1, groups: 4, ..Conv::default() }, case(2, 11, (8, 4), 3, 1, 1)),
        with(Conv { groups: 3, ..Conv::default() }, case(2, 6, (9, 33), 1, 1, 0)),
    ]
}

fn noise(shape: &[usize], stream: &str) -> Tensor {
    let mut rng = Rng::new(3).fork(stream);
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.normal() as f32).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn rounded(x: &Tensor) -> Tensor {
    x.to_dtype(DType::BF16).unwrap().to_dtype(DType::F64).unwrap()
}

/// The output, and the gradients of x and weight where that of the output is `g`.
fn run(x: &Tensor, weight: &Tensor, g: &Tensor, f: impl Fn(&Tensor, &Tensor) -> Result<Tensor>) -> [Vec<f64>; 3] {
    let (x, weight) = (Var::from_tensor(x).unwrap(), Var::from_tensor(weight).unwrap());
    let y = f(&x, &weight).unwrap();
    let grads = backward(&(y.to_dtype(g.dtype()).unwrap() * g).unwrap().sum_all().unwrap()).unwrap();
    [&y, grads.get(&x).unwrap(), grads.get(&weight).unwrap()]
        .map(|t| t.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap())
}

fn operands(case: &Case) -> [Tensor; 3] {
    let Case { n, side, c, o, kernel, conv } = *case;
    let out = (side + 2 * conv.padding - conv.dilation * (kernel - 1) - 1) / conv.stride + 1;
    [
        noise(&[n, side, side, c], "x"),
        noise(&[o, c / conv.groups, kernel, kernel], "weight"),
        noise(&[n, out, out, o], "gradient"),
    ]
}

/// Whether every number is the nearest bfloat16 of the right one, but for the error of float32
/// sums, which may have it round to the one beside it.
fn rounds(got: &[f64], right: &[f64], what: &str) {
    let rms = (right.iter().map(|r| r * r).sum::<f64>() / right.len() as f64).sqrt();
    let mut beside = 0;
    for (got, right) in got.iter().zip(right) {
        let off = ((got - right).abs() - 1e-5 * rms).max(0.0);
        assert!(off <= right.abs() / 127.0, "{what}: {got:e} in the place of {right:e}");
        beside += usize::from(off > right.abs() / 255.0);
    }
    assert!(beside <= 1 + got.len() / 50, "{what}: {beside} of {} are not the nearest", got.len());
}

/// Whether this machine has bfloat16; if not, that it says so.
fn there() -> bool {
    let check = Precision::Bf16.check();
    if let Err(reason) = &check {
        let ran: Result<()> = Precision::Bf16.run(|| Ok(()));
        assert!(reason.to_string().contains("AVX") && ran.is_err(), "{reason}");
    }
    check.is_ok()
}

#[test]
fn products_are_those_of_rounded_operands() {
    if !there() {
        return;
    }
    for case in cases() {
        let [x, weight, g] = operands(&case);
        let right = run(&rounded(&x), &rounded(&weight), &rounded(&g), |x, w| conv2d(x, w, None, case.conv));
        let got = run(&x, &weight, &g, |x, w| Precision::Bf16.run(|| conv2d(x, w, None, case.conv)));
        let [(y, right_y), (dx, right_dx), (dw, right_dw)] = [0, 1, 2].map(|i| (&got[i], &right[i]));
        rounds(y, right_y, &format!("y of {case:?}"));
        rounds(dx, right_dx, &format!("dx of {case:?}"));
        let error = error(dw, right_dw);
        assert!(error < 1e-5, "dw of {case:?}: {error:e}");
    }
}

#[test]
fn no_bit_depends_on_the_number_of_threads() {
    if !there() {
        return;
    }
    for case in cases() {
        let [x, weight, g] = operands(&case);
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(&x, &weight, &g, |x, w| Precision::Bf16.run(|| conv2d(x, w, None, case.conv))))
        };
        let one = on(1);
        assert!(one == on(2) && one == on(5), "{case:?}");
    }
}

/// A convolution sums up what it writes for the batch norm behind it, and finishes the gradient of
/// the one before it: in bfloat16 as in float32.
#[test]
fn batch_norms_before_and_behind_are_those_of_steps_of_their_own() {
    if !there() {
        return;
    }
    let [x, first, second] = [noise(&[2, 9, 9, 24], "x"), noise(&[48, 24, 1, 1], "1"), noise(&[64, 48, 5, 5], "2")];
    let g = noise(&[2, 9, 9, 64], "gradient");
    let (once, last) = (Conv::default(), Conv { padding: 2, ..Conv::default() });
    let [hidden, out] = [48, 64].map(|c| Tensor::ones(c, DType::F32, &Device::Cpu).unwrap());
    let together = |x: &Tensor, w: &Tensor| {
        let (y, _) = conv2d_batch_norm_train(x, w, once, (&hidden, &hidden), 1e-5, Epilogue::Relu)?;
        Ok(conv2d_batch_norm_train(&y, &second, last, (&out, &out), 1e-5, Epilogue::Relu)?.0)
    };
    // With a factor between them, so that nobody asks anything of a convolution.
    let apart = |x: &Tensor, w: &Tensor| {
        let (y, _) = batch_norm_train(&(conv2d(x, w, None, once)? * 1.0)?, &hidden, &hidden, 1e-5, Epilogue::Relu)?;
        let y = (conv2d(&(y * 1.0)?, &second, None, last)? * 1.0)?;
        Ok(batch_norm_train(&y, &out, &out, 1e-5, Epilogue::Relu)?.0)
    };
    let in_bf16 =
        |f: &dyn Fn(&Tensor, &Tensor) -> Result<Tensor>| run(&x, &first, &g, |x, w| Precision::Bf16.run(|| f(x, w)));
    let (got, steps, exact) = (in_bf16(&together), in_bf16(&apart), run(&x, &first, &g, together));
    for (i, what) in ["y", "dx", "dw"].into_iter().enumerate() {
        // Each map is rounded to 8 bits, and where the rectifier's input is near 0 that decides:
        // what is done on the way is as near to float32 as the same steps one by one.
        let [got, steps] = [&got[i], &steps[i]].map(|values| {
            let off: f64 = values.iter().zip(&exact[i]).map(|(got, right)| (got - right).powi(2)).sum();
            (off / exact[i].iter().map(|right| right.powi(2)).sum::<f64>()).sqrt()
        });
        assert!(got < 0.06 && got < 1.2 * steps, "{what}: {got:e} off, step by step {steps:e}");
    }
}

#[test]
fn it_holds_inside_of_run_alone_and_for_float32_alone() {
    let case = case(2, 5, (30, 20), 1, 1, 0);
    let [x, weight, g] = operands(&case);
    let plain = |x: &Tensor, w: &Tensor| conv2d(x, w, None, case.conv);
    let before = run(&x, &weight, &g, plain);
    if there() {
        let inside = run(&x, &weight, &g, |x, w| Precision::Bf16.run(|| plain(x, w)));
        assert!(inside.iter().zip(&before).all(|(inside, before)| inside != before));
        let failed: Result<()> = Precision::Bf16.run(|| candle_core::bail!("an error inside"));
        assert!(failed.is_err());
        let wide = [&x, &weight, &g].map(|t| t.to_dtype(DType::F64).unwrap());
        let in_f64 = |x: &Tensor, w: &Tensor| Precision::Bf16.run(|| plain(x, w));
        assert_eq!(run(&wide[0], &wide[1], &wide[2], in_f64), run(&wide[0], &wide[1], &wide[2], plain));
    }
    assert_eq!(Precision::current(), Precision::F32);
    assert_eq!(run(&x, &weight, &g, plain), before);
    assert_eq!(run(&x, &weight, &g, |x, w| Precision::F32.run(|| plain(x, w))), before);
}

/// In integers it has no kernel; in bfloat16 its operands are rounded as a convolution's.
#[test]
fn transposed_convolutions_round_their_operands_or_nothing() -> Result<()> {
    let mut rng = Rng::new(8);
    let mut random = |shape: &[usize]| {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.normal() as f32).collect();
        Tensor::from_vec(values, shape, &Device::Cpu)
    };
    let (x, weight) = (random(&[2, 6, 5, 40])?, random(&[40, 24, 3, 3])?);
    let of = || {
        let y = conv_transpose2d(&x, &weight, None, ConvTranspose { stride: 2, ..ConvTranspose::default() })?;
        y.flatten_all()?.to_vec1::<f32>()
    };
    let plain = of()?;
    assert_eq!(Precision::Int8.run(of)?, plain);
    if Precision::Bf16.check().is_ok() {
        let wide: Vec<f64> = plain.iter().map(|&y| y.into()).collect();
        let rounded: Vec<f64> = Precision::Bf16.run(of)?.into_iter().map(f64::from).collect();
        let off = error(&rounded, &wide);
        assert!(off > 1e-5 && off < 0.05, "off by {off}");
    }
    Ok(())
}
