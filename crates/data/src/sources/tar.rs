//! Pictures in tar files, as WebDataset has them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tar::Archive;

use super::cells::Cells;
use super::listing::has_ending;
use super::records::{Container, Place, Records};
use super::sheet::{ITEM, cell};
use super::side::Side;
use crate::dataset::LabelKind;
use crate::error::DataError;
use crate::file::open_file;
use crate::left_out::LeftOut;
use crate::limits::EXTENSIONS;
use crate::names::Names;

/// The longest file of labels beside a picture, bytes.
const MAX_LABEL: u64 = 1 << 20;
/// Where the label stands in a JSON object beside a picture, the likeliest first.
const KEYS: [&str; 8] = ["label", "labels", "class", "classes", "cls", "class_name", "category", "target"];
/// Files that name the classes, a line each, beside shards whose labels are numbers.
const CLASSES: [&str; 3] = ["classnames.txt", "classes.txt", "class_names.txt"];

/// Whether a file is a tar file, by its ending.
pub(crate) fn is_tar(path: &Path) -> bool {
    has_ending(path, "tar")
}

/// What is known of a picture before the labels of all are.
#[derive(Default)]
struct Found {
    files: Vec<Container>,
    places: Vec<Place>,
    names: Names,
    /// The label of each as text, the items of several ended by [`ITEM`].
    labels: Names,
    sides: Vec<Option<Side>>,
    left_out: LeftOut,
}

/// A picture and what lies beside it under the same name.
#[derive(Default)]
struct Sample {
    key: String,
    picture: Option<(Place, String)>,
    /// The label by the ending that it was found under.
    label: BTreeMap<usize, String>,
}

/// What labels stand in, the likeliest first.
const LABEL_ENDINGS: [&str; 3] = ["cls", "json", "txt"];

/// Opens tar files, each with the side of a split that it is on.
///
/// Files of one name up to the first dot are a sample: a picture, and its label in `.cls` (a number
/// or a name), `.json` (under `label`, `class`, `cls`, ..., a list for several) or `.txt`. A
/// picture without any is of the class that its folder is called. The headers are read once; a
/// picture is read from its place when it is asked for.
///
/// # Errors
/// When a file cannot be read, or a label is not what it should be.
pub(crate) fn open(
    shards: &[(PathBuf, Option<Side>)],
    kind: Option<LabelKind>,
) -> Result<(Records, Vec<Option<Side>>, LeftOut), DataError> {
    let mut found = Found::default();
    for (path, side) in shards {
        found.read(path, *side)?;
    }
    let Found { files, places, names, labels, sides, left_out } = found;
    if places.is_empty() {
        let path = files.first().map(|file| file.path.clone()).unwrap_or_default();
        let got = if left_out.is_empty() { "nothing".to_owned() } else { left_out.to_string() };
        return Err(DataError::Malformed { path, part: "what is in it", wanted: "pictures".into(), got });
    }
    let of = |row: usize| (files[places[row].file as usize].path.as_path(), row as u64 + 1);
    let columns = ["label".to_owned()];
    if let Some(row) = (0..labels.len()).find(|&row| labels.get(row).is_empty() && kind != Some(LabelKind::Many)) {
        let path = of(row).0.join(names.get(row));
        let wanted = "in .cls, .json or .txt of the same name, or the name of a folder";
        return Err(DataError::Malformed { path, part: "the label", wanted: wanted.into(), got: "nothing".into() });
    }
    let labels = Cells { names: &columns, cells: &labels, place: &of }.labels(kind)?;
    let labels = match class_names(shards) {
        Some(names) => labels.numbered(&names),
        None => labels,
    };
    Ok((Records::new(files, (places, names), labels), sides, left_out))
}

/// Where names of classes may stand: beside the first of the shards, or in the folder above.
pub(super) fn class_files(shards: &[(PathBuf, Option<Side>)]) -> Vec<PathBuf> {
    let folders = shards.first().into_iter().flat_map(|(shard, _)| shard.ancestors().skip(1).take(2));
    folders.flat_map(|folder| CLASSES.map(|name| folder.join(name))).collect()
}

