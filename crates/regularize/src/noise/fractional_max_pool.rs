//! Fractional max pooling.

use candle_core::{Result, Tensor};
use taper_nn::{Layer, Mode};
use taper_tensor::{Neighbors, Regions, Rng, Sequence, fractional_max_pool2d};

use crate::RegularizeError;
use crate::error::check;

/// Settings of [`FractionalMaxPool`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FractionalMaxPoolConfig {
    /// *α*: how many times smaller a side becomes, in (1, 2]. Default √2: two of them halve a map.
    pub ratio: f64,
    /// How the regions follow each other. Default random.
    pub sequence: Sequence,
    /// Whether neighboring regions share pixels. Default overlapping, which the paper finds better.
    pub neighbors: Neighbors,
    /// How many draws are averaged in testing, 1 or more. Default 8.
    pub draws: usize,
}

impl Default for FractionalMaxPoolConfig {
    fn default() -> Self {
        Self { ratio: std::f64::consts::SQRT_2, sequence: Sequence::Random, neighbors: Neighbors::default(), draws: 8 }
    }
}

/// Max pooling over random regions of one or two pixels a side (and one more where they overlap): a
/// map shrinks by a factor below 2, so that there can be more layers, and each step sees it
/// slightly stretched.
///
/// ```text
/// training:  y = maxima over regions drawn from the stream of the step forked by `name`
/// testing:   y = mean of that over `draws` draws, keyed by `name` alone
/// ```
///
/// All pictures and channels of a step have the same regions, which is what lets the maxima be
/// taken channel by channel at the speed of memory.
///
/// # Shapes
/// (N,H,W,C) to (N,⌈H/α⌉,⌈W/α⌉,C).
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_regularize::{FractionalMaxPool, FractionalMaxPoolConfig};
/// use taper_nn::{Layer, Mode};
/// use taper_tensor::Rng;
/// let pool = FractionalMaxPool::new(FractionalMaxPoolConfig::default(), "pool1")?;
/// let x = Tensor::ones((1, 28, 28, 3), DType::F32, &Device::Cpu)?;
/// assert_eq!(pool.forward(&x, Mode::Train(&Rng::new(0)))?.dims(), [1, 20, 20, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// B. Graham, *Fractional Max-Pooling*, 2014.
#[derive(Clone, Debug)]
pub struct FractionalMaxPool {
    config: FractionalMaxPoolConfig,
    name: String,
}

impl FractionalMaxPool {
    /// A pooling with the key `name`.
    ///
    /// # Errors
    /// When the ratio is outside (1, 2], or there are no draws.
    pub fn new(config: FractionalMaxPoolConfig, name: impl Into<String>) -> std::result::Result<Self, RegularizeError> {
        check(config.ratio > 1.0 && config.ratio <= 2.0, "ratio", "in (1, 2]", config.ratio)?;
        check(config.draws > 0, "draws", "1 or more", config.draws as f64)?;
        Ok(Self { config, name: name.into() })
    }

    fn draw(&self, x: &Tensor, rng: &Rng) -> Result<Tensor> {
        let (_, h, w, _) = x.dims4()?;
        let FractionalMaxPoolConfig { ratio, sequence, neighbors, .. } = self.config;
        fractional_max_pool2d(x, &Regions::draw((h, w), ratio, sequence, neighbors, rng)?)
    }
}

impl Layer for FractionalMaxPool {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        if let Some(rng) = mode.noise() {
            return self.draw(x, &rng.fork(&self.name));
        }
        let (rng, draws) = (Rng::new(0).fork("fractional_max_pool").fork(&self.name), self.config.draws);
        let first = self.draw(x, &rng.at(0))?;
        (1..draws as u64).try_fold(first, |sum, draw| sum + self.draw(x, &rng.at(draw))?)? / draws as f64
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn noise(shape: (usize, usize, usize, usize)) -> Tensor {
        let mut rng = Rng::new(3);
        let n = shape.0 * shape.1 * shape.2 * shape.3;
        Tensor::from_vec((0..n).map(|_| rng.normal()).collect::<Vec<f64>>(), shape, &Device::Cpu).unwrap()
    }

    #[test]
    fn testing_is_the_mean_over_draws() -> Result<()> {
        let x = noise((1, 9, 9, 2));
        let values = |y: Tensor| y.flatten_all()?.to_vec1::<f64>();
        let config = FractionalMaxPoolConfig { draws: 400, ..FractionalMaxPoolConfig::default() };
        let pool = FractionalMaxPool::new(config, "a").unwrap();
        let tested = values(pool.forward(&x, Mode::Eval)?)?;
        let root = Rng::new(1);
        let draws =
            (0..400u64).map(|k| values(pool.forward(&x, Mode::Sample(&root.at(k)))?)).collect::<Result<Vec<_>>>()?;
        for (i, tested) in tested.iter().enumerate() {
            let mean = draws.iter().map(|y| y[i]).sum::<f64>() / 400.0;
            let variance = draws.iter().map(|y| (y[i] - mean).powi(2)).sum::<f64>() / 400.0;
            // Two means of 400 draws each.
            assert!((tested - mean).abs() <= 5.0 * (2.0 * variance / 400.0).sqrt() + 1e-9, "{tested} is not {mean}");
        }
        assert_eq!(tested, values(pool.forward(&x, Mode::Eval)?)?);
        Ok(())
    }

    #[test]
    fn one_key_is_one_set_of_regions() -> Result<()> {
        let (x, step, next) = (noise((2, 11, 8, 3)), Rng::new(8), Rng::new(8).at(1));
        let pool = FractionalMaxPool::new(FractionalMaxPoolConfig::default(), "a").unwrap();
        let other = FractionalMaxPool::new(FractionalMaxPoolConfig::default(), "b").unwrap();
        let run = |pool: &FractionalMaxPool, rng| pool.forward(&x, Mode::Train(rng))?.flatten_all()?.to_vec1::<f64>();
        assert_eq!(run(&pool, &step)?, run(&pool, &step)?);
        assert_ne!(run(&pool, &step)?, run(&pool, &next)?);
        assert_ne!(run(&pool, &step)?, run(&other, &step)?);
        Ok(())
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let default = FractionalMaxPoolConfig::default();
        for ratio in [1.0, 2.5, f64::NAN] {
            let refused = FractionalMaxPool::new(FractionalMaxPoolConfig { ratio, ..default }, "a");
            assert!(matches!(refused, Err(RegularizeError::BadConfig { field: "ratio", .. })));
        }
        let refused = FractionalMaxPool::new(FractionalMaxPoolConfig { draws: 0, ..default }, "a");
        assert!(matches!(refused, Err(RegularizeError::BadConfig { field: "draws", .. })));
    }
}
