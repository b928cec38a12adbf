//! The zip archives that `torch.save` writes since PyTorch 1.6.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use super::error::PthError;
use super::limits::MOST_PICKLE;
use super::place::Place;
use crate::weights::error::WeightsError;
use crate::weights::reader::Reader;

/// What an archive begins with, and each of its entries.
pub(super) const ENTRY: &[u8] = b"PK\x03\x04";

const DIRECTORY: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const END64: &[u8] = b"PK\x06\x06";
const LOCATOR64: &[u8] = b"PK\x06\x07";

/// Bytes of these records, without the names and comments behind them.
const ENTRY_LEN: usize = 30;
const DIRECTORY_LEN: usize = 46;
const END_LEN: usize = 22;
const END64_LEN: usize = 56;
const LOCATOR64_LEN: usize = 20;

/// The directory of an archive. Entries lie in the file as they are, so that each is a range of its
/// bytes and nothing is unpacked; the sums that a zip archive has of them are not checked, as
/// `torch.load` does not.
pub(super) struct Archive {
    entries: BTreeMap<String, Entry>,
}

/// What the directory says of an entry.
#[derive(Clone, Copy)]
struct Entry {
    header: u64,
    len: u64,
    plain: bool,
}

impl Archive {
    pub(super) fn open<R: Read + Seek>(reader: &mut Reader<R>) -> Result<Self, WeightsError> {
        let invalid = reader.fault(PthError::Container { part: "archive" });
        let Some((at, len)) = directory(reader)? else { return Err(invalid) };
        if len > MOST_PICKLE {
            return Err(reader.fault(PthError::TooLong));
        }
        let bytes = reader.up_to(at, len)?;
        if bytes.len() as u64 != len {
            return Err(invalid);
        }
        let mut entries = BTreeMap::new();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let Some((name, entry, behind)) = entry(rest) else { return Err(invalid) };
            entries.insert(name, entry);
            rest = behind;
        }
        Ok(Self { entries })
    }

    /// The name of the pickle without `data.pkl`: what the names of all entries begin with.
    pub(super) fn folder(&self) -> Option<&str> {
        let mut folders = self.entries.keys().filter_map(|name| name.strip_suffix("data.pkl"));
        folders.find(|folder| folder.is_empty() || folder.ends_with('/'))
    }

    pub(super) fn holds(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Where the bytes of an entry lie.
    pub(super) fn place<R: Read + Seek>(
        &self,
        reader: &mut Reader<R>,
        name: &str,
    ) -> Result<Option<Place>, WeightsError> {
        let Some(&Entry { header, len, plain }) = self.entries.get(name) else { return Ok(None) };
        if !plain {
            return Err(reader.fault(PthError::Compressed { entry: name.to_owned() }));
        }
        let place = reader.array::<ENTRY_LEN>(header)?.filter(|head| head.starts_with(ENTRY)).and_then(|head| {
            let names = u64::from(short(&head, 26)) + u64::from(short(&head, 28));
            let at = header + ENTRY_LEN as u64 + names;
            (at.checked_add(len)? <= reader.len()).then_some(Place { at, len })
        });
        place.map(Some).ok_or_else(|| reader.fault(PthError::Container { part: "archive" }))
    }
}

/// Where the directory lies, and how many bytes it has.
fn directory<R: Read + Seek>(reader: &mut Reader<R>) -> Result<Option<(u64, u64)>, WeightsError> {
    // The last record may have a comment behind it.
    let most = END_LEN + LOCATOR64_LEN + usize::from(u16::MAX);
    let begin = reader.len().saturating_sub(most as u64);
    let tail = reader.up_to(begin, most as u64)?;
    let mut last = (0..=tail.len().saturating_sub(END_LEN)).rev();
    let is_end = |&at: &usize| {
        let record = &tail[at..];
        record.starts_with(END) && record.len() >= END_LEN && record.len() == END_LEN + usize::from(short(record, 20))
    };
    let Some(end) = last.find(is_end) else { return Ok(None) };
    let record = &tail[end..];
    let locator = end.checked_sub(LOCATOR64_LEN).map(|at| &tail[at..end]).filter(|bytes| bytes.starts_with(LOCATOR64));
    let Some(locator) = locator else { return Ok(Some((word(record, 16).into(), word(record, 12).into()))) };
    let end = reader.array::<END64_LEN>(long(locator, 8))?;
    Ok(end.filter(|end| end.starts_with(END64)).map(|end| (long(&end, 48), long(&end, 40))))
}

/// The first entry of a directory, and what lies behind it.
fn entry(bytes: &[u8]) -> Option<(String, Entry, &[u8])> {
    let (head, rest) = bytes.split_at_checked(DIRECTORY_LEN).filter(|(head, _)| head.starts_with(DIRECTORY))?;
    let (name, rest) = rest.split_at_checked(short(head, 28).into())?;
    let (mut extra, rest) = rest.split_at_checked(short(head, 30).into())?;
    let (_, rest) = rest.split_at_checked(short(head, 32).into())?;
    let [packed, unpacked, header] = [20, 24, 42].map(|at| word(head, at));
    let [mut len, mut at] = [packed, header].map(u64::from);
    // Numbers that do not fit are in an extra field, in this order.
    while let Some((field, behind)) = extra.split_at_checked(4) {
        let (mut values, behind) = behind.split_at_checked(short(field, 2).into())?;
        if short(field, 0) == 1 {
            let mut next = |full: u32, value: &mut u64| {
                if full == u32::MAX
                    && let Some((first, behind)) = values.split_at_checked(8)
                {
                    *value = long(first, 0);
                    values = behind;
                }
            };
            next(unpacked, &mut 0);
            next(packed, &mut len);
            next(header, &mut at);
        }
        extra = behind;
    }
    let (flags, method) = (short(head, 8), short(head, 10));
    let entry = Entry { header: at, len, plain: method == 0 && flags & 1 == 0 };
    Some((String::from_utf8_lossy(name).into_owned(), entry, rest))
}

/// The number of two bytes at a place of a record, which is long enough; 0 otherwise.
fn short(record: &[u8], at: usize) -> u16 {
    record[at..].first_chunk().map_or(0, |&bytes| u16::from_le_bytes(bytes))
}

fn word(record: &[u8], at: usize) -> u32 {
    record[at..].first_chunk().map_or(0, |&bytes| u32::from_le_bytes(bytes))
}

fn long(record: &[u8], at: usize) -> u64 {
    record[at..].first_chunk().map_or(0, |&bytes| u64::from_le_bytes(bytes))
}
