//! A batch that knows its pictures.

use taper_tensor::Batch;

/// A batch and where its pictures come from.
#[derive(Clone, Debug)]
pub struct IndexedBatch {
    /// Pictures and targets.
    pub batch: Batch,
    /// The indices of the pictures in the dataset, row by row.
    pub indices: Vec<usize>,
}
