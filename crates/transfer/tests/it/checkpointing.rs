//! Gradients from stages that are computed again are those of a graph that is kept.

use candle_core::{DType, Device, Result, Tensor};
use taper_nn::{Mode, Params};
use taper_tensor::{Rng, backward, cross_entropy};
use taper_transfer::{BackboneConfig, Classifier, architecture};

use crate::pictures;

/// A network of torchvision in float64 with its own head for three classes.
fn network(name: &str, stochastic_depth: f64) -> (Params, Classifier) {
    let params = Params::new(Rng::new(1).fork("init"), DType::F64, Device::Cpu);
    let network = architecture(name).unwrap();
    let config = BackboneConfig { stochastic_depth, ..BackboneConfig::default() };
    let net = network.classifier(&params, &config, &network.head(), 3).unwrap();
    (params, net)
}

/// The loss, and by name the gradients and what the buffers are after the step.
type Step = (f64, Vec<(String, Option<Tensor>)>, Vec<(String, Tensor)>);

fn step(name: &str, (frozen, depth, checkpointed): (usize, f64, bool)) -> Result<Step> {
    let (params, mut net) = network(name, depth);
    net.freeze(frozen).unwrap();
    let (x, noise) = (pictures(3, 32).to_dtype(DType::F64)?, Rng::new(7));
    let targets = Tensor::eye(3, DType::F64, &Device::Cpu)?;
    let mode = Mode::Train(&noise);
    let (loss, grads) = if checkpointed {
        let (logits, checkpoints) = net.forward_checkpointed(0, &x, mode)?;
        let loss = cross_entropy(&logits, &targets)?;
        let grads = net.backward_checkpointed(checkpoints, &loss, mode)?;
        (loss, grads)
    } else {
        let loss = cross_entropy(&net.forward(&x, mode)?, &targets)?;
        let grads = backward(&loss)?;
        (loss, grads)
    };
    let of = |(name, var): (String, candle_core::Var)| (name, grads.get(&var).cloned());
    let graded = params.trainables().into_iter().map(of).collect();
    let buffers = params.buffers().into_iter().map(|(name, var)| (name, var.as_detached_tensor())).collect();
    Ok((loss.to_scalar::<f64>()?, graded, buffers))
}

fn largest(t: &Tensor) -> f64 {
    t.abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap()
}

#[test]
fn gradients_and_running_statistics_are_those_of_a_graph_that_is_kept() -> Result<()> {
    for (name, frozen, depth) in [
        ("resnet18", 0, 0.0),
        ("resnet18", 2, 0.9), // Blocks are left out, and stages are frozen.
        ("mobilenet_v2", 0, 0.0),
        ("squeezenet1_1", 1, 0.0), // Its head draws noise.
    ] {
        let (loss, graded, buffers) = step(name, (frozen, depth, false))?;
        let (again, graded_again, buffers_again) = step(name, (frozen, depth, true))?;
        assert!((loss - again).abs() <= 1e-12 * loss, "{name}: {loss} and {again}");
        assert!(graded.iter().any(|(_, grad)| grad.is_some()));
        for ((parameter, grad), (_, other)) in graded.iter().zip(&graded_again) {
            match (grad, other) {
                (Some(grad), Some(other)) => {
                    let (error, scale) = (largest(&(grad - other)?), largest(grad));
                    assert!(error <= 1e-9 * scale.max(1e-3), "{name} {parameter}: {error} of {scale}");
                }
                (grad, other) => assert_eq!(grad.is_some(), other.is_some(), "{name} {parameter}"),
            }
        }
        for ((buffer, values), (_, others)) in buffers.iter().zip(&buffers_again) {
            assert!(largest(&(values - others)?) <= 1e-12 * largest(values).max(1.0), "{name} {buffer}");
        }
    }
    Ok(())
}
