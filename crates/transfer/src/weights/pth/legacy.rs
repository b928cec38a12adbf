//! The streams that `torch.save` wrote before PyTorch 1.6: four pickles, a fifth with the keys of
//! the storages, and these.

use std::collections::HashMap;
use std::io::{Read, Seek};

use super::error::PthError;
use super::instructions;
use super::limits::{MOST_PICKLE, MOST_STEPS};
use super::object::{Object, Pickle};
use super::place::Place;
use super::view::storage;
use crate::weights::error::WeightsError;
use crate::weights::reader::Reader;

/// The number 0x1950a86a20f9469cfc6c, which the first pickle holds.
const MAGIC: &[u8] = &[0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// The number that the second pickle holds.
const VERSION: i64 = 1001;

/// A stream: what was saved, and where each storage lies.
pub(super) struct Legacy<'a> {
    pub(super) pickle: Pickle<'a>,
    pub(super) places: HashMap<&'a str, Place>,
}

/// The bytes that may be the pickles.
pub(super) fn pickles<R: Read + Seek>(reader: &mut Reader<R>) -> Result<Vec<u8>, WeightsError> {
    reader.up_to(0, MOST_PICKLE)
}

/// Reads the stream whose pickles `bytes` begin with.
pub(super) fn read<'a, R: Read + Seek>(reader: &mut Reader<R>, bytes: &'a [u8]) -> Result<Legacy<'a>, WeightsError> {
    let mut stream = Stream { bytes, at: 0, left: MOST_STEPS };
    let (pickle, keys) = stream.saved().map_err(|error| reader.fault(error))?;
    let places = places(reader, &pickle, &keys, stream.at as u64)?;
    Ok(Legacy { pickle, places })
}

/// The pickles of a stream, one behind the other.
struct Stream<'a> {
    bytes: &'a [u8],
    at: usize,
    /// How many more instructions may be followed, in all of them together.
    left: usize,
}

impl<'a> Stream<'a> {
    /// What was saved, and the keys of the storages. The pickles before them are checked and
    /// forgotten.
    fn saved(&mut self) -> Result<(Pickle<'a>, Pickle<'a>), PthError> {
        if !self.next_is(|root| matches!(root, Object::Long(MAGIC)))? {
            return Err(PthError::Foreign);
        }
        if !self.next_is(|root| matches!(root, Object::Int(VERSION)))? {
            return Err(PthError::Container { part: "stream" });
        }
        // About the machine that wrote it. PyTorch writes the numbers of a stream as little-endian
        // on every machine.
        self.read_next()?;
        Ok((self.read_next()?, self.read_next()?))
    }

    fn next_is(&mut self, wanted: impl Fn(&Object<'a>) -> bool) -> Result<bool, PthError> {
        let pickle = self.read_next()?;
        Ok(wanted(pickle.get(pickle.root)))
    }

    fn read_next(&mut self) -> Result<Pickle<'a>, PthError> {
        let pickle = instructions::read(&self.bytes[self.at..], &mut self.left)?;
        self.at += pickle.len;
        Ok(pickle)
    }
}

/// Where the storages lie: from `at` on, in the order of their keys, each behind the number of its
/// elements.
fn places<'a, R: Read + Seek>(
    reader: &mut Reader<R>,
    pickle: &Pickle<'a>,
    keys: &Pickle<'a>,
    mut at: u64,
) -> Result<HashMap<&'a str, Place>, WeightsError> {
    let named = pickle.objects.iter().filter_map(|object| match object {
        Object::Storage(id) => storage(pickle, *id),
        _ => None,
    });
    let sizes: HashMap<&str, u64> = named.map(|storage| (storage.key, storage.element.size())).collect();
    let invalid = || PthError::Container { part: "list of storages" };
    let Object::List(list) = keys.get(keys.root) else { return Err(reader.fault(invalid())) };
    let mut places = HashMap::new();
    for &key in list {
        let (key, count) = (keys.text(key), reader.array(at)?.map(u64::from_le_bytes));
        let place = key.zip(count).and_then(|(key, count)| {
            let (at, len) = (at + 8, count.checked_mul(*sizes.get(key)?)?);
            (at.checked_add(len)? <= reader.len()).then_some((key, Place { at, len }))
        });
        let Some((key, place)) = place else { return Err(reader.fault(invalid())) };
        at = place.at + place.len;
        places.insert(key, place);
    }
    Ok(places)
}
