//! Dropout.

use candle_core::{Result, Tensor};
use taper_tensor::{Layer, Mode, dropout};

use crate::RegularizeError;
use crate::error::check;

/// Sets each feature to 0 with probability `p`, and makes up for it at once ("inverted" dropout):
///
/// ```text
/// training:  y = x * m / (1 - p),   m = 0 with probability p, else 1, for every element apart
/// testing:   y = x
/// ```
///
/// The mask is drawn from the stream of the step forked by `name`, so two layers of one network need
/// two names, or they drop the same places.
///
/// # Shapes
/// Any; the output has the shape of the input.
///
/// # Examples
/// ```
/// # use taper_regularize::Dropout;
/// assert!(Dropout::new(0.5, "classifier.0").is_ok());
/// assert!(Dropout::new(1.0, "classifier.0").is_err());
/// ```
///
/// # Differs from PyTorch
/// `p` = 1, which gives only zeros, is refused.
///
/// # References
/// N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov, *Dropout: A Simple Way to
/// Prevent Neural Networks from Overfitting*, 2014.
#[derive(Clone, Debug)]
pub struct Dropout {
    p: f64,
    name: String,
}

impl Dropout {
    /// Dropout of a fraction `p` of the features, with the key `name`.
    ///
    /// # Errors
    /// When `p` is outside [0, 1).
    pub fn new(p: f64, name: impl Into<String>) -> std::result::Result<Self, RegularizeError> {
        check((0.0..1.0).contains(&p), "p", "in [0, 1)", p)?;
        let name = name.into();
        Ok(Self { p, name })
    }

    /// The fraction of features that is dropped.
    pub fn p(&self) -> f64 {
        self.p
    }
}

impl Layer for Dropout {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let Mode::Train(rng) = mode else {
            return Ok(x.clone());
        };
        if self.p == 0.0 {
            return Ok(x.clone());
        }
        dropout(x, self.p, &rng.fork(&self.name))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};
    use taper_tensor::Rng;

    use super::*;

    fn run(p: f64, name: &str, x: &Tensor, rng: &Rng) -> Vec<f32> {
        let y = Dropout::new(p, name).unwrap().forward(x, Mode::Train(rng)).unwrap();
        assert_eq!(y.dims(), x.dims());
        y.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn the_mean_is_kept_and_the_rate_is_p() -> Result<()> {
        let x = Tensor::full(3f32, (8, 9, 9, 64), &Device::Cpu)?;
        let n = x.elem_count() as f64;
        for p in [0.1, 0.5, 0.8] {
            let y = run(p, "a", &x, &Rng::new(1));
            let mean = y.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
            let dropped = y.iter().filter(|&&v| v == 0.0).count() as f64 / n;
            // five standard deviations of the mean of n draws
            assert!((mean - 3.0).abs() < 15.0 * (p / (1.0 - p) / n).sqrt(), "p {p}: mean {mean}");
            assert!((dropped - p).abs() < 5.0 * (p * (1.0 - p) / n).sqrt(), "p {p}: rate {dropped}");
        }
        Ok(())
    }

    #[test]
    fn the_mask_depends_on_step_and_name_alone() -> Result<()> {
        let x = Tensor::ones((4, 32), DType::F32, &Device::Cpu)?;
        let mut step = Rng::new(2).at(3);
        let first = run(0.5, "a", &x, &step);
        step.uniform(0.0, 1.0); // the position in the stream is no part of the key
        assert_eq!(first, run(0.5, "a", &x, &step));
        assert_ne!(first, run(0.5, "b", &x, &step));
        assert_ne!(first, run(0.5, "a", &x, &Rng::new(2).at(4)));
        Ok(())
    }

    #[test]
    fn it_changes_nothing_in_eval_or_with_p_0() -> Result<()> {
        let x = Tensor::arange(0f32, 6.0, &Device::Cpu)?;
        let wanted = x.to_vec1::<f32>()?;
        assert_eq!(run(0.0, "a", &x, &Rng::new(0)), wanted);
        let y = Dropout::new(0.9, "a").unwrap().forward(&x, Mode::Eval)?;
        assert_eq!(y.to_vec1::<f32>()?, wanted);
        Ok(())
    }

    #[test]
    fn the_gradient_is_the_scaled_mask() -> Result<()> {
        let x = Var::ones((5, 7), DType::F32, &Device::Cpu)?;
        let y = Dropout::new(0.3, "a").unwrap().forward(&x, Mode::Train(&Rng::new(0)))?;
        let g = y.sum_all()?.backward()?.get(&x).unwrap().to_vec2::<f32>()?;
        assert_eq!(g, y.to_vec2::<f32>()?); // x is 1, so y is the mask with its scale
        Ok(())
    }

    #[test]
    fn a_rate_outside_its_range_is_refused() {
        for p in [-0.1, 1.0, f64::NAN] {
            assert!(matches!(Dropout::new(p, "a"), Err(RegularizeError::BadConfig { field: "p", .. })));
        }
    }
}
