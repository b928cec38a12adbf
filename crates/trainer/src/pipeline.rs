//! From a data set to batches.

use std::sync::Arc;

use anyhow::Result;
use taper_augment::{Normalize, Sequence, Transform};
use taper_data::{Dataset, Loader, LoaderConfig, Prepare};
use taper_tensor::Rng;

use crate::recipe::{Balance, Recipe};
use crate::transforms::{eval_transform, train_transform};

/// Pictures in a batch of a test.
pub const BATCH: usize = 32;

/// How pictures are prepared for a network: side of the square it sees, and what its channels are normalised with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Input {
    /// Side, pixels.
    pub size: u32,
    /// Mean of each channel, of values in 0..1.
    pub mean: [f32; 3],
    /// Standard deviation of each channel.
    pub std: [f32; 3],
}

/// A transform and the normalisation, as the loader wants them.
///
/// # Errors
/// When the normalisation is impossible (a standard deviation of 0).
pub fn prepare(transform: Sequence, input: Input) -> Result<Arc<Prepare>> {
    let normalize = Normalize::new(input.mean, input.std)?;
    Ok(Arc::new(move |picture, rng: &mut Rng, out: &mut [f32]| {
        Ok(normalize.write(&transform.apply(picture, rng), out)?)
    }))
}

/// The loader of training batches: shuffled and augmented by the seed.
///
/// # Errors
/// When a setting is out of its range.
pub fn train_loader(dataset: Arc<dyn Dataset>, recipe: &Recipe, input: Input, threads: usize) -> Result<Loader> {
    let size = (input.size as usize, input.size as usize);
    let config = LoaderConfig {
        batch_size: recipe.data.batch_size,
        size,
        balanced: recipe.data.balance == Balance::Sampling,
        even: true,
        threads,
        rng: Rng::new(recipe.seed).fork("data"),
        ..Default::default()
    };
    let transform = train_transform(&recipe.augment, recipe.data.image_size)?;
    Ok(Loader::new(dataset, prepare(transform, input)?, config)?)
}

/// The loader of testing batches: in order, every picture once, nothing random.
///
/// # Errors
/// When a setting is out of its range.
pub fn eval_loader(dataset: Arc<dyn Dataset>, batch_size: usize, input: Input, threads: usize) -> Result<Loader> {
    in_order(dataset, eval_transform(input.size)?, batch_size, input, threads)
}

/// The loader of batches in order, every picture once, prepared by `transform`, which makes squares of the input's size.
///
/// # Errors
/// When a setting is out of its range.
pub fn in_order(
    dataset: Arc<dyn Dataset>,
    transform: Sequence,
    batch_size: usize,
    input: Input,
    threads: usize,
) -> Result<Loader> {
    let size = (input.size as usize, input.size as usize);
    let config = LoaderConfig { batch_size, size, shuffle: false, threads, ..Default::default() };
    Ok(Loader::new(dataset, prepare(transform, input)?, config)?)
}

/// The loader of the training pictures, prepared as testing pictures are: in order and every one.
///
/// # Errors
/// When a setting is out of its range.
pub fn plain_loader(train: &Loader, val: &Loader) -> Result<Loader> {
    let config = LoaderConfig { shuffle: false, even: false, ..train.config().clone() };
    Ok(Loader::new(train.dataset().clone(), val.prepare().clone(), config)?)
}
