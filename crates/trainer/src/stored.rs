//! Features of frozen stages, computed once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use candle_core::{DType, Device, Tensor};
use taper_data::{IndexedBatch, Loader};
use taper_nn::Mode;
use taper_tensor::Batch;
use taper_transfer::Classifier;

use crate::evaluate::{Evaluation, See};
use crate::pipeline::plain_loader;
use crate::recipe::Recipe;
use crate::regularize::backbone_config;

/// What is kept in memory, bytes; more is kept in a file.
const MEMORY: usize = 1 << 30;

/// Where the batches of a phase come from.
pub(crate) enum Source<'a> {
    /// From pictures, through the whole network.
    Pictures(&'a Loader),
    /// From what the frozen stages made of them.
    Features(Stored<'a>),
}

impl<'a> Source<'a> {
    /// Pictures, or features of them in so many variants: the first as in testing, the others augmented; 0 for pictures.
    pub(crate) fn of(
        classifier: &Classifier,
        (train, val): (&'a Loader, &Loader),
        variants: u32,
        at: Kept<'_>,
    ) -> Result<Self> {
        if variants == 0 || classifier.frozen() == 0 {
            return Ok(Self::Pictures(train));
        }
        let plain = plain_loader(train, val)?;
        let shelves = at.shelves("train", classifier, || shelves(classifier, (train, &plain), variants, at.place))?;
        Ok(Self::Features(Stored { loader: train, shelves, part: None }))
    }

    /// The stage that goes on with what the batches hold.
    pub(crate) fn first(&self, classifier: &Classifier) -> usize {
        if let Self::Features(_) = self { classifier.frozen() } else { 0 }
    }

    /// The batches of an epoch, and the time that `next` waits for pictures.
    /// The first `done` of them are left out.
    pub(crate) fn epoch(
        &self,
        epoch: u64,
        done: usize,
        mut see: impl FnMut(usize, IndexedBatch) -> Result<bool>,
    ) -> Result<Duration> {
        match self {
            Self::Pictures(loader) => {
                let mut batches = loader.epoch_from(epoch, done);
                for (i, loaded) in (done..).zip(batches.by_ref()) {
                    if !see(i, loaded?)? {
                        break;
                    }
                }
                Ok(batches.waited())
            }
            Self::Features(stored) => {
                let order = stored.loader.order(epoch);
                for i in done..stored.loader.batches() {
                    if !see(i, stored.batch(epoch, &order[stored.loader.places(i)])?)? {
                        break;
                    }
                }
                Ok(Duration::ZERO)
            }
        }
    }
}

/// Feature maps of all pictures of a loader, in one or more variants.
pub(crate) struct Stored<'a> {
    loader: &'a Loader,
    shelves: Arc<Vec<Shelf>>,
    /// The rows of the loader's pictures, where these are a part of those that the shelves hold.
    part: Option<Vec<usize>>,
}

impl<'a> Stored<'a> {
    /// What the frozen stages make of the pictures of `train` in `variants`, 1 or more: as `plain` has them, in order, and augmented.
    pub(crate) fn of(classifier: &Classifier, (train, plain): (&'a Loader, &Loader), variants: u32) -> Result<Self> {
        let shelves = Arc::new(shelves(classifier, (train, plain), variants, None)?);
        Ok(Self { loader: train, shelves, part: None })
    }

    /// The same of those pictures alone that have these numbers, and which `train` has in this order.
    pub(crate) fn part<'b>(&self, train: &'b Loader, numbers: Vec<usize>) -> Stored<'b> {
        Stored { loader: train, shelves: Arc::clone(&self.shelves), part: Some(numbers) }
    }

    /// The features of pictures in the variant that an epoch has.
    pub(crate) fn rows(&self, epoch: u64, indices: &[usize]) -> Result<Tensor> {
        let shelf = &self.shelves[(epoch % self.shelves.len() as u64) as usize];
        match &self.part {
            None => shelf.rows(indices),
            Some(part) => shelf.rows(&indices.iter().map(|&i| part[i]).collect::<Vec<_>>()),
        }
    }

    fn batch(&self, epoch: u64, indices: &[usize]) -> Result<IndexedBatch> {
        let (dataset, classes) = (self.loader.dataset(), self.loader.dataset().classes().len());
        let row = |&index: &usize| (0..classes).map(move |class| f32::from(class == dataset.label(index)));
        let targets: Vec<f32> = indices.iter().flat_map(row).collect();
        let targets = Tensor::from_vec(targets, (indices.len(), classes), &Device::Cpu)?;
        Ok(IndexedBatch { batch: Batch { images: self.rows(epoch, indices)?, targets }, indices: indices.to_vec() })
    }
}

