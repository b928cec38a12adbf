//! Mixing the pictures of a batch.

use candle_core::Tensor;
use taper_tensor::{Batch, Rng};

use crate::RegularizeError;
use crate::error::check;

/// Trains on mixtures of two pictures and of what they show, so that a network cannot be sure of
/// what it has learned by heart. One of both ways is drawn for each batch:
///
/// ```text
/// mixup:   picture = λ · a + (1 - λ) · b
/// CutMix:  picture = a, with a rectangle of 1 - λ of the area taken from b
/// both:    target  = λ · target of a + (1 - λ) · target of b
/// ```
///
/// λ is drawn from the beta distribution with both parameters α (at 1 every λ is as likely; near 0
/// it is mostly 0 or 1), once for the batch. b is another picture of the batch, by a random order.
/// CutMix's rectangle has the sides of the picture times √(1 - λ) and a center anywhere; where the
/// border cuts it, λ is what is left of a.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_regularize::Mixing;
/// use taper_tensor::{Batch, Rng};
/// let images = Tensor::new(&[0f32, 1.0], &Device::Cpu)?.reshape((2, 1, 1, 1))?.broadcast_as((2, 8, 8, 3))?;
/// let batch = Batch::new(images, Tensor::eye(2, DType::F32, &Device::Cpu)?)?;
/// let mixed = Mixing { mixup: 0.2, ..Mixing::default() }.mix(&batch, &Rng::new(0).at(17))?;
/// let share = mixed.targets.to_vec2::<f32>()?[0][1]; // how much of picture 1 is in picture 0
/// assert!((mixed.images.get(0)?.mean_all()?.to_scalar::<f32>()? - share).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// - H. Zhang, M. Cisse, Y. Dauphin, D. Lopez-Paz, *mixup: Beyond Empirical Risk Minimization*,
///   2018.
/// - S. Yun, D. Han, S. Oh, S. Chun, J. Choe, Y. Yoo, *CutMix: Regularization Strategy to Train
///   Strong Classifiers with Localizable Features*, 2019.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mixing {
    /// *α* of mixup, 0 for none. Default 0; the paper has 0.1 to 0.4 on ImageNet.
    pub mixup: f64,
    /// *α* of CutMix, 0 for none. Default 0; the paper has 1.
    pub cutmix: f64,
    /// The probability of CutMix where there are both. Default 0.5.
    pub switch: f64,
    /// The probability that a batch is mixed at all. Default 1.
    pub probability: f64,
}

impl Default for Mixing {
    fn default() -> Self {
        Self { mixup: 0.0, cutmix: 0.0, switch: 0.5, probability: 1.0 }
    }
}

impl Mixing {
    /// Refuses settings out of range.
    ///
    /// # Errors
    /// When an *α* is negative or not finite, or a probability outside [0, 1].
    pub fn check(&self) -> Result<(), RegularizeError> {
        for (field, alpha) in [("mixup", self.mixup), ("cutmix", self.cutmix)] {
            check(alpha >= 0.0 && alpha.is_finite(), field, "finite and 0 or more", alpha)?;
        }
        for (field, p) in [("switch", self.switch), ("probability", self.probability)] {
            check((0.0..=1.0).contains(&p), field, "in [0, 1]", p)?;
        }
        Ok(())
    }

    /// The batch mixed by the stream of its step, which is read from its beginning.
    ///
    /// # Errors
    /// When a setting is out of range.
    pub fn mix(&self, batch: &Batch, step: &Rng) -> Result<Batch, RegularizeError> {
        self.check()?;
        let mut rng = step.fork("mixing");
        if self.mixup.max(self.cutmix) == 0.0 || batch.len() < 2 || !rng.chance(self.probability) {
            return Ok(batch.clone());
        }
        let cut = self.cutmix > 0.0 && (self.mixup == 0.0 || rng.chance(self.switch));
        let lambda = rng.beta(if cut { self.cutmix } else { self.mixup });
        let mut order: Vec<u32> = (0..batch.len() as u32).collect();
        rng.shuffle(&mut order);
        let order = Tensor::new(order, batch.images.device())?;
        let others = batch.images.contiguous()?.index_select(&order, 0)?;
        let (images, lambda) = if cut {
            cut_mix(&batch.images, &others, lambda, &mut rng)?
        } else {
            (blend(&batch.images, &others, lambda)?, lambda)
        };
        let targets = blend(&batch.targets, &batch.targets.contiguous()?.index_select(&order, 0)?, lambda)?;
        Ok(Batch::new(images, targets)?)
    }
}

/// `λ a + (1 - λ) b`.
fn blend(a: &Tensor, b: &Tensor, lambda: f64) -> candle_core::Result<Tensor> {
    (a * lambda)? + (b * (1.0 - lambda))?
}

