//! What a phase trains and is validated on.

use taper_data::Loader;
use taper_tensor::Precision;

use super::batches::{BatchSource, Batches};
use super::feature_store::FeatureStore;
use super::shards::Shards;

/// The batches of a phase.
#[derive(Debug)]
pub struct PhaseData<'a> {
    train: BatchSource<'a>,
    val: BatchSource<'a>,
    /// What epochs are validated in, and the features of `val` were computed in.
    precision: Precision,
    /// The pictures to validate on, whatever `val` is.
    pictures: BatchSource<'a>,
    pub(super) shards: Shards<'a>,
}

impl<'a> PhaseData<'a> {
    /// Pictures to train on, and to validate on in a precision.
    pub(super) fn of_pictures(
        (train, val): (&'a Loader, &'a Loader),
        precision: Precision,
        shards: Shards<'a>,
    ) -> Self {
        let pictures = || BatchSource::Pictures(val);
        Self { train: BatchSource::Pictures(train), val: pictures(), precision, pictures: pictures(), shards }
    }

    /// What frozen stages made of them.
    pub(super) fn of_features(
        (train, trained): (&'a Loader, FeatureStore),
        (val, validated): (&'a Loader, FeatureStore),
        precision: Precision,
        shards: Shards<'a>,
    ) -> Self {
        let (train, pictures) = (BatchSource::Features(train, trained), BatchSource::Pictures(val));
        Self { train, val: BatchSource::Features(val, validated), precision, pictures, shards }
    }

    /// The training batches of an epoch of the run, from 1, without the first `done` of them; of
    /// several processes each has the rows that it needs.
    pub fn batches(&self, epoch: usize, done: usize) -> Batches<'_> {
        self.train.batches(epoch as u64, done, self.shards)
    }

    /// Whether pictures go through the whole network.
    pub(super) fn has_maps(&self) -> bool {
        matches!(self.val, BatchSource::Pictures(_))
    }

    /// What an epoch is validated in and on. What is `left` in the end is measured as it will
    /// answer: in float32, for which features of another precision do not serve.
    pub(super) fn validated(&self, left: bool) -> (Precision, &BatchSource<'a>) {
        let again = left && self.precision != Precision::F32;
        if again { (Precision::F32, &self.pictures) } else { (self.precision, &self.val) }
    }
}
