//! The parallel loader: an epoch is an iterator of batches, in one order, made by threads ahead of
//! time.
//!
//! In reading order: [`config`] says how batches are made, [`plan`] which pictures are in which
//! batch of an epoch. [`queue`] holds finished parts of batches in order and bounds them, [`work`]
//! is what each thread does and how parts become an [`indexed_batch`], and [`epoch`] the iterator
//! that the consumer sees.

mod config;
mod plan;

mod indexed_batch;
mod queue;
mod work;

mod epoch;

pub use config::{LoaderConfig, Prepare};
pub use epoch::Epoch;
pub use indexed_batch::IndexedBatch;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::dataset::Dataset;
use crate::error::DataError;
use plan::Plan;
use work::Work;

/// Makes batches of a dataset, epoch by epoch.
///
/// What an epoch gives is a function of dataset, preparation, seed and epoch number. The number of
/// threads and the speed of the consumer change nothing, and epochs need not be asked for in order.
///
/// # Shapes
/// Images (N,height,width,3), targets (N,C) with a single 1 in each row; f32, on the CPU.
///
/// # Examples
/// See the [crate](crate#examples).
#[derive(Clone)]
pub struct Loader(Plan);

impl Loader {
    /// A loader of these pictures.
    ///
    /// # Errors
    /// When the dataset has no pictures, a number in the configuration is 0, or the pictures of a
    /// batch have more than 2³⁴ numbers.
    pub fn new(dataset: Arc<dyn Dataset>, prepare: Arc<Prepare>, config: LoaderConfig) -> Result<Self, DataError> {
        Plan::new(dataset, prepare, config).map(Self)
    }

    /// The same loader of other pictures.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn over(&self, dataset: Arc<dyn Dataset>) -> Result<Self, DataError> {
        Self::new(dataset, Arc::clone(&self.0.prepare), self.0.config.clone())
    }

    /// How many batches an epoch has.
    pub fn batches(&self) -> usize {
        self.0.batches()
    }

    /// The places in the [order](Self::order) of an epoch that the batch of a number has.
    pub fn places(&self, batch: usize) -> Range<usize> {
        self.0.places(batch)
    }

    /// The pictures that are loaded.
    pub fn dataset(&self) -> &Arc<dyn Dataset> {
        &self.0.dataset
    }

    /// What is done to a picture on its way into a batch.
    pub fn prepare(&self) -> &Arc<Prepare> {
        &self.0.prepare
    }

    /// How batches are made.
    pub fn config(&self) -> &LoaderConfig {
        &self.0.config
    }

    /// The indices of the pictures in the order of an epoch.
    pub fn order(&self, epoch: u64) -> Vec<usize> {
        self.0.order(epoch)
    }

    /// Starts the threads of an epoch. They end with the iterator, also when it is dropped early.
    pub fn epoch(&self, epoch: u64) -> Epoch {
        self.epoch_from(epoch, 0)
    }

    /// [`epoch`](Self::epoch) without its first `batches` batches: what is left of one that was
    /// broken off.
    pub fn epoch_from(&self, epoch: u64, batches: usize) -> Epoch {
        self.epoch_of(epoch, (batches..self.batches()).map(|batch| self.places(batch)).collect())
    }

    /// The pictures at these places in the [order](Self::order) of an epoch, each range as a batch
    /// of its own: some batches of an epoch, or of each batch the rows that one of several
    /// processes computes. A picture is prepared as it is in the whole epoch. No range may be
    /// longer than a batch, or end behind the order.
    pub fn epoch_of(&self, epoch: u64, batches: Vec<Range<usize>>) -> Epoch {
        let config = &self.0.config;
        let augment = config.rng.fork("augment").at(epoch);
        Epoch::start(Work::new(self.0.clone(), self.order(epoch), augment, batches), config.threads)
    }
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut loader = f.debug_struct("Loader");
        loader.field("pictures", &self.0.dataset.len()).field("config", &self.0.config).finish_non_exhaustive()
    }
}
