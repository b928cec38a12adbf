//! How batches are made.

use std::thread;

use image::RgbImage;
use taper_tensor::Rng;

use crate::error::PrepareError;

/// What is done to a picture on its way into a batch: random changes drawn from the stream, which
/// is the sample's own, and the result written as height x width x 3 numbers.
pub type Prepare = dyn Fn(RgbImage, &mut Rng, &mut [f32]) -> Result<(), PrepareError> + Send + Sync;

/// How a [`Loader`](crate::Loader) makes batches.
#[derive(Clone, Debug)]
pub struct LoaderConfig {
    /// Pictures in a batch; 32 by default.
    pub batch_size: usize,
    /// Height and width of what the preparation writes, in pixels; 224 x 224 by default.
    pub size: (usize, usize),
    /// Whether every epoch has an order of its own; otherwise it is that of the dataset. On by
    /// default.
    pub shuffle: bool,
    /// Whether a shuffled epoch, as long as any, shows as many pictures of each class: those of a
    /// small class several times, each time changed anew, and of a large class some, other ones in
    /// every epoch. Off by default.
    pub balanced: bool,
    /// How often a shuffled epoch goes through all pictures, each time in another order and with
    /// each picture changed anew. 1 by default.
    pub passes: usize,
    /// Whether the pictures of an epoch are spread evenly over its batches, as many as there would
    /// be otherwise: 97 pictures in batches of at most 32 are 24, 24, 24 and 25. Off by default:
    /// all batches are full but the last, which may be small (32, 32, 32 and 1).
    ///
    /// A small batch in training has poor statistics for batch normalization and a gradient that is
    /// mostly noise, and a batch of one picture has no variance at all. An odd number of pictures
    /// in batches of 2 has a batch of 3 for this reason.
    pub even: bool,
    /// Threads that decode and prepare; as many as there are cores by default.
    pub threads: usize,
    /// Finished batches that may wait for the consumer, beside the part of a batch, a picture at
    /// least, that each thread works on. 2 by default.
    pub prefetch: usize,
    /// The stream that the order (`shuffle`/epoch) and the random changes (`augment`/epoch/sample)
    /// are derived from; that of seed 0 by default.
    pub rng: Rng,
}

impl Default for LoaderConfig {
    fn default() -> Self {
        Self {
            batch_size: 32,
            size: (224, 224),
            shuffle: true,
            balanced: false,
            passes: 1,
            even: false,
            threads: thread::available_parallelism().map_or(1, usize::from),
            prefetch: 2,
            rng: Rng::new(0),
        }
    }
}
