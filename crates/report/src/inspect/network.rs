//! A signal up through the stages of a real network, and gradients down.

use candle_core::{Device, Result, Tensor, Var};
use taper_nn::{Activation, Initialization, Mode, Params};
use taper_tensor::{Rng, backward_from};

use super::signal::{Signal, Spread};

/// Pictures that are sent through.
const INPUTS: usize = 4;

/// Gives every weight of more than one axis other first values: `init` before rectifiers, drawn by
/// the weight's name from the key of `rng`. Biases and norms stay as they are.
///
/// # Errors
/// When a tensor operation fails.
pub fn reset(params: &Params, init: Initialization, rng: &Rng) -> Result<()> {
    let drawn = Params::new(rng.clone(), params.dtype(), Device::Cpu);
    for (name, var) in params.trainables().into_iter().filter(|(_, var)| var.rank() > 1) {
        let first = init.of(var.dims(), Activation::Relu);
        var.set(&drawn.root().trainable(&name, var.shape(), first)?.as_detached_tensor())?;
    }
    Ok(())
}

/// Sends standard normal pictures of `side` pixels through the stages of a network in training, and
/// standard normal gradients back; a [`Signal`] for each stage. `stage` is the output of a stage
/// for that of the one before.
///
/// # Errors
/// When a picture is too small for the network, or a tensor operation fails.
pub fn follow_network(
    stages: usize,
    side: usize,
    rng: &Rng,
    stage: impl Fn(usize, &Tensor, Mode<'_>) -> Result<Tensor>,
) -> Result<Vec<Signal>> {
    let normal = |name: &str, shape: &[usize]| {
        let (mut rng, count) = (rng.fork(name), shape.iter().product::<usize>());
        Tensor::from_vec((0..count).map(|_| rng.normal() as f32).collect::<Vec<f32>>(), shape, &Device::Cpu)
    };
    let (mut x, mut steps) = (normal("inputs", &[INPUTS, side, side, 3])?, Vec::with_capacity(stages));
    let noise = rng.fork("noise");
    for index in 0..stages {
        let input = Var::from_tensor(&x)?;
        let y = stage(index, &input, Mode::Train(&noise))?;
        x = y.detach();
        steps.push((input, y));
    }
    let (mut gradient, mut signals) = (normal("gradients", x.dims())?, Vec::with_capacity(stages));
    for (input, y) in steps.into_iter().rev() {
        signals.push(Signal { activations: Spread::of(&y)?, gradients: Spread::of(&gradient)? });
        let grads = backward_from(&y, &gradient)?;
        gradient = grads.get(&input).cloned().map_or_else(|| input.zeros_like(), Ok)?.detach();
    }
    signals.reverse();
    Ok(signals)
}

#[cfg(test)]
mod tests {
    use taper_nn::{Conv2d, Conv2dConfig};

    use super::*;

    #[test]
    fn large_weights_grow_the_signal_from_stage_to_stage() {
        let rng = Rng::new(0);
        let grown = |init| {
            let params = Params::new(rng.fork("init"), candle_core::DType::F32, Device::Cpu);
            let config = Conv2dConfig { padding: 1, ..Conv2dConfig::default() };
            let convs: Vec<Conv2d> = (0..3)
                .map(|i| Conv2d::new(&params.root().at(i), if i == 0 { 3 } else { 8 }, 8, 3, config).unwrap())
                .collect();
            reset(&params, init, &rng).unwrap();
            let signals = follow_network(3, 8, &rng, |i, x, mode| convs[i].forward_relu(x, mode)).unwrap();
            signals[2].activations.deviation / signals[0].activations.deviation
        };
        assert!(grown(Initialization::Normal(1.0)) > 10.0 && grown(Initialization::Normal(0.01)) < 0.1);
        assert!((0.3..3.0).contains(&grown(Initialization::HeFanIn)));
    }
}
