//! The gate: what a rectified batch norm asks of the operations that read its output.
//!
//! The gradient of `y = relu(batch norm of x)` passes only where y is not 0, and batch norm's
//! backward pass needs its sums by column. A convolution that computes the last term of that
//! gradient can do both while it writes it, which spares a pass over three maps. The rectifier is
//! linear in the gradient and changes nothing the second time: a term that comes later, which
//! nobody has foreseen, makes the sums useless and nothing wrong.

use std::sync::{Arc, Mutex};

use candle_core::{Result, Tensor, TensorId};

use super::gradient::{Gradient, Terms};
use super::kept::Kept;
use super::lock::lock;
use super::slot::Slot;
use crate::kernels::gemm::tally::GradientSums;

/// The question, and the answer once there is one.
pub(crate) struct Gate {
    /// The map that was normalized.
    x: Kept,
    /// Of the rectified map, a bit for each element that is not 0.
    signs: Vec<u16>,
    /// Of its columns.
    mean: Tensor,
    /// The sums over a gradient that has passed.
    answer: Mutex<Option<(TensorId, GradientSums)>>,
}

impl Gate {
    pub(crate) fn new(x: Kept, signs: Vec<u16>, mean: Tensor) -> Self {
        Self { x, signs, mean, answer: Mutex::new(None) }
    }

    /// The sums over a gradient, if it is one that has passed.
    pub(crate) fn sums(&self, gradient: &Terms) -> Option<GradientSums> {
        let (of, sums) = lock(&self.answer).take()?;
        (gradient.1.is_none() && gradient.0.tensor.id() == of).then_some(sums)
    }

    /// The map that was normalized.
    pub(crate) fn x(&self) -> Result<Tensor> {
        self.x.get()
    }

    /// Of the rectified map, a bit for each element that is not 0.
    pub(crate) fn signs(&self) -> &[u16] {
        &self.signs
    }

    /// The mean of each column of x.
    pub(crate) fn mean(&self) -> &Tensor {
        &self.mean
    }

    /// Says what the sums over a gradient are that has passed.
    pub(crate) fn answer(&self, gradient: &Tensor, sums: GradientSums) {
        *lock(&self.answer) = Some((gradient.id(), sums));
    }
}

/// A gate, and the gradient that should pass it.
pub(crate) struct Asked {
    pub(crate) gate: Arc<Gate>,
    pub(crate) slot: Arc<Slot>,
}

impl Asked {
    /// Whether the terms of all other operations that we know of have come.
    pub(crate) fn last(&self) -> bool {
        self.slot.awaits_one()
    }

    /// Takes the terms that have come, for an operation that adds its own to them.
    pub(crate) fn rest(&self) -> Result<Option<Gradient>> {
        self.slot.take()?.map(Terms::sum).transpose()
    }
}
