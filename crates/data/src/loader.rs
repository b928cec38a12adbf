//! What batches are made of, and the threads that make them.

use std::ops::Range;
use std::sync::Arc;
use std::thread;

use image::RgbImage;
use taper_tensor::Rng;

use crate::dataset::Dataset;
use crate::epoch::{Epoch, Work};
use crate::error::DataError;

/// Why a picture could not be prepared.
pub type PrepareError = Box<dyn std::error::Error + Send + Sync>;

/// What is done to a picture on its way into a batch: random changes drawn from the stream, which is the
/// sample's own, and the result written as height x width x 3 numbers.
pub type Prepare = dyn Fn(RgbImage, &mut Rng, &mut [f32]) -> Result<(), PrepareError> + Send + Sync;

/// The most numbers that the pictures of a batch have: 64 GB of them.
pub(crate) const MAX_NUMBERS: u64 = 1 << 34;

/// How a [`Loader`] makes batches.
#[derive(Clone, Debug)]
pub struct LoaderConfig {
    /// Pictures in a batch; 32 by default.
    pub batch_size: usize,
    /// Height and width of what the preparation writes, in pixels; 224 x 224 by default.
    pub size: (usize, usize),
    /// Whether every epoch has an order of its own; otherwise it is that of the dataset. On by default.
    pub shuffle: bool,
    /// Whether a shuffled epoch, as long as any, shows as many pictures of each class: those of a small class several times, each time
    /// changed anew, and of a large class some, other ones in every epoch. Off by default.
    pub balanced: bool,
    /// Whether the pictures of an epoch are spread evenly over its batches, as many as there would be otherwise: 97 pictures in batches of
    /// at most 32 are 24, 24, 24 and 25. Off by default: all batches are full but the last, which may be small (32, 32, 32 and 1).
    ///
    /// A small batch in training has poor statistics for batch normalization and a gradient that is mostly noise, and a batch of one
    /// picture has no variance at all. An odd number of pictures in batches of 2 has a batch of 3 for this reason.
    pub even: bool,
    /// Threads that decode and prepare; as many as there are cores by default.
    pub threads: usize,
    /// Finished batches that may wait for the consumer, beside the one each thread works on: no more than
    /// `prefetch + threads` batches are in memory. 2 by default.
    pub prefetch: usize,
    /// The stream that the order (`shuffle`/epoch) and the random changes (`augment`/epoch/sample) are
    /// derived from; that of seed 0 by default.
    pub rng: Rng,
}

impl Default for LoaderConfig {
    fn default() -> Self {
        Self {
            batch_size: 32,
            size: (224, 224),
            shuffle: true,
            balanced: false,
            even: false,
            threads: thread::available_parallelism().map_or(1, usize::from),
            prefetch: 2,
            rng: Rng::new(0),
        }
    }
}

/// Makes batches of a dataset, epoch by epoch.
///
/// What an epoch gives is a function of dataset, preparation, seed and epoch number. The number of threads
/// and the speed of the consumer change nothing, and epochs need not be asked for in order.
///
/// # Shapes
/// Images (N,height,width,3), targets (N,C) with a single 1 in each row; f32, on the CPU.
///
/// # Examples
/// See the [crate](crate#examples).
#[derive(Clone)]
pub struct Loader {
    pub(crate) dataset: Arc<dyn Dataset>,
    pub(crate) prepare: Arc<Prepare>,
    pub(crate) config: LoaderConfig,
}

