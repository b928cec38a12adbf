//! Activations by name.

use candle_core::{Result, Tensor, bail};
use taper_tensor::{Pointwise, activate, check_input, composed, elementwise, maxout, relu};

/// What stands between two layers, so that two of them are more than one.
///
/// | name | `y` | [`gain`](Self::gain) |
/// |---|---|---|
/// | `Sigmoid` | 1 / (1 + e^-x) | 1 |
/// | `Tanh` | (e^x - e^-x) / (e^x + e^-x) | 5/3 |
/// | `Relu` | max(x, 0) | √2 |
/// | `LeakyRelu(a)` | x where x > 0, else a·x | √(2 / (1 + a²)) |
/// | `Elu(a)` | x where x > 0, else a·(e^x - 1) | 1.245 for a = 1 |
/// | `Gelu` | x · Φ(x), Φ the normal distribution function (the exact form) | 1.534 |
/// | `GeluTanh` | x · (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, which is nearly that | 1.534 |
/// | `Silu` | x / (1 + e^-x) | 1.677 |
/// | `Relu6` | min(max(x, 0), 6) | 1.414 |
/// | `HardSigmoid` | min(max(x + 3, 0), 6) / 6 | 1.898 |
/// | `HardSwish` | x · min(max(x + 3, 0), 6) / 6 | 1.737 |
/// | `Maxout(k)` | the greatest of k neighbors on the last axis, (..,C) to (..,C/k) | 1 for k = 2, 0.885 for 3 |
///
/// The sigmoid and the hyperbolic tangent saturate: far from 0 nothing comes back through them. The
/// gradient of the rectifier at 0 is 0, as that of the hard ones at their corners (1 at the upper
/// one of `HardSwish`); of equal neighbors the first takes the gradient of maxout.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor};
/// use taper_nn::Activation;
/// let x = Tensor::new(&[-2f64, 0.0, 3.0, 1.0], &Device::Cpu)?;
/// assert_eq!(Activation::LeakyRelu(0.1).apply(&x)?.to_vec1::<f64>()?, [-0.2, 0.0, 3.0, 1.0]);
/// assert_eq!(Activation::Maxout(2).apply(&x)?.to_vec1::<f64>()?, [0.0, 3.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # Differs from PyTorch
/// `calculate_gain` knows no gain for ELU, GELU, SiLU, the hard ones and maxout. Here it is
/// `1 / √E(y²)` for a standard normal x, which is where that of the rectifier comes from.
///
/// # References
/// - V. Nair, G. Hinton, *Rectified Linear Units Improve Restricted Boltzmann Machines*, 2010.
/// - A. Maas, A. Hannun, A. Ng, *Rectifier Nonlinearities Improve Neural Network Acoustic Models*,
///   2013: leaky ReLU.
/// - D.-A. Clevert, T. Unterthiner, S. Hochreiter, *Fast and Accurate Deep Network Learning by
///   Exponential Linear Units*, 2016.
/// - D. Hendrycks, K. Gimpel, *Gaussian Error Linear Units*, 2016: GELU and SiLU.
/// - A. Howard et al., *Searching for MobileNetV3*, 2019: the hard swish.
/// - I. Goodfellow, D. Warde-Farley, M. Mirza, A. Courville, Y. Bengio, *Maxout Networks*, 2013.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Activation {
    /// Between 0 and 1.
    Sigmoid,
    /// Between -1 and 1.
    Tanh,
    /// The rectifier.
    #[default]
    Relu,
    /// The rectifier with a slope below 0; PyTorch's is 0.01.
    LeakyRelu(f64),
    /// The exponential linear unit, which ends at -a; PyTorch's a is 1.
    Elu(f64),
    /// The Gaussian error linear unit.
    Gelu,
    /// The same by way of the hyperbolic tangent; PyTorch's `approximate="tanh"`.
    GeluTanh,
    /// The sigmoid linear unit, also called swish.
    Silu,
    /// The rectifier that ends at 6.
    Relu6,
    /// The sigmoid in three straight pieces.
    HardSigmoid,
    /// `Silu` by way of it.
    HardSwish,
    /// The greatest of so many pieces.
    Maxout(usize),
}

