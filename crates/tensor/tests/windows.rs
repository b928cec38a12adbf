//! What moves a window over a map: convolution of rows, by axes of their own and transposed,
//! average pooling, adaptive max pooling, bilinear resizing. Held to PyTorch, to the composed twin
//! on random sizes, to finite differences, and to their errors at the ends of the integers.

#![allow(clippy::unwrap_used, clippy::panic)]

mod twins;

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result, Tensor, Var};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use serde_json::Value;
use taper_tensor::{
    AvgPool, Conv, ConvPerAxis, ConvTranspose, Rng, adaptive_max_pool2d, avg_pool2d, check_gradients, composed,
    conv_transpose2d, conv1d, conv2d, conv2d_per_axis, nchw, resize_bilinear,
};
use twins::{hold, random};

type Op = Box<dyn Fn(&[Tensor]) -> Result<Tensor> + Sync>;

/// An operation on the layout of PyTorch, by the kernel of the face for it, and by the twin.
fn both(case: &str, settings: &Value) -> [Op; 2] {
    let size = |name: &str| settings[name].as_u64().unwrap() as usize;
    let pair = |name: &str| {
        let of = |axis: usize| settings[name][axis].as_u64().unwrap() as usize;
        (of(0), of(1))
    };
    let nhwc = |f: Op| -> Op { Box::new(move |t| nchw::to_nchw(&f(&[&[nchw::to_nhwc(&t[0])?], &t[1..]].concat())?)) };
    match case.split_once('_').unwrap().0 {
        "conv1d" => {
            let conv = Conv {
                stride: size("stride"),
                padding: size("padding"),
                dilation: size("dilation"),
                groups: size("groups"),
                same: false,
            };
            let twin =
                move |t: &[Tensor]| composed::conv1d(&t[0].transpose(1, 2)?, &t[1], Some(&t[2]), conv)?.transpose(1, 2);
            [Box::new(move |t| nchw::conv1d(&t[0], &t[1], Some(&t[2]), conv)), Box::new(twin)]
        }
        "per" => {
            let (dilation, groups) = (size("dilation"), size("groups"));
            let conv = ConvPerAxis { stride: pair("stride"), padding: pair("padding"), dilation, groups };
            [
                Box::new(move |t| nchw::conv2d_per_axis(&t[0], &t[1], Some(&t[2]), conv)),
                nhwc(Box::new(move |t| composed::conv2d_per_axis(&t[0], &t[1], Some(&t[2]), conv))),
            ]
        }
        "transpose" => {
            let conv = ConvTranspose {
                stride: size("stride"),
                padding: size("padding"),
                output_padding: size("output_padding"),
                dilation: size("dilation"),
                groups: size("groups"),
            };
            [
                Box::new(move |t| nchw::conv_transpose2d(&t[0], &t[1], Some(&t[2]), conv)),
                nhwc(Box::new(move |t| composed::conv_transpose2d(&t[0], &t[1], Some(&t[2]), conv))),
            ]
        }
        "avg" => {
            let count_include_pad = settings["count_include_pad"].as_bool().unwrap();
            let (kernel, stride, padding) = (pair("kernel_size"), pair("stride"), pair("padding"));
            let pool = AvgPool { kernel, stride, padding, count_include_pad };
            [
                Box::new(move |t| nchw::avg_pool2d(&t[0], pool)),
                nhwc(Box::new(move |t| composed::avg_pool2d(&t[0], pool))),
            ]
        }
        "adaptive" => {
            let output = pair("output_size");
            [
                Box::new(move |t| nchw::adaptive_max_pool2d(&t[0], output)),
                nhwc(Box::new(move |t| composed::adaptive_max_pool2d(&t[0], output))),
            ]
        }
        "resize" => {
            let output = pair("size");
            [
                Box::new(move |t| nchw::resize_bilinear(&t[0], output)),
                nhwc(Box::new(move |t| composed::resize_bilinear(&t[0], output))),
            ]
        }
        other => panic!("no operation is called {other}"),
    }
}