/// The names of the classes.
fn class_names(shards: &[(PathBuf, Option<Side>)]) -> Option<Vec<String>> {
    let text = class_files(shards).into_iter().find_map(|path| fs::read_to_string(path).ok())?;
    Some(text.lines().map(str::trim).filter(|name| !name.is_empty()).map(Into::into).collect())
}

impl Found {
    fn read(&mut self, path: &Path, side: Option<Side>) -> Result<(), DataError> {
        let failed = |reason| DataError::Read { path: path.into(), reason };
        let (file, _) = open_file(path, failed)?;
        let number = self.files.len() as u32;
        self.files.push(Container { path: path.into(), file: file.try_clone().map_err(failed)? });
        let damaged = |error: io::Error| DataError::Malformed {
            path: path.into(),
            part: "the archive",
            wanted: "a plain tar file (unpack what is compressed)".into(),
            got: error.to_string(),
        };
        let mut archive = Archive::new(Skipping(BufReader::with_capacity(1 << 16, file)));
        let mut sample = Sample::default();
        for entry in archive.entries_with_seek().map_err(damaged)? {
            let mut entry = entry.map_err(damaged)?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let name = entry.path().map_err(damaged)?.to_string_lossy().into_owned();
            let (key, ending) = parts(&name);
            if key.rsplit('/').next().is_some_and(|base| base.is_empty() || base.starts_with('.')) {
                continue;
            }
            if key != sample.key {
                self.take(std::mem::take(&mut sample), side);
                sample.key = key.to_owned();
            }
            let lower = ending.to_lowercase();
            let last = lower.rsplit('.').next().unwrap_or_default();
            if EXTENSIONS.contains(&last) {
                let length = u32::try_from(entry.size()).unwrap_or(u32::MAX);
                let place = Place { file: number, length, start: entry.raw_file_position() };
                if sample.picture.replace((place, name)).is_some() {
                    self.left_out.add("second picture of a name", 1);
                }
            } else if let Some(rank) = LABEL_ENDINGS.iter().position(|ending| *ending == last) {
                let mut text = String::new();
                let whole = entry.size() <= MAX_LABEL && entry.read_to_string(&mut text).is_ok();
                match whole.then(|| label(&text, LABEL_ENDINGS[rank])).flatten() {
                    Some(label) => drop(sample.label.insert(rank, label)),
                    None => self.left_out.add(&format!(".{last} without a label"), 1),
                }
            } else {
                self.left_out.file(Path::new(&name));
            }
        }
        self.take(sample, side);
        Ok(())
    }

    fn take(&mut self, sample: Sample, side: Option<Side>) {
        let Some((place, name)) = sample.picture else { return };
        let folders: Vec<&str> = name.split('/').rev().skip(1).collect();
        let label = match sample.label.into_values().next() {
            Some(label) => label,
            None => folders.first().copied().unwrap_or_default().to_owned(),
        };
        self.sides.push(side.or_else(|| folders.iter().rev().find_map(|folder| Side::called(folder))));
        self.places.push(place);
        self.labels.push(&label);
        self.names.push(&name);
    }
}

/// The name of a file up to the first dot of its last part, and what follows.
fn parts(name: &str) -> (&str, &str) {
    let base = name.rfind('/').map_or(0, |slash| slash + 1);
    match name[base..].find('.') {
        Some(dot) => (&name[..base + dot], &name[base + dot + 1..]),
        None => (name, ""),
    }
}

/// The label that a file beside a picture has.
fn label(text: &str, ending: &str) -> Option<String> {
    if ending != "json" {
        return Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    }
    match serde_json::from_str(text).ok()? {
        Value::Object(object) => KEYS.iter().find_map(|key| object.get(*key)).map(cell),
        value @ (Value::Number(_) | Value::String(_) | Value::Array(_)) => Some(cell(&value)),
        _ => None,
    }
    .filter(|text| !text.chars().all(|c| c == ITEM) || text.contains(ITEM))
}

/// A file that is skipped through by what is in its buffer, where that is enough.
struct Skipping(BufReader<File>);

impl Read for Skipping {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

impl Seek for Skipping {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match to {
            SeekFrom::Current(by) => {
                self.0.seek_relative(by)?;
                self.0.stream_position()
            }
            to => self.0.seek(to),
        }
    }
}
