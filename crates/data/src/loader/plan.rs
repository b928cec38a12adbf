//! Which pictures an epoch has, in which order, and how they go into batches.

use std::ops::Range;
use std::sync::Arc;

use taper_tensor::Rng;

use super::config::{LoaderConfig, Prepare};
use crate::dataset::Dataset;
use crate::error::DataError;
use crate::limits::MAX_NUMBERS;

/// Pictures of an epoch, at most: their order is in memory.
const MAX_EPOCH: usize = u32::MAX as usize;

/// A dataset, what is done to its pictures, and how batches are made of them: all that an epoch is
/// a function of, but its number.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) dataset: Arc<dyn Dataset>,
    pub(super) prepare: Arc<Prepare>,
    pub(super) config: LoaderConfig,
}

impl Plan {
    /// Checks the settings.
    ///
    /// # Errors
    /// When the dataset has no pictures, a number in the configuration is 0, or the pictures of a
    /// batch have more than 2³⁴ numbers.
    pub(super) fn new(
        dataset: Arc<dyn Dataset>,
        prepare: Arc<Prepare>,
        config: LoaderConfig,
    ) -> Result<Self, DataError> {
        if dataset.is_empty() {
            return Err(DataError::Empty);
        }
        for (field, got) in [
            ("batch_size", config.batch_size),
            ("height", config.size.0),
            ("width", config.size.1),
            ("passes", config.passes),
            ("threads", config.threads),
            ("prefetch", config.prefetch),
        ] {
            if got == 0 {
                let wanted = "at least 1";
                return Err(DataError::Setting { field, got, wanted });
            }
        }
        if dataset.len().checked_mul(config.passes).is_none_or(|pictures| pictures > MAX_EPOCH) {
            let wanted = "few enough for an epoch of at most 2³² pictures";
            return Err(DataError::Setting { field: "passes", got: config.passes, wanted });
        }
        let ((height, width), rows) = (config.size, config.batch_size.min(dataset.len()));
        let numbers = [rows, height, width, 3].into_iter().try_fold(1u64, |all, side| all.checked_mul(side as u64));
        if numbers.is_none_or(|numbers| numbers > MAX_NUMBERS) {
            return Err(DataError::BatchTooLarge { rows, height, width });
        }
        Ok(Self { dataset, prepare, config })
    }

    /// How many pictures an epoch has, those that come again counted again.
    fn len(&self) -> usize {
        self.dataset.len() * if self.config.shuffle { self.config.passes } else { 1 }
    }

    /// How many batches an epoch has.
    pub(super) fn batches(&self) -> usize {
        let (len, size) = (self.len(), self.config.batch_size);
        let batches = len.div_ceil(size);
        if self.config.even && size > 1 { batches.min((len / 2).max(1)) } else { batches }
    }

    /// The places in the [order](Self::order) of an epoch that the batch of a number has.
    pub(super) fn places(&self, batch: usize) -> Range<usize> {
        let (len, size, batches) = (self.len(), self.config.batch_size, self.batches());
        let end = |batch: usize| if self.config.even { batch * len / batches } else { (batch * size).min(len) };
        end(batch)..end(batch + 1)
    }

    /// The indices of the pictures in the order of an epoch: that of the dataset, or drawn by the
    /// key `shuffle`/epoch, that of a second pass and those after it by `shuffle`/epoch/pass.
    pub(super) fn order(&self, epoch: u64) -> Vec<usize> {
        if !self.config.shuffle {
            return (0..self.dataset.len()).collect();
        }
        let mut all = Vec::with_capacity(self.len());
        for pass in 0..self.config.passes as u64 {
            let rng = |what| {
                let first = self.config.rng.fork(what).at(epoch);
                if pass == 0 { first } else { first.at(pass) }
            };
            let begin = all.len();
            if self.config.balanced {
                all.extend(self.balanced(epoch, &rng("balance")));
            } else {
                all.extend(0..self.dataset.len());
            }
            rng("shuffle").shuffle(&mut all[begin..]);
        }
        all
    }

    /// As many pictures of each class, drawn by a key and the class; a class gives each of its
    /// pictures once before it gives one again.
    fn balanced(&self, epoch: u64, rng: &Rng) -> Vec<usize> {
        let mut classes = vec![Vec::new(); self.dataset.classes().len()];
        for index in 0..self.dataset.len() {
            // What has no class is found, and named, when it is read.
            if let Some(class) = classes.get_mut(self.dataset.label(index)) {
                class.push(index);
            }
        }
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
}
