//! The batches of one epoch, made by several threads and delivered in order.

use std::fmt;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::indexed_batch::IndexedBatch;
use super::work::Work;
use crate::error::DataError;

/// The batches of one epoch, in order.
///
/// A picture that cannot be read or prepared is an error in the place of its batch, and the last
/// item.
pub struct Epoch {
    work: Arc<Work>,
    /// Batches taken.
    taken: usize,
    workers: Vec<JoinHandle<()>>,
    failed: Option<DataError>,
    waited: Duration,
}

impl Epoch {
    /// Starts threads, but no more than there are pictures.
    pub(super) fn start(work: Work, threads: usize) -> Self {
        let (work, mut workers, mut failed) = (Arc::new(work), Vec::new(), None);
        for _ in 0..threads.min(work.plan.dataset.len()) {
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
            taken: 0,
            workers,
            waited: Duration::ZERO,
        }
    }

    /// How long `next` has waited for batches until now, all calls together. A large part of the
    /// epoch means that loading, not training, sets the pace.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

impl Iterator for Epoch {
    type Item = Result<IndexedBatch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let begin = Instant::now();
        let item = match self.failed.take() {
            Some(error) => Some(Err(error)),
            None => self.work.take(self.taken),
        };
        self.taken += 1;
        self.waited += begin.elapsed();
        if let Some(Err(_)) = item {
            self.work.close();
        }
        item
    }
}

impl std::iter::FusedIterator for Epoch {}

impl Drop for Epoch {
    fn drop(&mut self) {
        self.work.close();
        for worker in self.workers.drain(..) {
            // Whatever a worker panics with was delivered as an error.
            let _ = worker.join();
        }
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut epoch = f.debug_struct("Epoch");
        epoch.field("batches", &self.work.plan.batches()).field("threads", &self.workers.len());
        epoch.field("waited", &self.waited).finish_non_exhaustive()
    }
}
