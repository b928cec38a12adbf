//! What the threads of an epoch do: claim a part of a batch, make it, hand it over.

use std::ops::Range;

use candle_core::{Device, Tensor};
use taper_tensor::{Batch, Rng};

use super::indexed_batch::IndexedBatch;
use super::plan::Plan;
use super::queue::Queue;
use crate::error::DataError;
use crate::guard::guarded;

/// Some rows of a batch.
pub(super) struct Part {
    images: Vec<f32>,
    targets: Vec<f32>,
}

/// What the threads of one epoch share. All of them make parts of one batch before they begin the
/// next: the first batch comes as soon as it can.
pub(super) struct Work {
    pub(super) plan: Plan,
    order: Vec<usize>,
    augment: Rng,
    /// How often the picture at each place was there before; empty where each is there once.
    before: Vec<u32>,
    /// The places in the order that each batch has.
    batches: Vec<Range<usize>>,
    /// Of how many parts a batch is put together.
    parts: usize,
    queue: Queue<Result<Part, DataError>>,
}

impl Work {
    /// Batches of a plan with the pictures in this order, each of these places in it.
    pub(super) fn new(plan: Plan, order: Vec<usize>, augment: Rng, batches: Vec<Range<usize>>) -> Self {
        let parts = plan.config.threads.min(plan.config.batch_size);
        let ahead = plan.config.prefetch.saturating_mul(parts).saturating_add(plan.config.threads);
        let all = batches.len().saturating_mul(parts);
        let again = plan.config.balanced || order.len() > plan.dataset.len();
        let mut seen = vec![0; if again { plan.dataset.len() } else { 0 }];
        let count = |&index: &usize| {
            seen[index] += 1;
            seen[index] - 1
        };
        let before = if again { order.iter().map(count).collect() } else { Vec::new() };
        Self { queue: Queue::new(all, ahead), plan, order, augment, before, batches, parts }
    }

    /// Makes parts until there is nothing more to do.
    pub(super) fn run(&self) {
        while let Some(number) = self.queue.claim() {
            let mut at = self.places(number).start;
            let made = guarded(|| self.part(number, &mut at));
            // None: the epoch was dropped while the part was being made.
            let item = match made {
                Ok(None) => return,
                Ok(Some(item)) => item,
                Err(message) => Err(DataError::Panicked { name: self.name(at), message }),
            };
            self.queue.put(number, item);
        }
    }

    /// Waits for the next batch in order; none after the last, or when it is closed. `number` says
    /// which one it is, counted from the first.
    pub(super) fn take(&self, number: usize) -> Option<Result<IndexedBatch, DataError>> {
        let places = self.batches.get(number)?.clone();
        let mut whole = match self.queue.take()? {
            Ok(part) => part,
            Err(error) => return Some(Err(error)),
        };
        for _ in 1..self.parts {
            match self.queue.take()? {
                Ok(part) => {
                    whole.images.extend(part.images);
                    whole.targets.extend(part.targets);
                }
                Err(error) => return Some(Err(error)),
            }
        }
        Some(self.batch(whole, places))
    }

    /// Ends it for everybody.
    pub(super) fn close(&self) {
        self.queue.close();
    }

    /// The places in the order of a part's rows.
    fn places(&self, number: usize) -> Range<usize> {
        let batch = &self.batches[number / self.parts];
        let end = |part: usize| batch.start + part * batch.len() / self.parts;
        end(number % self.parts)..end(number % self.parts + 1)
    }

    /// The pictures of a part; `at` says, in case of a panic, which one was being made.
    fn part(&self, number: usize, at: &mut usize) -> Option<Result<Part, DataError>> {
        let (height, width) = self.plan.config.size;
        let (numbers, classes) = (height * width * 3, self.plan.dataset.classes().len());
        let places = self.places(number);
        // The first of a batch has room for the others.
        let room = if number.is_multiple_of(self.parts) { self.plan.config.batch_size } else { places.len() };
        let zeros = |each: usize| {
            let mut all = Vec::with_capacity(room * each);
            all.resize(places.len() * each, 0f32);
            all
        };
        let (mut images, mut targets) = (zeros(numbers), zeros(classes));
        for (row, (place, slot)) in places.zip(images.chunks_exact_mut(numbers)).enumerate() {
            if self.queue.is_closed() {
                return None;
            }
            *at = place;
            let target = &mut targets[row * classes..][..classes];
            if let Err(error) = self.sample(place, slot, target) {
                return Some(Err(error));
            }
        }
        Some(Ok(Part { images, targets }))
    }

    fn batch(&self, Part { images, targets }: Part, places: Range<usize>) -> Result<IndexedBatch, DataError> {
        let ((height, width), rows) = (self.plan.config.size, places.len());
        let classes = self.plan.dataset.classes().len();
        let images = Tensor::from_vec(images, (rows, height, width, 3), &Device::Cpu)?;
        let batch = Batch::new(images, Tensor::from_vec(targets, (rows, classes), &Device::Cpu)?)?;
        Ok(IndexedBatch { batch, indices: self.order[places].to_vec() })
    }

    fn sample(&self, position: usize, slot: &mut [f32], target: &mut [f32]) -> Result<(), DataError> {
        let (dataset, index) = (&self.plan.dataset, self.order[position]);
        dataset.target(index, target)?;
        let picture = dataset.get(index)?;
        let mut rng = self.augment.at(index as u64);
        if let Some(again) = self.before.get(position).filter(|before| **before > 0) {
            rng = rng.at((*again).into());
        }
        (self.plan.prepare)(picture, &mut rng, slot)
            .map_err(|reason| DataError::Prepare { name: dataset.name(index), reason })
    }

    /// The name of the picture at a position of the order, where the dataset can still be asked.
    fn name(&self, position: usize) -> String {
        let index = self.order.get(position).copied().unwrap_or_default();
        guarded(|| self.plan.dataset.name(index)).unwrap_or_else(|_| format!("picture {index}"))
    }
}