#[test]
fn values_and_gradients_are_those_of_pytorch() -> Result<()> {
    let golden: BTreeMap<String, Value> = serde_json::from_str(include_str!("golden/windows.json")).unwrap();
    for (case, values) in &golden {
        let numbers = |list: &Value| list.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect::<Vec<_>>();
        let tensor = |part: &Value| {
            let shape: Vec<usize> = numbers(&part["shape"]).into_iter().map(|side| side as usize).collect();
            Tensor::from_vec(numbers(&part["values"]), shape, &Device::Cpu)
        };
        let tensors = |name: &str| values[name].as_array().unwrap().iter().map(tensor).collect::<Result<Vec<_>>>();
        for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 5e-6)] {
            for (run, by) in both(case, &values["settings"]).iter().zip(["kernel", "twin"]) {
                let what = format!("{case} by its {by} in {dtype:?}");
                let close = |got: &Tensor, wanted: &Tensor| -> Result<()> {
                    assert_eq!(got.dims(), wanted.dims(), "{what}");
                    let largest = |t: &Tensor| t.abs()?.max_all()?.to_scalar::<f64>();
                    let off = largest(&(got.to_dtype(DType::F64)? - wanted)?)?;
                    assert!(off <= tolerance * largest(wanted)?.max(1.0), "{what}: off by {off}");
                    Ok(())
                };
                let var = |t: &Tensor| Var::from_tensor(&t.to_dtype(dtype)?);
                let vars = tensors("inputs")?.iter().map(var).collect::<Result<Vec<_>>>()?;
                let y = run(&vars.iter().map(|v| v.as_tensor().clone()).collect::<Vec<_>>())?;
                close(&y, &tensor(&values["output"])?)?;
                let grads = (y * tensor(&values["grad_output"])?.to_dtype(dtype)?)?.sum_all()?.backward()?;
                for (var, wanted) in vars.iter().zip(tensors("gradients")?) {
                    close(grads.get(var).unwrap(), &wanted)?;
                }
            }
        }
    }
    assert_eq!(golden.len(), 13);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, rng_seed: RngSeed::Fixed(0), ..ProptestConfig::default() })]

    #[test]
    fn convolutions_by_axes_of_their_own(
        (n, groups, i, o) in (1usize..3, 1usize..4, 1usize..9, 1usize..9),
        (r, s, dilation, h, w) in (1usize..5, 1usize..5, 1usize..3, 0usize..9, 0usize..9),
        (stride, padding) in ((1usize..5, 1usize..5), (0usize..4, 0usize..4)),
        seed in any::<u64>(),
    ) {
        let mut rng = Rng::new(seed);
        let [h, w] = [dilation * (r - 1) + 1 + h, dilation * (s - 1) + 1 + w];
        let conv = ConvPerAxis { stride, padding, dilation, groups };
        let x = random(&[n, h, w, groups * i], &mut rng);
        let inputs = [x, random(&[groups * o, i, r, s], &mut rng), random(&[groups * o], &mut rng)];
        let twin = |t: &[Tensor]| composed::conv2d_per_axis(&t[0], &t[1], Some(&t[2]), conv);
        hold(&inputs, &format!("{conv:?}"), &|t| conv2d_per_axis(&t[0], &t[1], Some(&t[2]), conv), &twin);
        let conv = Conv { stride: stride.0, padding: padding.0, same: false, dilation, groups };
        let conv = if seed % 4 == 0 { Conv { padding: 0, same: true, ..conv } } else { conv };
        let x = random(&[n, w, groups * i], &mut rng);
        let inputs = [x, random(&[groups * o, i, s], &mut rng), random(&[groups * o], &mut rng)];
        let twin = |t: &[Tensor]| composed::conv1d(&t[0], &t[1], Some(&t[2]), conv);
        hold(&inputs, &format!("rows by {conv:?}"), &|t| conv1d(&t[0], &t[1], Some(&t[2]), conv), &twin);
    }

    #[test]
    fn transposed_convolutions(
        (n, groups, i, o) in (1usize..3, 1usize..4, 1usize..24, 1usize..24),
        (r, s, h, w) in (1usize..5, 1usize..5, 1usize..9, 1usize..9),
        (stride, dilation, padding, more) in (1usize..4, 1usize..4, 0usize..3, 0usize..3),
        seed in any::<u64>(),
    ) {
        let mut rng = Rng::new(seed);
        let output_padding = more.min(stride.max(dilation) - 1);
        let conv = ConvTranspose { stride, padding, output_padding, dilation, groups };
        let x = random(&[n, h, w, groups * i], &mut rng);
        let inputs = [x, random(&[groups * i, o, r, s], &mut rng), random(&[groups * o], &mut rng)];
        let run = |t: &[Tensor]| conv_transpose2d(&t[0], &t[1], Some(&t[2]), conv);
        let twin = |t: &[Tensor]| composed::conv_transpose2d(&t[0], &t[1], Some(&t[2]), conv);
        let side = |size: usize, kernel: usize| (size - 1) * stride + dilation * (kernel - 1) + 1 + output_padding;
        if side(h, r).min(side(w, s)) > 2 * padding {
            hold(&inputs, &format!("{conv:?}"), &run, &twin);
        } else {
            prop_assert!(run(&inputs).is_err() && twin(&inputs).is_err());
        }
    }

    #[test]
    fn pools_and_resized_maps(
        (n, h, w, c) in (1usize..3, 1usize..20, 1usize..20, 1usize..40),
        (kernel, stride, padding) in ((1usize..6, 1usize..6), (1usize..6, 1usize..6), (0usize..3, 0usize..3)),
        (output, count_include_pad) in ((1usize..30, 1usize..30), any::<bool>()),
        seed in any::<u64>(),
    ) {
        let padding = (padding.0.min(kernel.0 / 2), padding.1.min(kernel.1 / 2));
        let pool = AvgPool { kernel, stride, padding, count_include_pad };
        let x = [random(&[n, h.max(kernel.0), w.max(kernel.1), c], &mut Rng::new(seed))];
        hold(&x, &format!("{pool:?}"), &|t| avg_pool2d(&t[0], pool), &|t| composed::avg_pool2d(&t[0], pool));
        let x = [random(&[n, h, w, c], &mut Rng::new(seed))];
        let twin = |t: &[Tensor]| composed::adaptive_max_pool2d(&t[0], output);
        hold(&x, &format!("{h}x{w} to {output:?}"), &|t| adaptive_max_pool2d(&t[0], output), &twin);
        let twin = |t: &[Tensor]| composed::resize_bilinear(&t[0], output);
        hold(&x, &format!("{h}x{w} to {output:?}"), &|t| resize_bilinear(&t[0], output), &twin);
    }
}