/// What the frozen stages make of the pictures of `train` in `variants`, 1 or more: as `plain` has them, in order, and augmented.
/// What exceeds the memory that is set aside for them is kept in a file in `place`, or in the system's folder for such.
fn shelves(
    classifier: &Classifier,
    (train, plain): (&Loader, &Loader),
    variants: u32,
    place: Option<&Path>,
) -> Result<Vec<Shelf>> {
    let in_order = taper_data::LoaderConfig { shuffle: false, even: false, ..train.config().clone() };
    let augmented = Loader::new(train.dataset().clone(), train.prepare().clone(), in_order)?;
    let (mut shelves, mut room) = (Vec::new(), MEMORY);
    shelves.extend(Shelf::filled(classifier, (plain, 0), &mut room, place)?);
    for variant in 1..variants {
        shelves.extend(Shelf::filled(classifier, (&augmented, variant.into()), &mut room, place)?);
    }
    Ok(shelves)
}

/// Features that several trainings in one process have in common: those of the last recipe whose frozen stages saw anything
/// else are forgotten.
#[derive(Default)]
pub struct FeatureCache(Mutex<Cached>);

/// What the features depend on, and they themselves by what they are of.
type Cached = (String, BTreeMap<String, Arc<Vec<Shelf>>>);

/// Where features are kept: the folder of their file, and what other trainings see of them.
#[derive(Clone, Copy)]
pub(crate) struct Kept<'a> {
    pub(crate) place: Option<&'a Path>,
    pub(crate) cache: Option<&'a FeatureCache>,
    pub(crate) recipe: &'a Recipe,
}

impl Kept<'_> {
    /// The features of a side, from the cache where they are there.
    fn shelves(
        &self,
        side: &str,
        classifier: &Classifier,
        fill: impl FnOnce() -> Result<Vec<Shelf>>,
    ) -> Result<Arc<Vec<Shelf>>> {
        let Some(cache) = self.cache else { return Ok(Arc::new(fill()?)) };
        let (base, side) = (self.recipe.features_key()?, format!("{side} behind {}", classifier.frozen()));
        let mut held = cache.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0 != base {
            *held = (base, BTreeMap::new());
        }
        if let Some(shelves) = held.1.get(&side) {
            return Ok(Arc::clone(shelves));
        }
        let shelves = Arc::new(fill()?);
        held.1.insert(side, Arc::clone(&shelves));
        Ok(shelves)
    }
}

impl Recipe {
    /// What the features of stages depend on that are frozen from the first step on, and the shape that they are kept in.
    fn features_key(&self) -> Result<String> {
        let Self { model, pretrained, weights, partial, cut, seed, data, head, .. } = self;
        // Random weights, and the draws of augmentation, are those of the seed.
        let drawn = (self.variants() > 1 || !pretrained || *partial).then_some((seed, &self.augment));
        let (kind, backbone) = ((head.kind, head.hidden == 0), backbone_config(&self.regularize));
        let network = (model, pretrained, weights, partial, cut, kind, backbone);
        Ok(serde_json::to_string(&(network, self.split_seed(), data, drawn, self.variants()))?)
    }
}

/// Rows of one size, in memory or in a file that has no name and ends with the program.
struct Shelf {
    shape: Vec<usize>,
    place: Place,
}

enum Place {
    Memory(Vec<f32>),
    Disk(Mutex<File>),
}

impl Shelf {
    /// What the frozen stages make of the pictures of epoch `epoch` of `pictures`, which come in order; in memory where there is
    /// room, bytes. None where there are no pictures.
    fn filled(
        classifier: &Classifier,
        (pictures, epoch): (&Loader, u64),
        room: &mut usize,
        place: Option<&Path>,
    ) -> Result<Option<Self>> {
        let mut shelf = None;
        for loaded in pictures.epoch(epoch) {
            let maps = classifier.frozen_features(&loaded?.batch.images)?;
            if shelf.is_none() {
                let row = maps.elem_count() / maps.dim(0)?;
                let bytes = 4 * row * pictures.dataset().len();
                let here = bytes <= *room;
                *room -= if here { bytes } else { 0 };
                shelf = Some(Shelf::new(maps.dims()[1..].to_vec(), here, place)?);
            }
            if let Some(shelf) = &mut shelf {
                shelf.push(&maps)?;
            }
        }
        Ok(shelf)
    }

