//! Features of frozen stages, computed once and read in every epoch.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Tensor};
use taper_data::{Dataset, IndexedBatch, Loader, LoaderConfig};
use taper_tensor::Batch;
use taper_transfer::Classifier;

use super::error::FitError;
use super::shared_maps::each_map;
use crate::build::memory::Machine;
use crate::error::Result;
use crate::listener::{Listener, Progress, Work};
use crate::ranks::Ranks;

/// What is kept in memory, bytes, and which part at most of what this process may have; more is
/// kept in a file.
const MEMORY: usize = 1 << 30;
const PART: u64 = 8;

/// Feature maps of all pictures of a data set, in one or more variants of each.
#[derive(Clone, Debug)]
pub(crate) struct FeatureStore {
    variants: Arc<Vec<Variant>>,
    /// The row of each picture, where the pictures are a part of those in the store.
    rows: Option<Vec<usize>>,
}

impl FeatureStore {
    /// A store of these variants.
    pub(crate) fn new(variants: Arc<Vec<Variant>>) -> Self {
        Self { variants, rows: None }
    }

    /// The features of those pictures alone that have these numbers, in this order.
    pub(crate) fn part(&self, numbers: Vec<usize>) -> Self {
        Self { variants: Arc::clone(&self.variants), rows: Some(numbers) }
    }

    /// The features of pictures in the variant that an epoch has.
    pub(crate) fn rows(&self, epoch: u64, indices: &[usize]) -> Result<Tensor> {
        let variant = &self.variants[(epoch % self.variants.len() as u64) as usize];
        match &self.rows {
            None => variant.rows(indices),
            Some(rows) => variant.rows(&indices.iter().map(|&i| rows[i]).collect::<Vec<_>>()),
        }
    }

    /// The same as a batch, with the classes that `dataset` has for these pictures.
    pub(crate) fn batch(&self, dataset: &dyn Dataset, epoch: u64, indices: &[usize]) -> Result<IndexedBatch> {
        let classes = dataset.classes().len();
        let mut targets = vec![0f32; indices.len() * classes];
        for (&index, row) in indices.iter().zip(targets.chunks_exact_mut(classes.max(1))) {
            dataset.target(index, row)?;
        }
        let targets = Tensor::from_vec(targets, (indices.len(), classes), &Device::Cpu)?;
        Ok(IndexedBatch { batch: Batch { images: self.rows(epoch, indices)?, targets }, indices: indices.to_vec() })
    }
}

/// What the frozen stages make of the pictures of `train` in so many variants, 1 or more: the first
/// as `plain` prepares them, in their order, the others augmented. What exceeds [`MEMORY`] is
/// written to a file in `scratch`, or in the system's folder for such. Several processes compute
/// every so manyth batch each, and give it to all.
pub(crate) fn compute(
    of: (&Classifier, &dyn Ranks),
    (train, plain): (&Loader, &Loader),
    count: u32,
    (scratch, listener): (Option<&Path>, &dyn Listener),
) -> Result<Vec<Variant>> {
    let progress = listener.work(Work::Features);
    progress.begin(u64::from(count.max(1)) * plain.dataset().len() as u64);
    let in_order = LoaderConfig { shuffle: false, even: false, ..train.config().clone() };
    let augmented = Loader::new(train.dataset().clone(), train.prepare().clone(), in_order)?;
    let (mut variants, mut room) = (Vec::new(), MEMORY.min((Machine::here().most / PART) as usize));
    variants.extend(Variant::compute(of, (plain, 0), &mut room, (scratch, &*progress))?);
    for number in 1..count {
        variants.extend(Variant::compute(of, (&augmented, number.into()), &mut room, (scratch, &*progress))?);
    }
    Ok(variants)
}

/// A row of features for each picture, in memory or in a file that has no name and ends with the
/// program.
#[derive(Debug)]
pub(crate) struct Variant {
    shape: Vec<usize>,
    rows: Rows,
}

