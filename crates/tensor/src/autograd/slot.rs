//! Where the gradient of a result comes together.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::Result;

use super::gradient::{Gradient, Terms};
use super::lock::lock;

/// The gradient of a tensor.
#[derive(Default)]
pub(crate) struct Slot {
    arrived: Mutex<Arrived>,
    /// Operations of ours that have read the tensor.
    readers: AtomicUsize,
}

/// What has come of it, from so many operations.
#[derive(Default)]
struct Arrived {
    terms: Option<Terms>,
    number: usize,
}

impl Slot {
    /// Counts an operation of ours that reads the tensor.
    pub(crate) fn read(&self) {
        self.readers.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the terms of all operations but one that we know of have come.
    pub(crate) fn awaits_one(&self) -> bool {
        lock(&self.arrived).number + 1 >= self.readers.load(Ordering::Relaxed)
    }

    /// Adds the share of an operation.
    pub(crate) fn add(&self, grad: Gradient) -> Result<()> {
        let grad = Gradient { tensor: grad.tensor.contiguous()?, own: grad.own };
        let mut arrived = lock(&self.arrived);
        arrived.number += 1;
        arrived.terms = Some(match arrived.terms.take() {
            None => Terms(grad, None),
            Some(Terms(first, None)) => Terms(first, Some(grad.tensor)),
            Some(more) => Terms(more.sum()?, Some(grad.tensor)),
        });
        Ok(())
    }

    /// Takes what has come.
    pub(crate) fn take(&self) -> Option<Terms> {
        lock(&self.arrived).terms.take()
    }
}