/// a with a rectangle from b, and how much of a is left.
fn cut_mix(a: &Tensor, b: &Tensor, lambda: f64, rng: &mut Rng) -> candle_core::Result<(Tensor, f64)> {
    let (_, h, w, _) = a.dims4()?;
    let mut side = |length: usize| {
        let (half, center) = (0.5 * length as f64 * (1.0 - lambda).sqrt(), rng.below(length) as f64);
        let end = |place: f64| place.round().clamp(0.0, length as f64) as usize;
        end(center - half)..end(center + half)
    };
    let (rows, columns) = (side(h), side(w));
    let mask: Vec<u8> = (0..h)
        .flat_map(|y| (0..w).map(move |x| (y, x)))
        .map(|(y, x)| u8::from(rows.contains(&y) && columns.contains(&x)))
        .collect();
    let left = 1.0 - (rows.len() * columns.len()) as f64 / (h * w) as f64;
    let mask = Tensor::from_vec(mask, (1, h, w, 1), a.device())?.broadcast_as(a.shape())?;
    Ok((mask.where_cond(b, a)?, left))
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    /// Pictures of one value each, 0 to n - 1, and their classes.
    fn batch(n: usize, side: usize) -> Batch {
        let values: Vec<f32> = (0..n).map(|i| i as f32).collect();
        let images = Tensor::from_vec(values, (n, 1, 1, 1), &Device::Cpu).unwrap();
        let images = images.broadcast_as((n, side, side, 3)).unwrap().contiguous().unwrap();
        Batch::new(images, Tensor::eye(n, DType::F32, &Device::Cpu).unwrap()).unwrap()
    }

    #[test]
    fn targets_say_what_is_in_the_picture() -> candle_core::Result<()> {
        for mixing in [Mixing { mixup: 0.4, ..Mixing::default() }, Mixing { cutmix: 1.0, ..Mixing::default() }] {
            for k in 0..30 {
                let mixed = mixing.mix(&batch(4, 10), &Rng::new(k)).unwrap();
                let targets = mixed.targets.to_vec2::<f32>()?;
                for (i, target) in targets.iter().enumerate() {
                    let seen = mixed.images.get(i)?.mean_all()?.to_scalar::<f32>()?;
                    let said: f32 = target.iter().enumerate().map(|(class, p)| class as f32 * p).sum();
                    assert!((seen - said).abs() < 1e-5, "{mixing:?}: {seen} and {target:?}");
                    assert!((target.iter().sum::<f32>() - 1.0).abs() < 1e-6);
                }
            }
        }
        Ok(())
    }

    #[test]
    fn cut_mix_takes_whole_pixels_and_mixup_none() -> candle_core::Result<()> {
        let values =
            |mixing: Mixing| mixing.mix(&batch(5, 9), &Rng::new(3)).unwrap().images.flatten_all()?.to_vec1::<f32>();
        assert!(values(Mixing { cutmix: 1.0, ..Mixing::default() })?.iter().all(|v| v.fract() == 0.0));
        assert!(values(Mixing { mixup: 1.0, ..Mixing::default() })?.iter().any(|v| v.fract() != 0.0));
        Ok(())
    }

    #[test]
    fn lambda_has_the_moments_of_the_beta_distribution_and_the_switch_its_rate() {
        let n = 4000u64;
        let alpha = 0.3;
        let lambdas: Vec<f64> = (0..n).map(|k| Rng::new(1).at(k).beta(alpha)).collect();
        let mean = lambdas.iter().sum::<f64>() / n as f64;
        let variance = lambdas.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / n as f64;
        let wanted = 1.0 / (4.0 * (2.0 * alpha + 1.0));
        assert!((mean - 0.5).abs() < 5.0 * (wanted / n as f64).sqrt() && (variance / wanted - 1.0).abs() < 0.05);

        let both = Mixing { mixup: 1.0, cutmix: 1.0, switch: 0.25, ..Mixing::default() };
        let cut = (0..400u64)
            .filter(|&k| {
                let mixed = both.mix(&batch(6, 6), &Rng::new(2).at(k)).unwrap().images;
                mixed.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().all(|v| v.fract() == 0.0)
            })
            .count();
        assert!((cut as f64 / 400.0 - 0.25).abs() < 5.0 * (0.1875f64 / 400.0).sqrt(), "{cut} of 400");
    }

    #[test]
    fn nothing_to_mix_leaves_the_batch() -> candle_core::Result<()> {
        let images = |b: &Batch| b.images.flatten_all()?.to_vec1::<f32>();
        for (mixing, n) in [
            (Mixing::default(), 3),
            (Mixing { mixup: 1.0, probability: 0.0, ..Mixing::default() }, 3),
            (Mixing { mixup: 1.0, ..Mixing::default() }, 1),
        ] {
            let before = batch(n, 4);
            assert_eq!(images(&mixing.mix(&before, &Rng::new(1)).unwrap())?, images(&before)?);
        }
        Ok(())
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let default = Mixing::default();
        for (wrong, name) in [
            (Mixing { mixup: -0.1, ..default }, "mixup"),
            (Mixing { cutmix: f64::NAN, ..default }, "cutmix"),
            (Mixing { switch: 1.5, ..default }, "switch"),
            (Mixing { probability: -1.0, ..default }, "probability"),
        ] {
            assert!(matches!(wrong.check(), Err(RegularizeError::BadConfig { field, .. }) if field == name));
        }
    }
}
