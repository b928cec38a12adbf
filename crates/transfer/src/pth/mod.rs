//! PyTorch's own files. What is in them is data: no code runs, whatever it asks for, and nothing is believed of the sizes it claims.

mod archive;
mod code;
mod error;
mod legacy;
mod machine;
mod object;
mod state_dict;
mod view;

use std::io::{Read, Seek};

pub use error::PthError;

use archive::Archive;
use machine::{MOST_PICKLE, MOST_STEPS};
use object::{Element, Pickle};
use state_dict::StateDict;
use view::View;

use crate::WeightsError;
use crate::source::Source;
use crate::weights_file::WeightsFile;

/// A range of the bytes of a file.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: u64,
    len: u64,
}

/// How many bytes tell what a file is.
pub(crate) const START: u64 = 9;

/// Whether a file whose first [`START`] bytes these are may be one that `torch.save` has written. The length of a safetensors header
/// can begin as a pickle does, but ends with zeros, and a brace follows.
pub(crate) fn is_pth(start: &[u8]) -> bool {
    const PICKLE: &[u8] = b"\x80";
    let is_safetensors = start.get(4..) == Some(b"\0\0\0\0{");
    start.starts_with(archive::ENTRY) || start.starts_with(PICKLE) && !is_safetensors
}

/// The tensors of a file that `torch.save` wrote.
pub(crate) fn read<R: Read + Seek>(source: &mut Source<R>) -> Result<WeightsFile, WeightsError> {
    if source.up_to(0, archive::ENTRY.len() as u64)? == archive::ENTRY {
        return read_archive(source);
    }
    let bytes = legacy::pickles(source)?;
    let legacy::Legacy { pickle, places } = legacy::read(source, &bytes)?;
    weights(source, &pickle, |_, key| Ok(places.get(key).copied()))
}

fn read_archive<R: Read + Seek>(source: &mut Source<R>) -> Result<WeightsFile, WeightsError> {
    let archive = Archive::open(source)?;
    let Some(folder) = archive.folder() else {
        return Err(source.fault(PthError::Container { part: "archive, in which there is no data.pkl," }));
    };
    if archive.holds(&format!("{folder}constants.pkl")) {
        return Err(source.fault(PthError::Script));
    }
    let mut whole = |name: &str, most| -> Result<Option<Vec<u8>>, WeightsError> {
        match archive.place(source, &format!("{folder}{name}"))? {
            Some(Place { len, .. }) if len > most => Err(source.fault(PthError::TooLong)),
            Some(Place { at, len }) => source.up_to(at, len).map(Some),
            None => Ok(None),
        }
    };
    let order = whole("byteorder", 16)?;
    let pickle = whole("data.pkl", MOST_PICKLE)?.unwrap_or_default();
    match order.as_deref() {
        None | Some(b"little") => {}
        Some(b"big") => source.set_big_endian(),
        Some(_) => return Err(source.fault(PthError::ByteOrder)),
    }
    let pickle = machine::read(&pickle, &mut { MOST_STEPS }).map_err(|error| source.fault(error))?;
    weights(source, &pickle, |source, key| archive.place(source, &format!("{folder}data/{key}")))
}

/// The tensors of a pickle, out of storages whose places `place` knows by their keys.
fn weights<R: Read + Seek>(
    source: &mut Source<R>,
    pickle: &Pickle<'_>,
    place: impl Fn(&mut Source<R>, &str) -> Result<Option<Place>, WeightsError>,
) -> Result<WeightsFile, WeightsError> {
    let StateDict { entry, tensors, others } = state_dict::find(pickle).map_err(|error| source.fault(error))?;
    let mut file = WeightsFile::default();
    file.report.entry = entry;
    file.report.left_out = others;
    for (name, arguments) in tensors {
        let wrong = |what| PthError::Tensor { name: name.clone(), what };
        let view = View::of(pickle, arguments).map_err(|what| source.fault(wrong(what)))?;
        let Element::Float(float) = view.storage.element else {
            file.leave_out(name);
            continue;
        };
        let Some(place) = place(source, view.storage.key)? else {
            return Err(source.fault(wrong("its storage is not in the file")));
        };
        let numbers = view.read(source, (&name, float), place)?;
        let shape: Vec<usize> = view.shape.iter().map(|&side| side as usize).collect();
        source.check_sides(&name, &shape)?;
        file.add(name, &shape, numbers)?;
    }
    Ok(file)
}
