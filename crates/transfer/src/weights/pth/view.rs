//! Tensors as views of storages.

use std::io::{Read, Seek};

use super::error::PthError;
use super::object::{Element, Global, Id, Object, Pickle};
use super::place::Place;
use crate::weights::error::WeightsError;
use crate::weights::reader::{Float, Reader};

/// The most dimensions of a tensor in PyTorch.
const MOST_DIMENSIONS: usize = 64;

/// A storage as a pickle names it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Storage<'a> {
    pub(super) key: &'a str,
    pub(super) element: Element,
    /// Where it begins within the storage of this key: old files have parts of others.
    first: u64,
}

/// What a tuple names that stands for a storage: `("storage", class, key, device, count)`, in old
/// files with `None` or `(key, first, count)` behind that.
pub(super) fn storage<'a>(pickle: &Pickle<'a>, id: Id) -> Option<Storage<'a>> {
    let [_, class, key, _, _, part @ ..] = pickle.tuple(id)? else { return None };
    let Object::Global(Global::Storage(element)) = *pickle.get(*class) else { return None };
    let first = match part.first().and_then(|&part| pickle.tuple(part)) {
        Some(&[_, first, _]) => pickle.count(first)?,
        _ => 0,
    };
    Some(Storage { key: pickle.text(*key)?, element, first })
}

/// A tensor as a pickle has it.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) storage: Storage<'a>,
    first: u64,
    pub(super) shape: Vec<u64>,
    strides: Vec<u64>,
}

impl<'a> View<'a> {
    /// The tensor that these arguments make: storage, offset, shape and strides, all in elements.
    pub(super) fn of(pickle: &Pickle<'a>, arguments: Id) -> Result<Self, &'static str> {
        let Some(&[place, first, shape, strides, ..]) = pickle.tuple(arguments) else {
            return Err("it is not made of a storage, an offset, a shape and strides");
        };
        let Object::Storage(place) = *pickle.get(place) else { return Err("it has no storage") };
        let storage = storage(pickle, place).ok_or("its storage is of no known kind")?;
        let counts = |id| -> Option<Vec<u64>> {
            let parts = pickle.tuple(id).filter(|parts| parts.len() <= MOST_DIMENSIONS)?;
            parts.iter().map(|&part| pickle.count(part)).collect()
        };
        let (shape, strides) = counts(shape).zip(counts(strides)).ok_or("its shape or its strides are no numbers")?;
        let first = pickle.count(first).and_then(|first| first.checked_add(storage.first));
        match first {
            Some(first) if shape.len() == strides.len() => {
                // A side of 1 is never stepped along.
                let strides = shape.iter().zip(strides).map(|(&side, stride)| if side == 1 { 0 } else { stride });
                Ok(Self { storage, first, strides: strides.collect(), shape })
            }
            _ => Err("its offset is no number, or its strides are not as many as its sides"),
        }
    }

    /// Its numbers, row by row, from the storage that lies at a place; `name` is what errors call
    /// it.
    pub(super) fn read<R: Read + Seek>(
        &self,
        reader: &mut Reader<R>,
        (name, float): (&str, Float),
        place: Place,
    ) -> Result<Vec<f32>, WeightsError> {
        let size = float.size() as u64;
        let (count, reach) = self
            .extent(place.len / size)
            .map_err(|what| reader.fault(PthError::Tensor { name: name.to_owned(), what }))?;
        // An empty tensor may claim to begin anywhere.
        if count == 0 {
            return Ok(Vec::new());
        }
        let at = place.at + self.first * size;
        if self.is_contiguous() {
            return reader.floats(at, count, float);
        }
        reader.charge(count)?;
        let range = reader.floats(at, reach, float)?;
        Ok(self.gathered(&range, count))
    }

    /// How many numbers it has, and over how many of a storage of `len` they are spread.
    fn extent(&self, len: u64) -> Result<(u64, u64), &'static str> {
        let count = self.shape.iter().try_fold(1u64, |product, &side| product.checked_mul(side));
        let count = count.ok_or("its shape is too large")?;
        if count == 0 {
            return Ok((0, 0));
        }
        let reach = self.shape.iter().zip(&self.strides).try_fold(1u64, |reach, (&side, &stride)| {
            (side - 1).checked_mul(stride).and_then(|more| reach.checked_add(more))
        });
        match reach {
            Some(reach) if self.first.checked_add(reach).is_some_and(|end| end <= len) => Ok((count, reach)),
            _ => Err("it reaches beyond the end of its storage"),
        }
    }

    /// Whether its numbers lie one after the other, row by row.
    fn is_contiguous(&self) -> bool {
        let mut wanted = 1;
        self.shape.iter().zip(&self.strides).rev().filter(|&(&side, _)| side != 1).all(|(&side, &stride)| {
            let fits = stride == wanted;
            wanted *= side;
            fits
        })
    }

    /// The numbers row by row, out of those from its first one on.
    fn gathered(&self, range: &[f32], count: u64) -> Vec<f32> {
        let mut numbers = Vec::with_capacity(count as usize);
        let (mut index, mut place) = (vec![0; self.shape.len()], 0);
        while (numbers.len() as u64) < count {
            numbers.push(range[place as usize]);
            for (axis, (&side, &stride)) in self.shape.iter().zip(&self.strides).enumerate().rev() {
                index[axis] += 1;
                place += stride;
                if index[axis] < side {
                    break;
                }
                index[axis] = 0;
                place -= side * stride;
            }
        }
        numbers
    }
}