    fn new(shape: Vec<usize>, here: bool, place: Option<&Path>) -> Result<Self> {
        let file = || match place {
            Some(folder) => {
                tempfile::tempfile_in(folder).with_context(|| format!("cannot keep features in {}", folder.display()))
            }
            None => tempfile::tempfile().context("cannot keep features on the disk (TMPDIR names its folder)"),
        };
        let place = if here { Place::Memory(Vec::new()) } else { Place::Disk(Mutex::new(file()?)) };
        Ok(Self { shape, place })
    }

    fn push(&mut self, rows: &Tensor) -> Result<()> {
        let values = rows.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        match &mut self.place {
            Place::Memory(all) => all.extend(values),
            Place::Disk(file) => {
                let bytes: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
                let file = file.get_mut().unwrap_or_else(PoisonError::into_inner);
                file.write_all(&bytes).context("cannot keep features on the disk: is it full?")?;
            }
        }
        Ok(())
    }

    fn rows(&self, indices: &[usize]) -> Result<Tensor> {
        let width: usize = self.shape.iter().product();
        let mut values = Vec::with_capacity(width * indices.len());
        match &self.place {
            Place::Memory(all) => indices.iter().for_each(|&i| values.extend(&all[i * width..(i + 1) * width])),
            Place::Disk(file) => {
                let (mut file, mut row) = (file.lock().unwrap_or_else(PoisonError::into_inner), vec![0; 4 * width]);
                for &i in indices {
                    file.seek(SeekFrom::Start((i * row.len()) as u64))?;
                    file.read_exact(&mut row)?;
                    values.extend(row.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
                }
            }
        }
        Ok(Tensor::from_vec(values, [&[indices.len()], &self.shape[..]].concat(), &Device::Cpu)?)
    }
}

/// The validation pictures, whole or as features.
pub(crate) struct Held<'a> {
    val: &'a Loader,
    stored: Option<Stored<'a>>,
}

impl<'a> Held<'a> {
    /// Features where `source` has them.
    pub(crate) fn of(classifier: &Classifier, val: &'a Loader, source: &Source<'_>, at: Kept<'_>) -> Result<Self> {
        let stored = match source {
            Source::Pictures(_) => None,
            Source::Features(_) => {
                let shelves = at.shelves("val", classifier, || shelves(classifier, (val, val), 1, at.place))?;
                Some(Stored { loader: val, shelves, part: None })
            }
        };
        Ok(Self { val, stored })
    }

    /// How good the classifier is on them. `see` is shown the map of each stage for the first batch, unless features are kept in the
    /// place of the maps.
    pub(crate) fn evaluate(&self, classifier: &Classifier, see: &mut See<'_>) -> Result<Evaluation> {
        let Some(stored) = &self.stored else {
            return crate::evaluate::evaluate_seen(classifier, self.val, see);
        };
        Evaluation::timed(|result| {
            for indices in self.val.order(0).chunks(self.val.config().batch_size) {
                let logits = classifier.forward_from(classifier.frozen(), &stored.rows(0, indices)?, Mode::Eval)?;
                result.add(&logits, indices.iter().map(|&index| self.val.dataset().label(index)))?;
            }
            Ok(Duration::ZERO)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_from_memory_and_from_the_disk() -> Result<()> {
        let rows = Tensor::arange(0f32, 24.0, &Device::Cpu)?.reshape((4, 2, 3))?;
        for here in [true, false] {
            let mut shelf = Shelf::new(vec![2, 3], here, None)?;
            shelf.push(&rows.narrow(0, 0, 3)?)?;
            shelf.push(&rows.narrow(0, 3, 1)?)?;
            let got = shelf.rows(&[3, 0])?;
            assert_eq!(got.dims(), [2, 2, 3]);
            assert_eq!(got.get(0)?.to_vec2::<f32>()?, rows.get(3)?.to_vec2::<f32>()?);
            assert_eq!(got.get(1)?.to_vec2::<f32>()?, rows.get(0)?.to_vec2::<f32>()?);
        }
        Ok(())
    }
}