impl Loader {
    /// A loader of these pictures.
    ///
    /// # Errors
    /// When the dataset has no pictures, a number in the configuration is 0, or the pictures of a batch have more
    /// than 2³⁴ numbers.
    pub fn new(dataset: Arc<dyn Dataset>, prepare: Arc<Prepare>, config: LoaderConfig) -> Result<Self, DataError> {
        if dataset.is_empty() {
            return Err(DataError::Empty);
        }
        for (field, got) in [
            ("batch_size", config.batch_size),
            ("height", config.size.0),
            ("width", config.size.1),
            ("threads", config.threads),
            ("prefetch", config.prefetch),
        ] {
            if got == 0 {
                let wanted = "at least 1";
                return Err(DataError::Setting { field, got, wanted });
            }
        }
        let ((height, width), rows) = (config.size, config.batch_size.min(dataset.len()));
        let numbers = [rows, height, width, 3].into_iter().try_fold(1u64, |all, side| all.checked_mul(side as u64));
        if numbers.is_none_or(|numbers| numbers > MAX_NUMBERS) {
            return Err(DataError::BatchTooLarge { rows, height, width });
        }
        Ok(Self { dataset, prepare, config })
    }

    /// How many batches an epoch has.
    pub fn batches(&self) -> usize {
        let (len, size) = (self.dataset.len(), self.config.batch_size);
        let batches = len.div_ceil(size);
        if self.config.even && size > 1 { batches.min((len / 2).max(1)) } else { batches }
    }

    /// The places in the [order](Self::order) of an epoch that the batch of a number has.
    pub fn places(&self, batch: usize) -> Range<usize> {
        let (len, size, batches) = (self.dataset.len(), self.config.batch_size, self.batches());
        let end = |batch: usize| if self.config.even { batch * len / batches } else { (batch * size).min(len) };
        end(batch)..end(batch + 1)
    }

    /// The pictures that are loaded.
    pub fn dataset(&self) -> &Arc<dyn Dataset> {
        &self.dataset
    }

    /// What is done to a picture on its way into a batch.
    pub fn prepare(&self) -> &Arc<Prepare> {
        &self.prepare
    }

    /// How batches are made.
    pub fn config(&self) -> &LoaderConfig {
        &self.config
    }

    /// The numbers of the pictures in the order of an epoch.
    pub fn order(&self, epoch: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.dataset.len()).collect();
        if self.config.shuffle {
            if self.config.balanced {
                order = self.balanced(epoch);
            }
            self.config.rng.fork("shuffle").at(epoch).shuffle(&mut order);
        }
        order
    }

    /// As many pictures of each class, drawn by the key `balance`/epoch/class; a class gives each of its pictures once before it gives
    /// one again.
    fn balanced(&self, epoch: u64) -> Vec<usize> {
        let mut classes = vec![Vec::new(); self.dataset.classes().len()];
        for index in 0..self.dataset.len() {
            // What has no class is found, and named, when it is read.
            if let Some(class) = classes.get_mut(self.dataset.label(index)) {
                class.push(index);
            }
        }
        let rng = self.config.rng.fork("balance").at(epoch);
        let (all, held) = (self.dataset.len(), classes.iter().filter(|class| !class.is_empty()).count());
        let mut order = Vec::with_capacity(all);
        for (number, class) in classes.iter().enumerate().filter(|(_, class)| !class.is_empty()) {
            // What does not divide goes to other classes in other epochs.
            let more = (number as u64 + epoch) % (held as u64) < (all % held) as u64;
            let mut left = all / held + usize::from(more);
            for round in 0.. {
                let mut round_order = class.clone();
                rng.at(number as u64).at(round).shuffle(&mut round_order);
                round_order.truncate(left);
                left -= round_order.len();
                order.extend(round_order);
                if left == 0 {
                    break;
                }
            }
        }
        order
    }

    /// Starts the threads of an epoch. They end with the iterator, also when it is dropped early.
    pub fn epoch(&self, epoch: u64) -> Epoch {
        self.epoch_from(epoch, 0)
    }

    /// [`epoch`](Self::epoch) without its first `batches` batches: what is left of one that was broken off.
    pub fn epoch_from(&self, epoch: u64, batches: usize) -> Epoch {
        let augment = self.config.rng.fork("augment").at(epoch);
        Epoch::start(Work::new(self.clone(), self.order(epoch), augment, batches), self.config.threads)
    }
}