impl Activation {
    /// `y` for a tensor of any shape.
    ///
    /// # Errors
    /// When the slope of the leaky rectifier or the *a* of the ELU is not finite, the channels are
    /// no multiple of maxout's pieces, or the device fails.
    pub fn apply(self, x: &Tensor) -> Result<Tensor> {
        check_input("activation", x)?;
        match self {
            Activation::LeakyRelu(a) | Activation::Elu(a) if !a.is_finite() => {
                bail!("{self:?} wants a finite number; got {a}")
            }
            Activation::Relu => relu(x),
            Activation::Maxout(pieces) => maxout(x, pieces),
            _ if let Some(function) = self.pointwise() => activate(x, function),
            _ => elementwise(x, move |x| self.value(x), move |x| self.slope(x), |x| self.composed(x)),
        }
    }

    /// The same composed of candle's own operations: what [`apply`](Self::apply) does on other
    /// devices than a CPU and in types without a kernel, and the slow twin that tests hold it to.
    ///
    /// # Errors
    /// When the channels are no multiple of maxout's pieces, a copy of x is larger than memory, or
    /// the device fails.
    pub fn composed(self, x: &Tensor) -> Result<Tensor> {
        check_input("activation", x)?;
        if let Some(function) = self.pointwise() {
            return composed::activate(x, function);
        }
        let relu = composed::relu;
        // What is at or below 0, else 0: its exponential cannot overflow.
        let below = |x: &Tensor| x - relu(x)?;
        match self {
            Activation::Tanh => x.tanh(),
            Activation::LeakyRelu(a) => relu(x)? + (below(x)? * a)?,
            Activation::Elu(a) => relu(x)? + ((below(x)?.exp()? - 1.0)? * a)?,
            Activation::GeluTanh => {
                let inner = (x + (x.sqr()? * x)?.affine(GELU_CUBE, 0.0)?)?.affine(GELU_ROOT, 0.0)?;
                x.affine(0.5, 0.0)? * (inner.tanh()? + 1.0)?
            }
            Activation::Maxout(pieces) => composed::maxout(x, pieces),
            _ => relu(x),
        }
    }

    /// The same as a function that has a kernel, which batch norm can end with.
    pub(crate) fn pointwise(self) -> Option<Pointwise> {
        match self {
            Activation::Sigmoid => Some(Pointwise::Sigmoid),
            Activation::Silu => Some(Pointwise::Silu),
            Activation::Gelu => Some(Pointwise::Gelu),
            Activation::Relu6 => Some(Pointwise::Relu6),
            Activation::HardSigmoid => Some(Pointwise::HardSigmoid),
            Activation::HardSwish => Some(Pointwise::HardSwish),
            _ => None,
        }
    }

    /// y at x, for all but maxout.
    fn value(self, x: f64) -> f64 {
        match self {
            Activation::Sigmoid => sigmoid(x),
            Activation::Tanh => x.tanh(),
            Activation::LeakyRelu(a) if x <= 0.0 => a * x,
            Activation::Elu(a) if x <= 0.0 => a * x.exp_m1(),
            Activation::Gelu => x * normal(x),
            Activation::GeluTanh => 0.5 * x * (1.0 + gelu_tanh(x)),
            Activation::Silu => x * sigmoid(x),
            Activation::Relu => x.max(0.0),
            Activation::Relu6 => x.clamp(0.0, 6.0),
            Activation::HardSigmoid => hard_sigmoid(x),
            Activation::HardSwish => x * hard_sigmoid(x),
            Activation::LeakyRelu(_) | Activation::Elu(_) | Activation::Maxout(_) => x,
        }
    }

