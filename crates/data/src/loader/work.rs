//! What the threads of an epoch do: claim a batch, make it, hand it over.

use std::ops::Range;

use candle_core::{Device, Tensor};
use taper_tensor::{Batch, Rng};

use super::indexed_batch::IndexedBatch;
use super::plan::Plan;
use super::queue::Queue;
use crate::error::DataError;
use crate::guard::guarded;

/// What the threads of one epoch share.
pub(super) struct Work {
    pub(super) plan: Plan,
    order: Vec<usize>,
    augment: Rng,
    /// How often the picture at each place was there before; empty where each is there once.
    before: Vec<u32>,
    /// Batches that are left out.
    first: usize,
    pub(super) queue: Queue<Result<IndexedBatch, DataError>>,
}

impl Work {
    /// The batches of a plan with the pictures in this order, but for the first ones.
    pub(super) fn new(plan: Plan, order: Vec<usize>, augment: Rng, first: usize) -> Self {
        let ahead = plan.config.prefetch.saturating_add(plan.config.threads);
        let mut seen = vec![0; if plan.config.balanced { plan.dataset.len() } else { 0 }];
        let count = |&index: &usize| {
            seen[index] += 1;
            seen[index] - 1
        };
        let before = if plan.config.balanced { order.iter().map(count).collect() } else { Vec::new() };
        Self { queue: Queue::new(plan.batches().saturating_sub(first), ahead), plan, order, augment, before, first }
    }

    pub(super) fn run(&self) {
        while let Some(number) = self.queue.claim() {
            let places = self.plan.places(self.first + number);
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

    /// The pictures of a part of the order; `at` says, in case of a panic, which one was being
    /// made.
    fn batch(&self, part: Range<usize>, at: &mut usize) -> Option<Result<IndexedBatch, DataError>> {
        let (height, width) = self.plan.config.size;
        let classes = self.plan.dataset.classes().len();
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
        Some(tensors().map_err(DataError::from).map(|batch| IndexedBatch { batch, indices: self.order[part].to_vec() }))
    }

    fn sample(&self, position: usize, slot: &mut [f32], target: &mut [f32]) -> Result<(), DataError> {
        let (dataset, index) = (&self.plan.dataset, self.order[position]);
        let (label, classes) = (dataset.label(index), target.len());
        *target.get_mut(label).ok_or_else(|| DataError::Label { name: dataset.name(index), label, classes })? = 1.0;
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
