//! Training adds noise; testing takes the mean over it.

use candle_core::{DType, Tensor};
use taper_nn::Mode;
use taper_tensor::{Rng, log_softmax};

use crate::RegularizeError;
use crate::error::check;

/// How a test takes the mean over the noise that a network was trained with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Marginalize {
    /// Each layer takes its own expectation: one pass, exact for a layer alone, an approximation
    /// for a network of them.
    #[default]
    Expectation,
    /// The mean of the probabilities over this many passes with the noise on, 1 or more.
    Samples(usize),
}

/// What a network says of pictures once the noise is averaged out.
#[derive(Clone, Debug)]
pub struct Marginal {
    /// Mean probability of each class, (N,C) in float64; rows sum to 1. Of other
    /// answers their mean.
    pub mean: Tensor,
    /// Standard deviation of that probability over the passes, (N,C): how far the network disagrees
    /// with itself. 0 for an expectation, which is one pass.
    pub deviation: Tensor,
}

/// The common pattern of dropout, DropConnect, stochastic depth, fractional pooling and random
/// crops: training draws noise *z*, testing wants
///
/// ```text
/// p(y | x) = E_z[ softmax f(x, z) ]
/// ```
///
/// `logits` runs a network, or any mixture of networks and random views of a picture, in the mode
/// that it is given: [`Mode::Eval`] once for the expectation, or [`Mode::Sample`] with a stream for
/// each pass, in which weights are untracked and running statistics untouched. The same `rng` gives
/// the same draws.
///
/// # Shapes
/// Logits (N,C) to (N,C) twice.
///
/// # Errors
/// When there are to be no samples, and what `logits` fails with.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor};
/// use taper_regularize::{Dropout, Marginalize, marginalize};
/// use taper_nn::Layer;
/// use taper_tensor::Rng;
/// let (dropout, x) = (Dropout::new(0.5, "head")?, Tensor::new(&[[2f32, 0.0]], &Device::Cpu)?);
/// let seen = marginalize(Marginalize::Samples(30), &Rng::new(0), |mode| dropout.forward(&x, mode))?;
/// assert!(seen.deviation.to_vec2::<f64>()?[0][0] > 0.1); // sometimes the feature is gone
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// Y. Gal, Z. Ghahramani, *Dropout as a Bayesian Approximation: Representing Model Uncertainty in
/// Deep Learning*, 2016.
pub fn marginalize(
    how: Marginalize,
    rng: &Rng,
    logits: impl Fn(Mode<'_>) -> candle_core::Result<Tensor>,
) -> Result<Marginal, RegularizeError> {
    marginalize_answers(how, rng, |mode| log_softmax(&logits(mode)?.to_dtype(DType::F64)?)?.exp())
}

/// [`marginalize`] of a network whose answers are not the softmax of its logits: several
/// probabilities, or numbers. `answers` gives them, (N,C) in float64.
///
/// # Errors
/// As [`marginalize`].
pub fn marginalize_answers(
    how: Marginalize,
    rng: &Rng,
    answers: impl Fn(Mode<'_>) -> candle_core::Result<Tensor>,
) -> Result<Marginal, RegularizeError> {
    let probabilities = |mode: Mode<'_>| Ok::<_, candle_core::Error>(answers(mode)?.detach());
    let passes = match how {
        Marginalize::Expectation => vec![probabilities(Mode::Eval)?],
        Marginalize::Samples(n) => {
            check(n > 0, "samples", "1 or more", n as f64)?;
            let run = |pass| probabilities(Mode::Sample(&rng.at(pass as u64)));
            (0..n).map(run).collect::<candle_core::Result<Vec<_>>>()?
        }
    };
    let passes = Tensor::stack(&passes, 0)?;
    let mean = passes.mean(0)?;
    let deviation = passes.broadcast_sub(&mean)?.sqr()?.mean(0)?.sqrt()?;
    Ok(Marginal { mean, deviation })
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use taper_nn::{Layer, Params};

    use super::*;
    use crate::{BatchNorm, BatchNormConfig, Dropout};

    #[test]
    fn samples_come_to_the_mean_that_can_be_worked_out() -> Result<(), RegularizeError> {
        // A feature of 2, doubled or gone: the mean of softmax(4) and softmax(0).
        let x = Tensor::new(&[[2f64, 0.0]], &Device::Cpu)?;
        let dropout = Dropout::new(0.5, "a")?;
        let n = 2000;
        let seen = marginalize(Marginalize::Samples(n), &Rng::new(1), |mode| dropout.forward(&x, mode))?;
        let high = 1.0 / (1.0 + (-4f64).exp());
        let (mean, spread) = ((high + 0.5) / 2.0, (high - 0.5) / 2.0);
        let (got, deviation) = (seen.mean.to_vec2::<f64>()?, seen.deviation.to_vec2::<f64>()?);
        assert!((got[0][0] - mean).abs() < 5.0 * spread / (n as f64).sqrt(), "{got:?}");
        assert!((deviation[0][0] - spread).abs() < 0.01 && (got[0][0] + got[0][1] - 1.0).abs() < 1e-12);
        let one = marginalize(Marginalize::Expectation, &Rng::new(1), |mode| dropout.forward(&x, mode))?;
        assert!((one.mean.to_vec2::<f64>()?[0][0] - 1.0 / (1.0 + (-2f64).exp())).abs() < 1e-12);
        assert_eq!(one.deviation.to_vec2::<f64>()?, [[0.0; 2]]);
        Ok(())
    }

    #[test]
    fn running_statistics_stay_and_draws_repeat() -> Result<(), RegularizeError> {
        let params = Params::new(Rng::new(0), DType::F64, Device::Cpu);
        let norm = BatchNorm::new(&params.root().at("norm"), 3, BatchNormConfig::default()).unwrap();
        let dropout = Dropout::new(0.5, "a")?;
        // A batch of one, which training refuses.
        let x = Tensor::new(&[[1f64, 2.0, 3.0]], &Device::Cpu)?;
        let run =
            |seed| marginalize(Marginalize::Samples(5), &Rng::new(seed), |m| norm.forward(&dropout.forward(&x, m)?, m));
        let before = params.buffers().iter().map(|(_, v)| v.to_vec1::<f64>()).collect::<Result<Vec<_>, _>>()?;
        let (a, b, c) = (run(1)?, run(1)?, run(2)?);
        assert_eq!(a.mean.to_vec2::<f64>()?, b.mean.to_vec2::<f64>()?);
        assert_ne!(a.mean.to_vec2::<f64>()?, c.mean.to_vec2::<f64>()?);
        let after = params.buffers().iter().map(|(_, v)| v.to_vec1::<f64>()).collect::<Result<Vec<_>, _>>()?;
        assert_eq!(before, after);
        Ok(())
    }

    #[test]
    fn no_sample_is_refused() {
        let none =
            marginalize(Marginalize::Samples(0), &Rng::new(0), |_| Tensor::ones((1, 2), DType::F64, &Device::Cpu));
        assert!(matches!(none, Err(RegularizeError::BadConfig { field: "samples", .. })));
    }
}
