//! A signal up through the layers, and gradients down.

use candle_core::{DType, Device, Result, Tensor, Var};
use taper_nn::{Activation, Initialization, Params};
use taper_tensor::{Rng, linear};

/// Inputs that are sent through.
const INPUTS: usize = 256;

/// A network of equal layers `h = activation(W h)`, without biases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// How the weights begin. Default `HeFanIn`.
    pub init: Initialization,
    /// What follows each product. Default the rectifier.
    pub activation: Activation,
    /// How many layers. Default 10.
    pub layers: usize,
    /// Units of each, and of the input. Default 256.
    pub width: usize,
    /// Of weights, inputs and gradients. Default 0.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { init: Initialization::HeFanIn, activation: Activation::Relu, layers: 10, width: 256, seed: 0 }
    }
}

/// What arrived at a layer.
#[derive(Clone, Debug)]
pub struct Signal {
    /// Its outputs, for every input and unit.
    pub activations: Spread,
    /// The gradient of the loss by these outputs, where that by those of the last layer is standard
    /// normal.
    pub gradients: Spread,
}

/// Numbers, and how they are spread.
#[derive(Clone, Debug)]
pub struct Spread {
    /// The numbers.
    pub values: Vec<f64>,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation; not finite where they overflow.
    pub deviation: f64,
    /// The share that is exactly 0.
    pub zeros: f64,
}

impl Spread {
    pub(super) fn of(tensor: &Tensor) -> Result<Self> {
        let values = tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
        let zeros = values.iter().filter(|&&value| value == 0.0).count() as f64 / n;
        Ok(Self { mean, deviation: variance.sqrt(), zeros, values })
    }
}

/// Sends standard normal inputs through the network, and standard normal gradients back; a
/// [`Signal`] for each layer, from the input on.
///
/// # Errors
/// Only when a tensor operation fails.
pub fn follow(settings: &Settings) -> Result<Vec<Signal>> {
    let Settings { init, activation, layers, width, seed } = *settings;
    let rng = Rng::new(seed);
    let params = Params::new(rng.fork("init"), DType::F64, Device::Cpu);
    let normal = |name: &str| {
        let mut rng = rng.fork(name);
        Tensor::from_vec((0..INPUTS * width).map(|_| rng.normal()).collect::<Vec<f64>>(), (INPUTS, width), &Device::Cpu)
    };
    // The outputs that maxout makes one of.
    let pieces = if let Activation::Maxout(pieces) = activation { pieces } else { 1 };
    let (mut x, mut steps) = (normal("inputs")?, Vec::with_capacity(layers));
    for layer in 0..layers {
        let shape = [pieces * width, width];
        let weight = params.root().at(layer).trainable("weight", &shape[..], init.of(&shape, activation))?;
        let input = Var::from_tensor(&x)?;
        let y = activation.apply(&linear(&input, &weight.as_detached_tensor(), None)?)?;
        x = y.detach();
        steps.push((input, y));
    }
    let (mut gradient, mut signals) = (normal("gradients")?, Vec::with_capacity(layers));
    for (input, y) in steps.into_iter().rev() {
        signals.push(Signal { activations: Spread::of(&y)?, gradients: Spread::of(&gradient)? });
        let grads = (&y * &gradient)?.sum_all()?.backward()?;
        gradient = grads.get(&input).cloned().map_or_else(|| input.zeros_like(), Ok)?.detach();
    }
    signals.reverse();
    Ok(signals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn he_keeps_the_signal_and_zeros_lose_it() -> Result<()> {
        let settings = Settings { layers: 4, width: 64, ..Settings::default() };
        let signals = follow(&settings)?;
        assert_eq!((signals.len(), signals[0].activations.values.len()), (4, INPUTS * 64));
        let last = &signals[3];
        assert!((0.5..2.0).contains(&last.activations.deviation) && (0.4..0.6).contains(&last.activations.zeros));
        assert!((last.gradients.deviation - 1.0).abs() < 0.05 && (0.5..2.0).contains(&signals[0].gradients.deviation));
        let none = follow(&Settings { init: Initialization::Zeros, ..settings })?;
        assert!(none.iter().all(|signal| signal.activations.zeros == 1.0));
        assert_eq!((none[3].gradients.zeros, none[2].gradients.zeros), (0.0, 1.0));
        Ok(())
    }

    #[test]
    fn maxout_has_a_weight_for_each_piece_and_keeps_the_signal() -> Result<()> {
        let maxout = Settings { activation: Activation::Maxout(3), layers: 6, width: 64, ..Settings::default() };
        let last = &follow(&maxout)?[5].activations;
        let size = last.values.iter().map(|value| value * value).sum::<f64>() / last.values.len() as f64;
        assert!((0.4..2.5).contains(&size), "{size}");
        Ok(())
    }
}