/// Layers of the sizes of Winograd's algorithm and of the depthwise one.
#[test]
fn transposed_convolutions_by_every_algorithm() {
    let mut rng = Rng::new(2);
    for (i, o_group, side, groups, stride) in [(40, 32, 9, 1, 1), (24, 1, 9, 24, 1), (24, 1, 9, 24, 2), (6, 2, 5, 6, 2)]
    {
        let conv = ConvTranspose { stride, padding: 1, groups, ..ConvTranspose::default() };
        let x = random(&[2, side, side, i], &mut rng);
        let inputs = [x, random(&[i, o_group, 3, 3], &mut rng), random(&[groups * o_group], &mut rng)];
        let twin = |t: &[Tensor]| composed::conv_transpose2d(&t[0], &t[1], Some(&t[2]), conv);
        hold(&inputs, &format!("{conv:?}"), &|t| conv_transpose2d(&t[0], &t[1], Some(&t[2]), conv), &twin);
    }
}

#[test]
fn gradients_agree_with_finite_differences() -> std::result::Result<(), taper_tensor::GradientError> {
    let mut rng = Rng::new(1);
    let mut r = |shape: &[usize]| random(shape, &mut rng);
    let conv = Conv { stride: 2, padding: 1, dilation: 2, groups: 2, same: false };
    check_gradients(&[r(&[2, 9, 4]), r(&[6, 2, 3]), r(&[6])], 1e-6, |t| conv1d(&t[0], &t[1], Some(&t[2]), conv))?;
    let conv = ConvPerAxis { stride: (3, 2), padding: (1, 2), ..ConvPerAxis::default() };
    let inputs = [r(&[2, 7, 6, 3]), r(&[4, 3, 3, 2]), r(&[4])];
    check_gradients(&inputs, 1e-6, |t| conv2d_per_axis(&t[0], &t[1], Some(&t[2]), conv))?;
    let conv = ConvTranspose { stride: 2, padding: 1, output_padding: 1, dilation: 2, groups: 2 };
    let inputs = [r(&[2, 3, 4, 4]), r(&[4, 3, 3, 2]), r(&[6])];
    check_gradients(&inputs, 1e-6, |t| conv_transpose2d(&t[0], &t[1], Some(&t[2]), conv))?;
    for count_include_pad in [true, false] {
        let pool = AvgPool { kernel: (3, 2), stride: (2, 1), padding: (1, 1), count_include_pad };
        check_gradients(&[r(&[2, 6, 5, 3])], 1e-6, |t| avg_pool2d(&t[0], pool))?;
    }
    for output in [(3, 7), (8, 2)] {
        check_gradients(&[r(&[2, 5, 6, 2])], 1e-6, |t| adaptive_max_pool2d(&t[0], output))?;
        check_gradients(&[r(&[2, 5, 6, 2])], 1e-6, |t| resize_bilinear(&t[0], output))?;
    }
    // One behind the other, as a decoder has them.
    check_gradients(&[r(&[1, 4, 3, 2]), r(&[2, 3, 2, 2]), r(&[3, 3, 3, 1])], 1e-6, |t| {
        let up = conv_transpose2d(&t[0], &t[1], None, ConvTranspose { stride: 2, ..ConvTranspose::default() })?;
        let up = resize_bilinear(&avg_pool2d(&up, AvgPool::default())?, (6, 5))?;
        conv2d_per_axis(&up, &t[2], None, ConvPerAxis { stride: (2, 1), padding: (1, 0), ..ConvPerAxis::default() })
    })
}