    /// dy/dx at x, for those without a kernel.
    fn slope(self, x: f64) -> f64 {
        match self {
            Activation::Tanh => 1.0 - x.tanh().powi(2),
            Activation::LeakyRelu(a) if x <= 0.0 => a,
            Activation::Elu(a) if x <= 0.0 => a * x.exp(),
            Activation::GeluTanh => {
                let (t, inner) = (gelu_tanh(x), GELU_ROOT * (1.0 + 3.0 * GELU_CUBE * x * x));
                // Where the tangent is 1 to rounding, its slope is 0 however large the rest is.
                let bent = (1.0 - t * t) * x * inner;
                0.5 * (1.0 + t + if t.abs() < 1.0 { bent } else { 0.0 })
            }
            _ => 1.0,
        }
    }

    /// By how much weights are to be larger than those of a linear network for the signal to keep
    /// its size: the factor in [`Initialization`](crate::Initialization).
    pub fn gain(self) -> f64 {
        match self {
            Activation::Sigmoid => 1.0,
            Activation::Tanh => 5.0 / 3.0,
            Activation::Relu => 2f64.sqrt(),
            Activation::LeakyRelu(a) => (2.0 / (1.0 + a * a)).sqrt(),
            _ => self.mean_square().sqrt().recip(),
        }
    }

    /// The mean of y² for standard normal inputs, by the trapezoidal rule, which for such a bell is
    /// exact to rounding.
    fn mean_square(self) -> f64 {
        let (reach, step) = (12.0, 1.0 / 64.0);
        let points = (-reach / step) as i32..=(reach / step) as i32;
        // Of a number of pieces too large to count the mean square is that of the largest.
        let others = |k: usize| i32::try_from(k.saturating_sub(1)).unwrap_or(i32::MAX);
        let at = |i: i32| {
            let x = f64::from(i) * step;
            let bell = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
            match self {
                // The density of the greatest of k.
                Activation::Maxout(k) => x * x * k as f64 * bell * normal(x).powi(others(k)),
                _ => self.value(x).powi(2) * bell,
            }
        };
        points.map(at).sum::<f64>() * step
    }
}

/// √(2/π), and the factor of the cube within the hyperbolic tangent.
const GELU_ROOT: f64 = std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;
const GELU_CUBE: f64 = 0.044715;

fn gelu_tanh(x: f64) -> f64 {
    (GELU_ROOT * (x + GELU_CUBE * x * x * x)).tanh()
}

fn hard_sigmoid(x: f64) -> f64 {
    (x + 3.0).clamp(0.0, 6.0) / 6.0
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Φ: the probability that a standard normal number is below x.
fn normal(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn gains_keep_the_size_of_the_signal() {
        let maxout3 = (1.0 + 3f64.sqrt() / (2.0 * std::f64::consts::PI)).sqrt().recip();
        for (activation, gain, tolerance) in [
            (Activation::Maxout(1), 1.0, 1e-12),
            (Activation::Maxout(2), 1.0, 1e-12),
            (Activation::Maxout(3), maxout3, 1e-12),
            (Activation::Elu(1.0), 1.2452, 1e-4),
            (Activation::Gelu, 1.5335, 1e-4),
            (Activation::GeluTanh, 1.5335, 1e-3),
            (Activation::Silu, 1.6765, 1e-4),
            (Activation::Relu6, 2f64.sqrt(), 1e-6),
            (Activation::HardSigmoid, 1.8978, 1e-4),
            (Activation::HardSwish, 1.7367, 1e-4),
        ] {
            assert!((activation.gain() - gain).abs() < tolerance, "{activation:?}: {}", activation.gain());
        }
        let rule = |activation: Activation| activation.mean_square().sqrt().recip();
        assert!((rule(Activation::Relu) - Activation::Relu.gain()).abs() < 1e-3);
    }

    #[test]
    fn a_slope_that_is_no_number_is_refused() {
        let x = Tensor::new(&[1f32, -1.0], &Device::Cpu).unwrap();
        for activation in [Activation::LeakyRelu(f64::NAN), Activation::Elu(f64::INFINITY)] {
            assert!(activation.apply(&x).unwrap_err().to_string().contains("finite"));
        }
    }
}
