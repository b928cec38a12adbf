//! Every network computes in bfloat16 as it does in float32, to 8 bits of significand.

use candle_core::{DType, Device, Result, Tensor};
use taper_nn::{Mode, Params};
use taper_tensor::{Precision, Rng, backward, cross_entropy};
use taper_transfer::{BackboneConfig, architecture};

use crate::pictures;

/// Of each family one, small.
const NETWORKS: [&str; 13] = [
    "squeezenet1_1",
    "alexnet",
    "resnet18",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "efficientnet_b0",
    "efficientnet_v2_s",
    "regnet_y_400mf",
    "mobilenetv4_conv_small",
    "densenet121",
    "convnext_atto",
    "vit_tiny_patch16_224",
    "small_cnn",
];

/// How far a tensor is from another, of the length of that.
fn off(got: &Tensor, right: &Tensor) -> Result<f64> {
    let length = |t: &Tensor| t.to_dtype(DType::F64)?.sqr()?.sum_all()?.to_scalar::<f64>();
    Ok((length(&(got - right)?)? / length(right)?.max(1e-30)).sqrt())
}

#[test]
fn networks_answer_and_learn_in_bfloat16() -> Result<()> {
    if Precision::Bf16.check().is_err() {
        return Ok(());
    }
    for name in NETWORKS {
        let params = Params::new(Rng::new(1).fork("init"), DType::F32, Device::Cpu);
        let network = architecture(name).unwrap();
        let net = network.classifier(&params, &BackboneConfig::default(), &network.head(), 3).unwrap();
        // Enough of them for the statistics of the last maps: of 4 with 64 pixels those are of 16
        // numbers, and 50 batch norms make 5 % of what rounding leaves (of 8 with 96 pixels 2 %).
        let (x, targets, noise) =
            (pictures(8, 96), Tensor::eye(8, DType::F32, &Device::Cpu)?.narrow(1, 0, 3)?, Rng::new(7));
        let targets = (targets + 0.1)?;
        let answer = || net.forward(&x, Mode::Eval);
        let (got, right) = (Precision::Bf16.run(answer)?, answer()?);
        assert_eq!(got.dtype(), DType::F32, "{name}");
        let far = off(&got, &right)?;
        assert!(far < 0.05, "{name} answers {far} off");
        let step = || {
            let loss = cross_entropy(&net.forward(&x, Mode::Train(&noise))?, &targets)?;
            Ok::<_, candle_core::Error>((loss.to_scalar::<f32>()?, backward(&loss)?))
        };
        let ((loss, grads), (right_loss, right_grads)) = (Precision::Bf16.run(step)?, step()?);
        assert!((loss - right_loss).abs() < 0.05 * right_loss, "{name}: loss {loss}, {right_loss}");
        for (parameter, var) in params.trainables() {
            assert_eq!(grads.get(&var).is_some(), right_grads.get(&var).is_some(), "{name}: {parameter}");
            let Some(got) = grads.get(&var) else { continue };
            assert_eq!(got.dtype(), DType::F32, "{name}: {parameter}");
            let finite = got.sum_all()?.to_scalar::<f32>()?.is_finite();
            assert!(finite, "{name}: {parameter}");
        }
    }
    Ok(())
}
