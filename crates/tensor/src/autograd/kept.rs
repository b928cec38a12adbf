//! What an operation keeps of a map that it has read: the map, or how to compute it once more.
//!
//! Memory of a training step is what the backward pass will ask for. The output of a batch norm
//! follows from its input, which the norm keeps anyway, in one pass over memory; so whoever reads
//! that output keeps the recipe in the place of the map, which halves what a network of
//! convolutions and norms holds. A result is offered again by the operation that made it
//! ([`offer`](super::tape::offer)), and is the same to the bit.

use std::sync::Arc;

use candle_core::{Result, Tensor};

/// Computes a result again.
pub(crate) type Again = Arc<dyn Fn() -> Result<Tensor> + Send + Sync>;

/// A contiguous map that is kept for the backward pass.
#[derive(Clone)]
pub(crate) enum Kept {
    /// Itself.
    Map(Tensor),
    /// How to compute it from what is kept by others.
    Again(Again),
}

impl Kept {
    /// The map.
    pub(crate) fn get(&self) -> Result<Tensor> {
        match self {
            Kept::Map(map) => Ok(map.clone()),
            Kept::Again(again) => again(),
        }
    }
}