/// A transposed convolution is the gradient of the convolution with its weight.
#[test]
fn a_transposed_convolution_is_the_gradient_of_a_convolution() -> Result<()> {
    let mut rng = Rng::new(3);
    let (x, weight) = (Var::from_tensor(&random(&[1, 8, 6, 2], &mut rng))?, random(&[3, 2, 3, 3], &mut rng));
    let y = conv2d(&x, &weight, None, Conv { stride: 2, padding: 1, ..Conv::default() })?;
    let dy = random(y.dims(), &mut rng);
    let grads = (y * &dy)?.sum_all()?.backward()?;
    let conv = ConvTranspose { stride: 2, padding: 1, output_padding: 1, ..ConvTranspose::default() };
    let off = (grads.get(&x).unwrap() - conv_transpose2d(&dy, &weight, None, conv)?)?.abs()?.max_all()?;
    assert!(off.to_scalar::<f64>()? < 1e-12);
    Ok(())
}

#[test]
fn gradients_of_nothing_are_zero() -> Result<()> {
    let var = |shape: &[usize]| Var::from_tensor(&Tensor::ones(shape, DType::F64, &Device::Cpu)?);
    let (x, weight) = (var(&[0, 4, 4, 2])?, var(&[2, 3, 3, 3])?);
    for y in [
        conv_transpose2d(&x, &weight, None, ConvTranspose::default())?,
        conv2d_per_axis(&x, &weight.transpose(0, 1)?.contiguous()?, None, ConvPerAxis::default())?,
    ] {
        assert_eq!((y.dims()[0], y.dims()[3]), (0, 3));
        let grads = y.sum_all()?.backward()?;
        assert_eq!(grads.get(&weight).unwrap().abs()?.max_all()?.to_scalar::<f64>()?, 0.0);
    }
    assert_eq!(avg_pool2d(&x, AvgPool::default())?.dims(), [0, 2, 2, 2]);
    assert_eq!(adaptive_max_pool2d(&x, (3, 1))?.dims(), [0, 3, 1, 2]);
    assert_eq!(resize_bilinear(&x, (3, 1))?.dims(), [0, 3, 1, 2]);
    Ok(())
}

