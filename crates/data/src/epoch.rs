//! The batches of one epoch, made by several threads and delivered in order.

use std::ops::Range;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};
use taper_tensor::{Batch, Rng};

use crate::error::DataError;
use crate::guard::guarded;
use crate::loader::Loader;
use crate::queue::Queue;

/// A batch and where its pictures come from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Pictures and targets.
    pub batch: Batch,
    /// The numbers of the pictures in the dataset, row by row.
    pub indices: Vec<usize>,
}

/// The batches of one epoch, in order.
///
/// A picture that cannot be read or prepared is an error in the place of its batch, and the last item.
pub struct Epoch {
    work: Arc<Work>,
    workers: Vec<JoinHandle<()>>,
    failed: Option<DataError>,
    waited: Duration,
}

impl Epoch {
    /// Starts threads, but no more than there are batches.
    pub(crate) fn start(work: Work, threads: usize) -> Self {
        let (work, mut workers, mut failed) = (Arc::new(work), Vec::new(), None);
        for _ in 0..threads.min(work.loader.batches()) {
            let work = work.clone();
            let builder = thread::Builder::new().name("loader".into());
            match builder.spawn(move || work.run()) {
                Ok(worker) => workers.push(worker),
                Err(error) => failed = Some(DataError::Thread(error)),
            }
        }
        Self {
            // Fewer threads than wanted give the same batches; none at all gives nothing.
            failed: failed.filter(|_| workers.is_empty()),
            work,
            workers,
            waited: Duration::ZERO,
        }
    }

    /// How long `next` has waited for batches until now, all calls together. A large part of the epoch
    /// means that loading, not training, sets the pace.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

impl Iterator for Epoch {
    type Item = Result<Loaded, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let begin = Instant::now();
        let item = match self.failed.take() {
            Some(error) => Some(Err(error)),
            None => self.work.queue.take(),
        };
        self.waited += begin.elapsed();
        if let Some(Err(_)) = item {
            self.work.queue.close();
        }
        item
    }
}

impl std::iter::FusedIterator for Epoch {}

impl Drop for Epoch {
    fn drop(&mut self) {
        self.work.queue.close();
        for worker in self.workers.drain(..) {
            // Whatever a worker panics with was delivered as an error.
            let _ = worker.join();
        }
    }
}

/// What the threads of one epoch share.
pub(crate) struct Work {
    loader: Loader,
    order: Vec<usize>,
    augment: Rng,
    /// How often the picture at each place was there before; empty where each is there once.
    before: Vec<u32>,
    /// Batches that are left out.
    first: usize,
    queue: Queue<Result<Loaded, DataError>>,
}

impl Work {
    /// The batches of a loader with the pictures in this order, but for the first ones.
    pub(crate) fn new(loader: Loader, order: Vec<usize>, augment: Rng, first: usize) -> Self {
        let ahead = loader.config.prefetch.saturating_add(loader.config.threads);
        let mut seen = vec![0; if loader.config.balanced { loader.dataset.len() } else { 0 }];
        let count = |&index: &usize| {
            seen[index] += 1;
            seen[index] - 1
        };
        let before = if loader.config.balanced { order.iter().map(count).collect() } else { Vec::new() };
        Self { queue: Queue::new(loader.batches().saturating_sub(first), ahead), loader, order, augment, before, first }
    }

    fn run(&self) {
        while let Some(number) = self.queue.claim() {
            let places = self.loader.places(self.first + number);
            let mut at = places.start;
            let made = guarded(|| self.batch(places, &mut at));
            // None: the epoch was dropped while the batch was being made.
            let item = match made {
                Ok(None) => return,
                Ok(Some(item)) => item,
                Err(message) => Err(DataError::Panicked { name: self.name(at), message }),
            };
            self.queue.put(number, item);
        }
    }

    /// The pictures of a part of the order; `at` says, in case of a panic, which one was being made.
    fn batch(&self, part: Range<usize>, at: &mut usize) -> Option<Result<Loaded, DataError>> {
        let (height, width) = self.loader.config.size;
        let classes = self.loader.dataset.classes().len();
        let rows = part.len();
        let mut images = vec![0f32; rows * height * width * 3];
        let mut targets = vec![0f32; rows * classes];
        let slots = images.chunks_exact_mut(height * width * 3);
        for (row, (position, slot)) in part.clone().zip(slots).enumerate() {
            if self.queue.is_closed() {
                return None;
            }
            *at = position;
            let target = &mut targets[row * classes..][..classes];
            if let Err(error) = self.sample(position, slot, target) {
                return Some(Err(error));
            }
        }
        let tensors = || -> candle_core::Result<Batch> {
            let images = Tensor::from_vec(images, (rows, height, width, 3), &Device::Cpu)?;
            Batch::new(images, Tensor::from_vec(targets, (rows, classes), &Device::Cpu)?)
        };
        Some(tensors().map_err(DataError::from).map(|batch| Loaded { batch, indices: self.order[part].to_vec() }))
    }

    fn sample(&self, position: usize, slot: &mut [f32], target: &mut [f32]) -> Result<(), DataError> {
        let (dataset, index) = (&self.loader.dataset, self.order[position]);
        let (label, classes) = (dataset.label(index), target.len());
        *target.get_mut(label).ok_or_else(|| DataError::Label { name: dataset.name(index), label, classes })? = 1.0;
        let picture = dataset.get(index)?;
        let mut rng = self.augment.at(index as u64);
        if let Some(again) = self.before.get(position).filter(|before| **before > 0) {
            rng = rng.at((*again).into());
        }
        (self.loader.prepare)(picture, &mut rng, slot)
            .map_err(|reason| DataError::Prepare { name: dataset.name(index), reason })
    }

    /// The name of the picture at a position of the order, where the dataset can still be asked.
    fn name(&self, position: usize) -> String {
        let index = self.order.get(position).copied().unwrap_or_default();
        guarded(|| self.loader.dataset.name(index)).unwrap_or_else(|_| format!("picture {index}"))
    }
}
