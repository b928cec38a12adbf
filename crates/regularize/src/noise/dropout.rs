//! Dropout.

use candle_core::{DType, Result, Tensor};
use taper_nn::{Layer, Mode};
use taper_tensor::dropout;

use crate::RegularizeError;
use crate::error::check;

/// Sets each feature to 0 with probability `p`, and makes up for it at once ("inverted" dropout):
///
/// ```text
/// training:  y = x * m / (1 - p),   m = 0 with probability p, else 1
/// testing:   y = x
/// ```
///
/// Each element has a mask *m* of its own, or with [`Dropout::channels`] each channel of a picture
/// has: neighbors in a feature map say nearly the same, and what one is silent about another
/// tells. [`Dropout::plain`] is the form of the paper, which makes up for it in testing:
///
/// ```text
/// training:  y = x * m
/// testing:   y = x * (1 - p)
/// ```
///
/// The mask is drawn from the stream of the step forked by `name`, so two layers of one network
/// need two names, or they drop the same places.
///
/// # Shapes
/// Any; the output has the shape of the input. By channels (N,..,C).
///
/// # Examples
/// ```
/// # use taper_regularize::Dropout;
/// assert!(Dropout::new(0.5, "classifier.0").is_ok());
/// assert!(Dropout::channels(0.2, "features.3").is_ok());
/// assert!(Dropout::new(1.0, "classifier.0").is_err());
/// ```
///
/// # Differs from PyTorch
/// `p` = 1, which gives only zeros, is refused. [`Dropout::channels`] is `Dropout2d`, for maps
/// whose last axis is that of channels.
///
/// # References
/// - N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov, *Dropout: A Simple
///   Way to Prevent Neural Networks from Overfitting*, 2014.
/// - J. Tompson, R. Goroshin, A. Jain, Y. LeCun, C. Bregler, *Efficient Object Localization Using
///   Convolutional Networks*, 2015: by channels.
#[derive(Clone, Debug)]
pub struct Dropout {
    p: f64,
    name: String,
    channels: bool,
    plain: bool,
}

impl Dropout {
    /// Dropout of a fraction `p` of the features, with the key `name`.
    ///
    /// # Errors
    /// When `p` is outside [0, 1).
    pub fn new(p: f64, name: impl Into<String>) -> std::result::Result<Self, RegularizeError> {
        check((0.0..1.0).contains(&p), "p", "in [0, 1)", p)?;
        Ok(Self { p, name: name.into(), channels: false, plain: false })
    }

    /// Dropout of whole channels.
    ///
    /// # Errors
    /// When `p` is outside [0, 1).
    pub fn channels(p: f64, name: impl Into<String>) -> std::result::Result<Self, RegularizeError> {
        Ok(Self { channels: true, ..Self::new(p, name)? })
    }

    /// Dropout that scales in testing and not in training.
    ///
    /// # Errors
    /// When `p` is outside [0, 1).
    pub fn plain(p: f64, name: impl Into<String>) -> std::result::Result<Self, RegularizeError> {
        Ok(Self { plain: true, ..Self::new(p, name)? })
    }

    /// The fraction of features that is dropped.
    pub fn p(&self) -> f64 {
        self.p
    }
}

impl Layer for Dropout {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let kept = 1.0 - self.p;
        match mode.noise() {
            _ if self.p == 0.0 => Ok(x.clone()),
            None if self.plain => x * kept,
            None => Ok(x.clone()),
            Some(rng) => {
                let rng = rng.fork(&self.name);
                let y = if self.channels { by_channel(x, self.p, &rng)? } else { dropout(x, self.p, &rng)? };
                if self.plain { y * kept } else { Ok(y) }
            }
        }
    }
}

/// One draw for each channel of each picture.
fn by_channel(x: &Tensor, p: f64, rng: &taper_tensor::Rng) -> Result<Tensor> {
    let mut shape = x.dims().to_vec();
    let middle = 1..shape.len().saturating_sub(1).max(1);
    shape[middle].fill(1);
    let factors = dropout(&Tensor::ones(shape, DType::F32, x.device())?, p, rng)?;
    x.broadcast_mul(&factors.to_dtype(x.dtype())?)
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
    fn by_channels_all_of_a_picture_is_kept_or_dropped() -> Result<()> {
        let (n, c) = (64, 32);
        let x = Tensor::ones((n, 5, 3, c), DType::F64, &Device::Cpu)?;
        let layer = Dropout::channels(0.4, "a").unwrap();
        let y = layer.forward(&x, Mode::Train(&Rng::new(1)))?.reshape((n, 15, c))?.to_vec3::<f64>()?;
        let mut kept = 0;
        for picture in &y {
            for (channel, &first) in picture[0].iter().enumerate() {
                assert!(first == 0.0 || (first - 1.0 / 0.6).abs() < 1e-6);
                assert!(picture.iter().all(|pixel| pixel[channel] == first));
                kept += usize::from(first != 0.0);
            }
        }
        let (rate, draws) = (kept as f64 / (n * c) as f64, (n * c) as f64);
        assert!((rate - 0.6).abs() < 5.0 * (0.24 / draws).sqrt(), "{rate}");
        // Pictures of one batch have masks of their own.
        assert!(y[1..].iter().any(|picture| picture[0] != y[0][0]));
        Ok(())
    }

    #[test]
    fn the_plain_form_scales_in_testing() -> Result<()> {
        let (x, rng) = (Tensor::arange(0f64, 1000.0, &Device::Cpu)?, Rng::new(5));
        let (plain, inverted) = (Dropout::plain(0.25, "a").unwrap(), Dropout::new(0.25, "a").unwrap());
        let run = |layer: &Dropout, mode| layer.forward(&x, mode)?.to_vec1::<f64>();
        let (a, b) = (run(&plain, Mode::Train(&rng))?, run(&inverted, Mode::Train(&rng))?);
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b * 0.75).abs() < 1e-9));
        assert!(run(&plain, Mode::Eval)?.iter().enumerate().all(|(i, y)| (y - 0.75 * i as f64).abs() < 1e-9));
        assert_eq!(run(&plain, Mode::Sample(&rng))?, a);
        Ok(())
    }

    #[test]
    fn sampling_draws_what_training_draws() -> Result<()> {
        let (x, rng) = (Tensor::ones(100, DType::F32, &Device::Cpu)?, Rng::new(5));
        let layer = Dropout::new(0.5, "a").unwrap();
        let (a, b) = (layer.forward(&x, Mode::Train(&rng))?, layer.forward(&x, Mode::Sample(&rng))?);
        assert_eq!(a.to_vec1::<f32>()?, b.to_vec1::<f32>()?);
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