#[test]
fn mistakes_are_refused_with_what_was_wanted() {
    let mut rng = Rng::new(5);
    let (x, w) = (random(&[1, 5, 5, 2], &mut rng), random(&[3, 4, 3, 3], &mut rng));
    let (rows, taps, bias) = (random(&[1, 5, 2], &mut rng), random(&[3, 2, 7], &mut rng), random(&[4], &mut rng));
    let per_axis = ConvPerAxis::default();
    let transpose = ConvTranspose::default();
    let square = random(&[2, 3, 3, 3], &mut rng);
    for (result, said) in [
        (conv1d(&x, &taps, None, Conv::default()), "conv1d: wanted x (N,L,C)"),
        (conv1d(&rows, &taps, None, Conv::default()), "conv1d: the window of 7 is longer than the rows of 5"),
        (conv1d(&rows, &taps, Some(&bias), Conv { padding: 1, ..Conv::default() }), "bias must have the shape [3]"),
        (conv1d(&rows, &taps, None, Conv { padding: 1, same: true, ..Conv::default() }), "follows from the sizes"),
        (conv2d_per_axis(&x, &w, None, per_axis), "wants 4 channels"),
        (conv2d_per_axis(&x, &w, None, ConvPerAxis { stride: (0, 1), ..per_axis }), "at least 1"),
        (conv_transpose2d(&x, &w, None, transpose), "wants 3 channels"),
        (conv_transpose2d(&x, &square, Some(&bias), transpose), "bias must have the shape [3]"),
        (conv_transpose2d(&x, &square, None, ConvTranspose { output_padding: 1, ..transpose }), "must be smaller"),
        (conv_transpose2d(&x, &square, None, ConvTranspose { padding: 4, ..transpose }), "leaves nothing of 7 pixels"),
        (avg_pool2d(&x, AvgPool { kernel: (6, 1), ..AvgPool::default() }), "larger than the map 5x5"),
        (avg_pool2d(&x, AvgPool { padding: (0, 2), ..AvgPool::default() }), "at most half the kernel"),
        (adaptive_max_pool2d(&x, (0, 1)), "adaptive_max_pool2d: no side may be 0"),
        (resize_bilinear(&x, (1, 0)), "resize_bilinear: no side may be 0"),
    ] {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(said), "{error}: does not say {said}");
    }
}

/// Sizes at which arithmetic goes wrong.
const EDGES: [usize; 8] = [0, 1, 2, 3, 1 << 31, 1 << 62, 1 << 63, usize::MAX];

fn edge() -> impl Strategy<Value = usize> {
    // Small ones more often: of four extreme sizes nothing is ever possible.
    prop_oneof![3 => 0..4usize, 1 => select(&EDGES[..])]
}

