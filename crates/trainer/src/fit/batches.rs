//! The batches of an epoch, one after the other: decoded pictures and stored features alike.

use std::ops::Range;
use std::time::Duration;

use taper_data::{Epoch, IndexedBatch, Loader};
use taper_transfer::Classifier;

use super::feature_store::FeatureStore;
use super::shards::Shards;
use super::validation::validate;
use crate::error::Result;
use crate::evaluate::{Evaluation, ShowMap};
use crate::objective::Objective;
use crate::ranks::Ranks;

/// Where the batches of a phase come from.
#[derive(Debug)]
pub(crate) enum BatchSource<'a> {
    /// From pictures, through the whole network.
    Pictures(&'a Loader),
    /// From what the frozen stages made of them.
    Features(&'a Loader, FeatureStore),
}

impl BatchSource<'_> {
    /// The batches of an epoch in their order, without the first `done` of them; of each the rows
    /// that are needed for the shards of this process.
    pub(crate) fn batches(&self, epoch: u64, done: usize, shards: Shards<'_>) -> Batches<'_> {
        let (Self::Pictures(loader) | Self::Features(loader, _)) = self;
        let places: Vec<_> = (done..loader.batches()).map(|batch| shards.places(loader, batch)).collect();
        match self {
            Self::Pictures(loader) => Batches(Inner::Pictures(loader.epoch_of(epoch, places))),
            Self::Features(loader, store) => {
                let order = loader.order(epoch);
                Batches(Inner::Features { loader, store, epoch, order, places: places.into_iter() })
            }
        }
    }

    /// How good the classifier is on all pictures, in their order. `show` is shown the map of each
    /// stage for the first batch, unless features take the place of the maps; `tell` hears how many
    /// pictures are done, of how many. Of several processes the first alone learns the answers, and
    /// the others the loss.
    pub(crate) fn evaluate(
        &self,
        network: (&Classifier, &Objective),
        ranks: &dyn Ranks,
        show: &mut ShowMap<'_>,
        tell: &mut dyn FnMut(usize, usize),
    ) -> Result<Evaluation> {
        let of = match self {
            Self::Pictures(loader) => (*loader, None),
            Self::Features(loader, store) => (*loader, Some(store)),
        };
        validate(network, of, (show, tell), ranks)
    }
}

/// An iterator over the batches of an epoch.
#[derive(Debug)]
pub struct Batches<'a>(Inner<'a>);

#[derive(Debug)]
enum Inner<'a> {
    /// Decoded and augmented ahead by the threads of a loader.
    Pictures(Epoch),
    /// Gathered from a store when they are asked for.
    Features {
        loader: &'a Loader,
        store: &'a FeatureStore,
        epoch: u64,
        /// The pictures of the epoch.
        order: Vec<usize>,
        /// The places in it of the batches that come next.
        places: std::vec::IntoIter<Range<usize>>,
    },
}

impl Batches<'_> {
    /// How long [`next`](Iterator::next) has waited for pictures.
    pub fn waited(&self) -> Duration {
        match &self.0 {
            Inner::Pictures(epoch) => epoch.waited(),
            Inner::Features { .. } => Duration::ZERO,
        }
    }
}

impl Iterator for Batches<'_> {
    type Item = Result<IndexedBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Inner::Pictures(epoch) => Some(epoch.next()?.map_err(Into::into)),
            Inner::Features { loader, store, epoch, order, places } => {
                let indices = &order[places.next()?];
                Some(store.batch(&**loader.dataset(), *epoch, indices))
            }
        }
    }
}