#[derive(Debug)]
enum Rows {
    Memory(Vec<f32>),
    Disk(Mutex<File>),
}

impl Variant {
    /// What the frozen stages make of the pictures of epoch `epoch` of `pictures`, which come in
    /// order; in memory where there is room, bytes. None where there are no pictures.
    fn compute(
        of: (&Classifier, &dyn Ranks),
        (pictures, epoch): (&Loader, u64),
        room: &mut usize,
        (scratch, progress): (Option<&Path>, &dyn Progress),
    ) -> Result<Option<Self>> {
        let mut variant: Option<Self> = None;
        each_map(of, (pictures, epoch), &mut |maps| {
            if variant.is_none() {
                let row = maps.elem_count() / maps.dim(0)?;
                let bytes = 4 * row * pictures.dataset().len();
                let fits = bytes <= *room;
                *room -= if fits { bytes } else { 0 };
                let rows = if fits { Rows::Memory(Vec::with_capacity(bytes / 4)) } else { Rows::on_disk(scratch)? };
                variant = Some(Self { shape: maps.dims()[1..].to_vec(), rows });
            }
            if let Some(variant) = &mut variant {
                variant.push(maps)?;
                progress.advance(maps.dim(0)? as u64);
            }
            Ok(())
        })?;
        Ok(variant)
    }

    fn push(&mut self, rows: &Tensor) -> Result<()> {
        let values = rows.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        match &mut self.rows {
            Rows::Memory(all) => all.extend(values),
            Rows::Disk(file) => {
                let bytes: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
                let file = file.get_mut().unwrap_or_else(PoisonError::into_inner);
                file.write_all(&bytes).map_err(|source| FitError::KeepFeatures { source })?;
            }
        }
        Ok(())
    }

    fn rows(&self, indices: &[usize]) -> Result<Tensor> {
        let width: usize = self.shape.iter().product();
        let mut values = Vec::with_capacity(width * indices.len());
        match &self.rows {
            Rows::Memory(all) => indices.iter().for_each(|&i| values.extend(&all[i * width..(i + 1) * width])),
            Rows::Disk(file) => {
                let (mut file, mut row) = (file.lock().unwrap_or_else(PoisonError::into_inner), vec![0; 4 * width]);
                for &i in indices {
                    let start = SeekFrom::Start((i * row.len()) as u64);
                    let read = file.seek(start).and_then(|_| file.read_exact(&mut row));
                    read.map_err(|source| FitError::ReadFeatures { source })?;
                    values.extend(row.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
                }
            }
        }
        Ok(Tensor::from_vec(values, [&[indices.len()], &self.shape[..]].concat(), &Device::Cpu)?)
    }
}

impl Rows {
    fn on_disk(scratch: Option<&Path>) -> Result<Self, FitError> {
        let file = scratch.map_or_else(tempfile::tempfile, tempfile::tempfile_in);
        let no_scratch = |source| FitError::NoScratch { folder: scratch.map(Path::to_owned), source };
        Ok(Self::Disk(Mutex::new(file.map_err(no_scratch)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_from_memory_and_from_the_disk() -> Result<(), Box<dyn std::error::Error>> {
        let rows = Tensor::arange(0f32, 24.0, &Device::Cpu)?.reshape((4, 2, 3))?;
        for kept in [Rows::Memory(Vec::new()), Rows::on_disk(None)?] {
            let mut variant = Variant { shape: vec![2, 3], rows: kept };
            variant.push(&rows.narrow(0, 0, 3)?)?;
            variant.push(&rows.narrow(0, 3, 1)?)?;
            let got = variant.rows(&[3, 0])?;
            assert_eq!(got.dims(), [2, 2, 3]);
            assert_eq!(got.get(0)?.to_vec2::<f32>()?, rows.get(3)?.to_vec2::<f32>()?);
            assert_eq!(got.get(1)?.to_vec2::<f32>()?, rows.get(0)?.to_vec2::<f32>()?);
        }
        Ok(())
    }
}