/// Neither panics; both refuse, or both give the same finite values and gradients.
fn agree(
    inputs: &[Tensor],
    what: &str,
    kernel: &dyn Fn(&[Tensor]) -> Result<Tensor>,
    twin: &dyn Fn(&[Tensor]) -> Result<Tensor>,
) {
    let run = |f: &dyn Fn(&[Tensor]) -> Result<Tensor>| -> Result<(Vec<usize>, Vec<f64>)> {
        let vars = inputs.iter().map(Var::from_tensor).collect::<Result<Vec<_>>>()?;
        let y = f(&vars.iter().map(|v| v.as_tensor().clone()).collect::<Vec<_>>())?;
        let grads = y.sqr()?.sum_all()?.backward()?;
        let mut all = y.flatten_all()?.to_vec1::<f64>()?;
        for var in &vars {
            all.extend(grads.get(var).unwrap().flatten_all()?.to_vec1::<f64>()?);
        }
        Ok((y.dims().to_vec(), all))
    };
    match (run(kernel), run(twin)) {
        (Ok(ours), Ok(twin)) => {
            assert_eq!(ours.0, twin.0, "{what}");
            let close = ours.1.iter().zip(&twin.1).all(|(a, b)| (a - b).abs() <= 1e-10 * b.abs().max(1.0));
            assert!(ours.1.len() == twin.1.len() && close, "{what}: {:?} and {:?}", ours.1, twin.1);
        }
        (Err(_), Err(_)) => {}
        (ours, twin) => panic!("{what}: {:?} and {:?}", ours.err(), twin.err()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn extreme_sizes_are_refused_or_right(
        [n, h, w, c] in [0..3usize, 0..6, 0..6, 0..4],
        [o, i, s] in [0..4usize, 0..4, 0..4],
        (a, b, d, e, g) in (edge(), edge(), edge(), edge(), edge()),
    ) {
        let what = format!("{:?}", ([n, h, w, c], [o, i, s], [a, b, d, e, g]));
        // Huge outputs that the machine may or may not have room for are not asked for.
        let huge = [a, b, d, e].contains(&(1 << 31));
        let mut rng = Rng::new(0);
        let mut r = |shape: &[usize]| random(shape, &mut rng);
        let channels = i.saturating_mul(g.min(4));
        let inputs = [r(&[n, h, w, channels]), r(&[o, i, r_of(s), s])];
        let conv = ConvPerAxis { stride: (a, b), padding: (d, e), dilation: 1, groups: g };
        let tall = ConvPerAxis { stride: (a, b), padding: (1, 1), dilation: d, groups: g };
        let transpose = ConvTranspose { stride: a, padding: b.min(2), output_padding: d, dilation: e, groups: g };
        let pool = AvgPool { kernel: (a, b), stride: (d, g), padding: (e, 0), count_include_pad: n == 1 };
        let rows = Conv { stride: a, padding: b, dilation: d, groups: g, same: b == 0 };
        if !huge {
            for conv in [conv, tall] {
                let twin = |t: &[Tensor]| composed::conv2d_per_axis(&t[0], &t[1], None, conv);
                agree(&inputs, &what, &|t| conv2d_per_axis(&t[0], &t[1], None, conv), &twin);
            }
            let line = [r(&[n, w, channels]), r(&[o, i, s])];
            let twin = |t: &[Tensor]| composed::conv1d(&t[0], &t[1], None, rows);
            agree(&line, &what, &|t| conv1d(&t[0], &t[1], None, rows), &twin);
            let spread = [r(&[n, h, w, o]), r(&[o, i, s, r_of(s)])];
            let twin = |t: &[Tensor]| composed::conv_transpose2d(&t[0], &t[1], None, transpose);
            agree(&spread, &what, &|t| conv_transpose2d(&t[0], &t[1], None, transpose), &twin);
            let x = [r(&[n, h, w, c])];
            agree(&x, &what, &|t| avg_pool2d(&t[0], pool), &|t| composed::avg_pool2d(&t[0], pool));
            let twin = |t: &[Tensor]| composed::adaptive_max_pool2d(&t[0], (a, b));
            agree(&x, &what, &|t| adaptive_max_pool2d(&t[0], (a, b)), &twin);
            let twin = |t: &[Tensor]| composed::resize_bilinear(&t[0], (a, b));
            agree(&x, &what, &|t| resize_bilinear(&t[0], (a, b)), &twin);
        }
    }
}

/// Another side of a kernel.
fn r_of(s: usize) -> usize {
    4 - s
}
