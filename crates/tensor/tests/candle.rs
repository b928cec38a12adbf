//! What candle 0.11 gets wrong, beside what is right: the table in the README. A test
//! that fails because candle has become right says that its row can go.

#![allow(clippy::unwrap_used, clippy::panic)]

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::ops as theirs;
use candle_nn::rotary_emb::{rope, rope_i, rope_i_slow, rope_slow};
use taper_tensor::{
    AvgPool, Conv, ConvTranspose, Pool, Rng, cross_entropy, layer_norm, maxout, nchw, relu, rms_norm, softmax,
};

fn random(shape: &[usize], seed: u64) -> Var {
    let mut rng = Rng::new(seed);
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.normal() as f32).collect();
    Var::from_tensor(&Tensor::from_vec(values, shape, &Device::Cpu).unwrap()).unwrap()
}

/// The gradients of `Σ r·y` by variables, of those that have one.
fn gradients<const N: usize>(y: Tensor, by: [&Var; N]) -> Result<[Option<Tensor>; N]> {
    let weights = random(y.dims(), 9).as_detached_tensor();
    let grads = (y * weights)?.sum_all()?.backward()?;
    Ok(by.map(|x| grads.get(x).cloned()))
}

/// The largest difference.
fn off(a: &Tensor, b: &Tensor) -> f32 {
    (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap()
}

/// How much each gradient of theirs differs from ours.
fn gradients_off<const N: usize>(theirs: Tensor, ours: Tensor, by: [&Var; N]) -> Result<Vec<f32>> {
    let pairs = gradients(theirs, by)?.into_iter().zip(gradients(ours, by)?);
    Ok(pairs.map(|(theirs, ours)| off(&theirs.unwrap(), &ours.unwrap())).collect())
}

fn list(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn fused_operations_cut_the_graph_without_a_word() -> Result<()> {
    let (x, weight, bias) = (random(&[2, 5], 1), random(&[5], 2), random(&[5], 3));
    let has = |y: Tensor| -> Result<bool> { Ok(gradients(y, [&x])?[0].is_some()) };
    for (name, theirs, ours) in [
        ("softmax_last_dim", theirs::softmax_last_dim(&x)?, softmax(&x)?),
        ("layer_norm", theirs::layer_norm(&x, &weight, &bias, 1e-5)?, layer_norm(&x, &weight, &bias, 1e-5)?),
        ("rms_norm", theirs::rms_norm(&x, &weight, 1e-5)?, rms_norm(&x, &weight, 1e-5)?),
    ] {
        assert!(off(&theirs, &ours) < 1e-5, "{name}");
        assert!(!has(theirs)? && has(ours)?, "{name}: candle's has a gradient now");
    }
    let (q, angles) = (random(&[1, 1, 3, 4], 1), random(&[3, 2], 2));
    let has = |y: Tensor| -> Result<bool> { Ok(gradients(y, [&q])?[0].is_some()) };
    for (fused, slow) in [
        (rope(&q, &angles, &angles)?, rope_slow(&q, &angles, &angles)?),
        (rope_i(&q, &angles, &angles)?, rope_i_slow(&q, &angles, &angles)?),
    ] {
        assert!(off(&fused, &slow) < 1e-5);
        assert!(!has(fused)? && has(slow)?, "rope has a gradient now");
    }
    Ok(())
}

#[test]
fn conv1d_has_wrong_gradients_for_several_pictures_and_outputs() -> Result<()> {
    for (stride, padding) in [(1, 0), (2, 0), (1, 1), (2, 1)] {
        let conv = Conv { stride, padding, ..Conv::default() };
        let of = |n: usize, o: usize| -> Result<Vec<f32>> {
            let (x, weight) = (random(&[n, 2, 9], 1), random(&[o, 2, 3], 2));
            let theirs = x.conv1d(&weight, padding, stride, 1, 1)?;
            let ours = nchw::conv1d(&x, &weight, None, conv)?;
            assert!(off(&theirs, &ours) < 1e-5);
            gradients_off(theirs, ours, [&x, &weight])
        };
        for (n, o) in [(1, 3), (2, 1)] {
            assert!(of(n, o)?.iter().all(|&off| off < 1e-5), "{n} pictures, {o} outputs, {conv:?}");
        }
        let wrong = of(2, 3)?;
        assert!(wrong[1] > 0.1, "the gradient of the weight is right, {conv:?}");
        // That of the input goes another way where there is no padding.
        assert_eq!(wrong[0] > 0.1, padding == 0, "the gradient of the input: off by {}, {conv:?}", wrong[0]);
    }
    Ok(())
}

#[test]
fn conv1d_reads_a_weight_that_is_not_contiguous_as_if_it_were() -> Result<()> {
    let (x, weight) = (random(&[2, 2, 7], 1), random(&[2, 3, 3], 2).transpose(0, 1)?);
    let right = nchw::conv1d(&x, &weight.contiguous()?, None, Conv::default())?;
    assert!(off(&right, &nchw::conv1d(&x, &weight, None, Conv::default())?) < 1e-5);
    assert!(off(&right, &x.conv1d(&weight.contiguous()?, 0, 1, 1, 1)?) < 1e-5);
    assert!(off(&right, &x.conv1d(&weight, 0, 1, 1, 1)?) > 0.1, "candle's is right");
    Ok(())
}

#[test]
fn conv_transpose1d_is_wrong_for_several_pictures_and_has_no_gradient() -> Result<()> {
    let of = |n: usize| -> Result<(Var, Tensor, Tensor)> {
        let (x, weight) = (random(&[n, 2, 4], 1), random(&[2, 3, 3], 2));
        let theirs = x.conv_transpose1d(&weight, 0, 0, 1, 1, 1)?;
        let ours = nchw::conv_transpose2d(&x.unsqueeze(2)?, &weight.unsqueeze(2)?, None, ConvTranspose::default())?;
        Ok((x, theirs, ours.squeeze(2)?))
    };
    let (x, theirs, ours) = of(1)?;
    assert!(off(&theirs, &ours) < 1e-5);
    assert!(gradients(theirs, [&x]).unwrap_err().to_string().contains("not supported"));
    assert!(gradients(ours, [&x])?[0].is_some());
    let (_, theirs, ours) = of(2)?;
    assert!(off(&theirs, &ours) > 0.1, "candle's is right");
    // Each picture by itself is.
    let alone = nchw::conv_transpose2d(
        &of(2)?.0.narrow(0, 1, 1)?.unsqueeze(2)?,
        &random(&[2, 3, 3], 2).unsqueeze(2)?,
        None,
        ConvTranspose::default(),
    )?;
    assert!(off(&ours.narrow(0, 1, 1)?, &alone.squeeze(2)?) < 1e-5);
    Ok(())
}

#[test]
fn conv2d_has_no_gradient_where_its_windows_leave_out_unlike_numbers_of_rows_and_columns() -> Result<()> {
    let (x, weight) = (random(&[2, 2, 7, 8], 1), random(&[3, 2, 3, 3], 2));
    let (theirs, conv) = (x.conv2d(&weight, 0, 2, 1, 1)?, Conv { stride: 2, ..Conv::default() });
    let ours = nchw::conv2d(&x, &weight, None, conv)?;
    assert!(off(&theirs, &ours) < 1e-4);
    assert!(gradients(theirs, [&x]).unwrap_err().to_string().contains("shape mismatch"));
    assert!(gradients(ours, [&x, &weight])?.iter().all(Option::is_some));
    Ok(())
}

#[test]
fn avg_pool2d_has_a_wrong_gradient_where_pixels_are_left_over() -> Result<()> {
    for (side, kernel, right) in [(6, 2, true), (5, 2, false), (7, 3, false)] {
        let x = random(&[1, 2, side, side], 1);
        let pool = AvgPool { kernel: (kernel, kernel), stride: (kernel, kernel), ..AvgPool::default() };
        let (theirs, ours) = (x.avg_pool2d(kernel)?, nchw::avg_pool2d(&x, pool)?);
        assert!(off(&theirs, &ours) < 1e-5);
        let wrong = gradients_off(theirs, ours, [&x])?[0];
        assert_eq!(wrong < 1e-5, right, "{kernel}x{kernel} on {side}x{side}: off by {wrong}");
    }
    let x = random(&[1, 2, 7, 7], 1);
    let overlapping = gradients(x.avg_pool2d_with_stride(3, 2)?, [&x]).unwrap_err();
    assert!(overlapping.to_string().contains("not supported"), "{overlapping}");
    let pool = AvgPool { kernel: (3, 3), stride: (2, 2), ..AvgPool::default() };
    assert!(gradients(nchw::avg_pool2d(&x, pool)?, [&x])?[0].is_some());
    Ok(())
}

#[test]
fn max_pool2d_has_a_quarter_of_the_gradient() -> Result<()> {
    let x = Var::from_tensor(&Tensor::arange(0f32, 16.0, &Device::Cpu)?.reshape((1, 1, 4, 4))?)?;
    let of_maximum = |y: Tensor| -> Result<f32> {
        let grads = y.sum_all()?.backward()?;
        grads.get(&x).unwrap().max_all()?.to_scalar()
    };
    assert_eq!(of_maximum(x.max_pool2d(2)?)?, 0.25);
    assert_eq!(of_maximum(nchw::max_pool2d(&x, Pool::default())?)?, 1.0);
    Ok(())
}

#[test]
fn upsample_bilinear2d_has_no_gradient() -> Result<()> {
    let x = random(&[1, 2, 3, 4], 1);
    let (theirs, ours) = (x.upsample_bilinear2d(7, 5, false)?, nchw::resize_bilinear(&x, (7, 5))?);
    assert!(off(&theirs, &ours) < 1e-5);
    assert!(gradients(theirs, [&x]).unwrap_err().to_string().contains("not supported"));
    assert!(gradients(ours, [&x])?[0].is_some());
    Ok(())
}

#[test]
fn upsample_nearest2d_writes_over_the_gradient_of_others() -> Result<()> {
    let x = random(&[1, 1, 2, 2], 1);
    let gradient = |y: Tensor| -> Result<Vec<f32>> { Ok(list(y.backward()?.get(&x).unwrap())) };
    let nearest = x.upsample_nearest2d(4, 4)?.sum_all()?;
    // Each pixel is read four times, and once.
    assert_eq!(gradient((x.sum_all()? + &nearest)?)?, [5.0; 4]);
    assert_eq!(gradient((&nearest + x.sum_all()?)?)?, [4.0; 4], "candle adds them up");
    let twice = nchw::resize_bilinear(&x, (4, 4))?.sum_all()?;
    assert_eq!(gradient((twice + x.sum_all()?)?)?, [5.0; 4]);
    Ok(())
}

#[test]
fn relu_has_the_gradient_one_at_zero() -> Result<()> {
    let x = Var::new(&[-1f32, 0.0, 1.0], &Device::Cpu)?;
    let gradient = |y: Tensor| -> Result<Vec<f32>> { Ok(list(y.sum_all()?.backward()?.get(&x).unwrap())) };
    assert_eq!(gradient(x.relu()?)?, [0.0, 1.0, 1.0]);
    assert_eq!(gradient(relu(&x)?)?, [0.0, 0.0, 1.0]);
    Ok(())
}

#[test]
fn the_maximum_of_an_axis_gives_the_whole_gradient_to_each_of_equals() -> Result<()> {
    let x = Var::new(&[1f32, 1.0], &Device::Cpu)?;
    let gradient = |y: Tensor| -> Result<Vec<f32>> { Ok(list(y.sum_all()?.backward()?.get(&x).unwrap())) };
    assert_eq!(gradient(x.max(0)?)?, [1.0, 1.0]);
    assert_eq!(gradient(maxout(&x, 2)?)?, [1.0, 0.0]);
    Ok(())
}

#[test]
fn binary_cross_entropy_of_large_logits_is_infinite() -> Result<()> {
    let z = Var::new(&[[-200f32], [200.0]], &Device::Cpu)?;
    let target = Tensor::new(&[[1f32], [0.0]], &Device::Cpu)?;
    let theirs = candle_nn::loss::binary_cross_entropy_with_logit(&z, &target)?;
    assert!(theirs.to_scalar::<f32>()?.is_infinite(), "candle's is finite");
    assert!(list(theirs.backward()?.get(&z).unwrap()).iter().all(|g| g.is_nan()));
    // Of two classes, the logit of the other being 0.
    let zeros = Tensor::zeros((2, 1), DType::F32, &Device::Cpu)?;
    let ours = cross_entropy(&Tensor::cat(&[&zeros, &z], 1)?, &Tensor::cat(&[&(1.0 - &target)?, &target], 1)?)?;
    assert_eq!(ours.to_scalar::<f32>()?, 200.0);
    assert_eq!(list(ours.backward()?.get(&z).unwrap()), [-0.5, 0.5]);
    Ok(())
}
