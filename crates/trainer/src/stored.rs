//! Features of frozen stages, computed once.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use candle_core::{DType, Device, Tensor};
use taper_data::{Loaded, Loader};
use taper_tensor::{Batch, Mode};
use taper_transfer::Classifier;

use crate::evaluate::Evaluation;
use crate::pipeline::plain_loader;

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
    pub(crate) fn of(classifier: &Classifier, train: &'a Loader, val: &Loader, variants: u32) -> Result<Self> {
        if variants == 0 || classifier.frozen() == 0 {
            return Ok(Self::Pictures(train));
        }
        let in_order = taper_data::LoaderConfig { shuffle: false, drop_last: false, ..train.config().clone() };
        let augmented = Loader::new(train.dataset().clone(), train.prepare().clone(), in_order)?;
        let mut stored = Stored::new(train, MEMORY);
        stored.add(classifier, &plain_loader(train, val, false)?, 0)?;
        for variant in 1..variants {
            stored.add(classifier, &augmented, variant.into())?;
        }
        Ok(Self::Features(stored))
    }

    /// The stage that goes on with what the batches hold.
    pub(crate) fn first(&self, classifier: &Classifier) -> usize {
        if let Self::Features(_) = self { classifier.frozen() } else { 0 }
    }

    /// The batches of an epoch, and the time that `next` waits for pictures.
    pub(crate) fn epoch(&self, epoch: u64, mut see: impl FnMut(usize, Loaded) -> Result<bool>) -> Result<Duration> {
        match self {
            Self::Pictures(loader) => {
                let mut batches = loader.epoch(epoch);
                for (i, loaded) in batches.by_ref().enumerate() {
                    if !see(i, loaded?)? {
                        break;
                    }
                }
                Ok(batches.waited())
            }
            Self::Features(stored) => {
                let (order, size) = (stored.loader.order(epoch), stored.loader.config().batch_size);
                for (i, indices) in order.chunks(size).take(stored.loader.batches()).enumerate() {
                    if !see(i, stored.batch(epoch, indices)?)? {
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
    shelves: Vec<Shelf>,
    /// Bytes that may still be kept in memory.
    room: usize,
}

impl<'a> Stored<'a> {
    fn new(loader: &'a Loader, room: usize) -> Self {
        Self { loader, shelves: Vec::new(), room }
    }

    /// A further variant: what the frozen stages make of the pictures of epoch `epoch` of `pictures`, which come in order.
    fn add(&mut self, classifier: &Classifier, pictures: &Loader, epoch: u64) -> Result<()> {
        let mut shelf = None;
        for loaded in pictures.epoch(epoch) {
            let maps = classifier.frozen_features(&loaded?.batch.images)?;
            if shelf.is_none() {
                let row = maps.elem_count() / maps.dim(0)?;
                let bytes = 4 * row * pictures.dataset().len();
                let here = bytes <= self.room;
                self.room -= if here { bytes } else { 0 };
                shelf = Some(Shelf::new(maps.dims()[1..].to_vec(), here)?);
            }
            if let Some(shelf) = &mut shelf {
                shelf.push(&maps)?;
            }
        }
        self.shelves.extend(shelf);
        Ok(())
    }

    /// The features of pictures in the variant that an epoch has.
    fn rows(&self, epoch: u64, indices: &[usize]) -> Result<Tensor> {
        self.shelves[(epoch % self.shelves.len() as u64) as usize].rows(indices)
    }

    fn batch(&self, epoch: u64, indices: &[usize]) -> Result<Loaded> {
        let (dataset, classes) = (self.loader.dataset(), self.loader.dataset().classes().len());
        let row = |&index: &usize| (0..classes).map(move |class| f32::from(class == dataset.label(index)));
        let targets: Vec<f32> = indices.iter().flat_map(row).collect();
        let targets = Tensor::from_vec(targets, (indices.len(), classes), &Device::Cpu)?;
        Ok(Loaded { batch: Batch { images: self.rows(epoch, indices)?, targets }, indices: indices.to_vec() })
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
    fn new(shape: Vec<usize>, here: bool) -> Result<Self> {
        let file = || tempfile::tempfile().context("cannot keep features on the disk (TMPDIR names its folder)");
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
                file.write_all(&bytes)
                    .context("cannot keep features on the disk: is it full? TMPDIR names the folder")?;
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
    pub(crate) fn of(classifier: &Classifier, val: &'a Loader, source: &Source<'_>) -> Result<Self> {
        let stored = match source {
            Source::Pictures(_) => None,
            Source::Features(_) => {
                let mut stored = Stored::new(val, MEMORY);
                stored.add(classifier, val, 0)?;
                Some(stored)
            }
        };
        Ok(Self { val, stored })
    }

    /// How good the classifier is on them.
    pub(crate) fn evaluate(&self, classifier: &Classifier) -> Result<Evaluation> {
        let Some(stored) = &self.stored else {
            return crate::evaluate::evaluate(classifier, self.val);
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
            let mut shelf = Shelf::new(vec![2, 3], here)?;
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
