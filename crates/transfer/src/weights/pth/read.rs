//! The tensors of a file that `torch.save` wrote.

use std::io::{Read, Seek};

use super::archive::{self, Archive};
use super::error::PthError;
use super::limits::{MOST_PICKLE, MOST_STEPS};
use super::object::{Element, Pickle};
use super::place::Place;
use super::state_dict::{self, StateDict};
use super::view::View;
use super::{instructions, legacy};
use crate::weights::error::WeightsError;
use crate::weights::reader::Reader;
use crate::weights::weights_file::WeightsFile;

/// How many bytes tell what a file is.
pub(crate) const START: u64 = 9;

/// Whether a file whose first [`START`] bytes these are may be one that `torch.save` has written.
/// The length of a safetensors header can begin as a pickle does, but ends with zeros, and a brace
/// follows.
pub(crate) fn is_pth(start: &[u8]) -> bool {
    const PICKLE: &[u8] = b"\x80";
    let is_safetensors = start.get(4..) == Some(b"\0\0\0\0{");
    start.starts_with(archive::ENTRY) || start.starts_with(PICKLE) && !is_safetensors
}

/// The tensors of a file that `torch.save` wrote.
pub(crate) fn read<R: Read + Seek>(reader: &mut Reader<R>) -> Result<WeightsFile, WeightsError> {
    if reader.up_to(0, archive::ENTRY.len() as u64)? == archive::ENTRY {
        return read_archive(reader);
    }
    let bytes = legacy::pickles(reader)?;
    let legacy::Legacy { pickle, places } = legacy::read(reader, &bytes)?;
    weights(reader, &pickle, |_, key| Ok(places.get(key).copied()))
}

fn read_archive<R: Read + Seek>(reader: &mut Reader<R>) -> Result<WeightsFile, WeightsError> {
    let archive = Archive::open(reader)?;
    let Some(folder) = archive.folder() else {
        return Err(reader.fault(PthError::Container { part: "archive, in which there is no data.pkl," }));
    };
    if archive.holds(&format!("{folder}constants.pkl")) {
        return Err(reader.fault(PthError::Script));
    }
    let mut whole = |name: &str, most| -> Result<Option<Vec<u8>>, WeightsError> {
        match archive.place(reader, &format!("{folder}{name}"))? {
            Some(Place { len, .. }) if len > most => Err(reader.fault(PthError::TooLong)),
            Some(Place { at, len }) => reader.up_to(at, len).map(Some),
            None => Ok(None),
        }
    };
    let order = whole("byteorder", 16)?;
    let pickle = whole("data.pkl", MOST_PICKLE)?.unwrap_or_default();
    match order.as_deref() {
        None | Some(b"little") => {}
        Some(b"big") => reader.set_big_endian(),
        Some(_) => return Err(reader.fault(PthError::ByteOrder)),
    }
    let pickle = instructions::read(&pickle, &mut { MOST_STEPS }).map_err(|error| reader.fault(error))?;
    weights(reader, &pickle, |reader, key| archive.place(reader, &format!("{folder}data/{key}")))
}

/// The tensors of a pickle, out of storages whose places `place` knows by their keys.
fn weights<R: Read + Seek>(
    reader: &mut Reader<R>,
    pickle: &Pickle<'_>,
    place: impl Fn(&mut Reader<R>, &str) -> Result<Option<Place>, WeightsError>,
) -> Result<WeightsFile, WeightsError> {
    let StateDict { entry, tensors, others } = state_dict::find(pickle).map_err(|error| reader.fault(error))?;
    let mut file = WeightsFile::default();
    file.report.entry = entry;
    file.report.left_out = others;
    for (name, arguments) in tensors {
        let wrong = |what| PthError::Tensor { name: name.clone(), what };
        let view = View::of(pickle, arguments).map_err(|what| reader.fault(wrong(what)))?;
        let Element::Float(float) = view.storage.element else {
            file.leave_out(name);
            continue;
        };
        let Some(place) = place(reader, view.storage.key)? else {
            return Err(reader.fault(wrong("its storage is not in the file")));
        };
        let numbers = view.read(reader, (&name, float), place)?;
        let shape: Vec<usize> = view.shape.iter().map(|&side| side as usize).collect();
        reader.check_sides(&name, &shape)?;
        file.add(name, &shape, numbers)?;
    }
    Ok(file)
}
