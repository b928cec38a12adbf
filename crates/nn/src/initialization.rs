//! How large the first weights are.

use candle_nn::Init;

use crate::Activation;

/// The distribution of the first weights of a layer. Too small, and the signal dies out on its way
/// through the layers; too large, and it saturates them or grows without end; in between, each
/// layer hands on a signal of the size it got.
///
/// With `fan_in` the number of inputs that an output adds up and `fan_out` the number of outputs
/// that an input goes to, of a weight (O,I) or (O,I,R,S):
///
/// ```text
/// XavierUniform  uniform in ±gain · √(6 / (fan_in + fan_out))
/// XavierNormal   normal, standard deviation gain · √(2 / (fan_in + fan_out))
/// HeFanIn        normal, standard deviation gain / √fan_in: keeps the size of the signal
/// HeFanOut       normal, standard deviation gain / √fan_out: keeps the size of the gradient
/// ```
///
/// where the gain is that of the [`Activation`] that follows.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device};
/// use taper_nn::{Activation, Initialization, Params};
/// use taper_tensor::Rng;
/// let params = Params::new(Rng::new(0).fork("init"), DType::F32, Device::Cpu);
/// let shape = [64, 3, 3, 3];
/// let init = Initialization::HeFanIn.of(&shape, Activation::Relu);
/// params.root().at("conv1").trainable("weight", &shape[..], init)?;
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # Differs from PyTorch
/// `kaiming_normal_` and `xavier_*_` take a gain of their own choice; `sigmoid` has the gain 1
/// there too.
///
/// # References
/// - X. Glorot, Y. Bengio, *Understanding the difficulty of training deep feedforward neural
///   networks*, 2010.
/// - K. He, X. Zhang, S. Ren, J. Sun, *Delving Deep into Rectifiers*, 2015.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Initialization {
    /// All 0: every unit of a layer gets the same gradient, and nothing tells them apart.
    Zeros,
    /// Normal with this standard deviation, whatever the size of the layer.
    Normal(f64),
    /// Glorot and Bengio's, from a uniform distribution.
    XavierUniform,
    /// Glorot and Bengio's, from a normal distribution.
    XavierNormal,
    /// He et al.'s, for the signal.
    HeFanIn,
    /// He et al.'s, for the gradient.
    HeFanOut,
}

impl Initialization {
    /// The distribution for a weight of this shape, before this activation.
    pub fn of(self, shape: &[usize], activation: Activation) -> Init {
        // As floats, which do not overflow: a shape that cannot be is refused where it is drawn.
        let taps: f64 = shape.iter().skip(2).map(|&size| size as f64).product();
        let fan = |axis: usize| (shape.get(axis).map_or(1.0, |&size| size as f64) * taps).max(1.0);
        let (fan_out, fan_in, gain) = (fan(0), fan(1), activation.gain());
        let normal = |stdev: f64| Init::Randn { mean: 0.0, stdev };
        match self {
            Initialization::Zeros => Init::Const(0.0),
            Initialization::Normal(deviation) => normal(deviation),
            Initialization::XavierUniform => {
                let limit = gain * (6.0 / (fan_in + fan_out)).sqrt();
                Init::Uniform { lo: -limit, up: limit }
            }
            Initialization::XavierNormal => normal(gain * (2.0 / (fan_in + fan_out)).sqrt()),
            Initialization::HeFanIn => normal(gain / fan_in.sqrt()),
            Initialization::HeFanOut => normal(gain / fan_out.sqrt()),
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use taper_tensor::{Rng, linear};

    use super::*;
    use crate::Params;

    /// The standard deviation of drawn weights.
    fn drawn(init: Initialization, shape: &[usize], activation: Activation) -> (f64, usize) {
        let params = Params::new(Rng::new(1), DType::F64, Device::Cpu);
        let var = params.root().trainable("w", shape, init.of(shape, activation)).unwrap();
        let values = var.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        let n = values.len();
        let mean = values.iter().sum::<f64>() / n as f64;
        ((values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64).sqrt(), n)
    }

    #[test]
    fn the_spread_is_that_of_the_formula() {
        let (linear, conv) = ([300, 200], [40, 30, 3, 5]); // fans 200 and 300; 450 and 600
        for (init, shape, activation, wanted) in [
            (Initialization::Normal(0.01), &linear[..], Activation::Relu, 0.01),
            (Initialization::XavierNormal, &linear, Activation::Sigmoid, (2f64 / 500.0).sqrt()),
            (Initialization::XavierUniform, &linear, Activation::Tanh, 5.0 / 3.0 * (2f64 / 500.0).sqrt()),
            (Initialization::XavierNormal, &conv, Activation::Sigmoid, (2f64 / 1050.0).sqrt()),
            (Initialization::HeFanIn, &linear, Activation::Relu, (2f64 / 200.0).sqrt()),
            (Initialization::HeFanOut, &linear, Activation::Relu, (2f64 / 300.0).sqrt()),
            (Initialization::HeFanIn, &conv, Activation::LeakyRelu(0.5), (2f64 / 1.25 / 450.0).sqrt()),
            (Initialization::HeFanOut, &conv, Activation::Relu, (2f64 / 600.0).sqrt()),
        ] {
            let (got, n) = drawn(init, shape, activation);
            // The spread of a normal sample's spread is σ/√(2n).
            assert!((got / wanted - 1.0).abs() < 5.0 / (2.0 * n as f64).sqrt(), "{init:?} {shape:?}: {got} {wanted}");
        }
        assert_eq!(drawn(Initialization::Zeros, &linear, Activation::Relu).0, 0.0);
    }

    #[test]
    fn he_keeps_the_signal_where_a_small_normal_loses_it() -> candle_core::Result<()> {
        let after = |init: Initialization| -> candle_core::Result<f64> {
            let params = Params::new(Rng::new(1), DType::F64, Device::Cpu);
            let mut rng = Rng::new(2);
            let values: Vec<f64> = (0..64 * 256).map(|_| rng.normal()).collect();
            let mut x = candle_core::Tensor::from_vec(values, (64, 256), &Device::Cpu)?;
            for layer in 0..10 {
                let shape = [256, 256];
                let w = params.root().at(layer).trainable("w", &shape[..], init.of(&shape, Activation::Relu))?;
                x = Activation::Relu.apply(&linear(&x, &w, None)?)?;
            }
            x.sqr()?.mean_all()?.to_scalar::<f64>()
        };
        let (he, small) = (after(Initialization::HeFanIn)?, after(Initialization::Normal(0.01))?);
        assert!((0.3..3.0).contains(&he) && small < 1e-10, "{he} and {small}");
        Ok(())
    }
}
