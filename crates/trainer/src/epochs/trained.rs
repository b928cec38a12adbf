//! What a training is of.

use candle_core::Error as TensorError;

use super::row::Columns;
use super::state::Tensors;
use crate::error::Error;
use crate::files::FileError;
use crate::store::CheckpointError;

/// A batch of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its epoch, from 0.
    pub epoch: usize,
    /// Its number in the epoch, from 0.
    pub batch: usize,
    /// Its number in the run, from 0.
    pub step: usize,
}

/// A step that is taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// Each loss of the batch, in the order of the columns.
    pub losses: Vec<f64>,
    /// Pictures of the batch.
    pub pictures: usize,
}

/// A network with its pictures, its optimizer and its measure.
///
/// What is random of a step has to follow from its [`Place`], so that a training that is broken off
/// ends with the bits of one that is not.
pub trait Trained {
    /// What it is measured as.
    type Metrics;
    /// What can go wrong.
    type Error: From<Error> + From<FileError> + From<CheckpointError> + From<TensorError> + From<serde_json::Error>;

    /// What the numbers of an epoch are called.
    const COLUMNS: Columns;

    /// Epochs in all.
    fn epochs(&self) -> usize;

    /// Pictures of an epoch.
    fn pictures(&self) -> usize;

    /// Batches of an epoch.
    fn batches(&self) -> usize;

    /// What the phase of an epoch, from 0, is called.
    fn phase(&self, _epoch: usize) -> &'static str {
        "all"
    }

    /// Makes ready for an epoch, from 0, before its first batch, or before the first that is left
    /// of it. Where a phase begins with it, its optimizer is made here.
    ///
    /// # Errors
    /// When something cannot be made.
    fn enter(&mut self, epoch: usize) -> Result<(), Self::Error>;

    /// Trains on a batch.
    ///
    /// # Errors
    /// When a picture cannot be read, or the loss or a gradient is NaN or infinite.
    fn step(&mut self, place: Place) -> Result<Taken, Self::Error>;

    /// The learning rate of a step of the run, from 0.
    fn lr(&self, step: usize) -> f64;

    /// Whether the network is measured behind an epoch, from 1. The last one is in any case.
    fn is_measured(&self, epoch: usize) -> bool;

    /// Measures the network; `seen` is told how many pictures of how many are done.
    ///
    /// # Errors
    /// When a picture cannot be read.
    fn measure(&mut self, seen: &mut dyn FnMut(usize, usize)) -> Result<Self::Metrics, Self::Error>;

    /// A measure as the columns have it.
    fn numbers(metrics: &Self::Metrics) -> Vec<f64>;

    /// The network's parameters and buffers.
    fn model(&self) -> Tensors;

    /// What the optimizer remembers.
    ///
    /// # Errors
    /// When a tensor cannot be read.
    fn optimizer(&self) -> Result<Tensors, Self::Error>;

    /// Takes back what [`model`](Self::model) and [`optimizer`](Self::optimizer) gave in an epoch,
    /// from 0, which has been [entered](Self::enter).
    ///
    /// # Errors
    /// When they are of another network.
    fn load(&mut self, model: &Tensors, optimizer: &Tensors) -> Result<(), Self::Error>;
}
