//! Arrays in the format of NumPy, as files of their own or in an archive.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use zip::{CompressionMethod, ZipArchive};

use super::listing::has_ending;
use crate::error::DataError;
use crate::file::{open_file, read_at};

/// The longest header of an array, bytes.
const MAX_HEADER: usize = 1 << 16;
/// The most bytes of an array of labels.
const MAX_LABELS: u64 = 1 << 31;

/// An array of a file: its kind of numbers, its sizes, and where its bytes lie.
pub(super) struct NpyArray {
    /// What errors call it.
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// Where its first number lies in the file.
    pub(super) start: u64,
    /// The kind of its numbers as NumPy has it, such as `|u1`.
    pub(super) dtype: String,
    pub(super) sizes: Vec<usize>,
}

/// The arrays of a file by name: one of `.npy`, called like the file, all of `.npz`.
///
/// # Errors
/// When the file cannot be read or is no archive. What an array is, is read when it is asked for.
pub(super) fn names(path: &Path) -> Result<Vec<String>, DataError> {
    if !has_ending(path, "npz") {
        return Ok(vec![path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()]);
    }
    let archive = archive(path)?;
    Ok(archive.file_names().flatten().map(|name| name.trim_end_matches(".npy").to_owned()).collect())
}

fn archive(path: &Path) -> Result<ZipArchive<File>, DataError> {
    let (file, _) = open_file(path, |reason| DataError::Read { path: path.into(), reason })?;
    ZipArchive::new(file).map_err(|error| wrong(path, "the archive", "one that numpy.savez writes", error.to_string()))
}

fn wrong(path: &Path, part: &'static str, wanted: &str, got: String) -> DataError {
    DataError::Malformed { path: path.into(), part, wanted: wanted.into(), got }
}

impl NpyArray {
    /// The array of this name in a file. One that is compressed is unpacked into a file without a
    /// name.
    pub(super) fn open(path: &Path, name: &str) -> Result<Self, DataError> {
        let failed = |reason| DataError::Read { path: path.into(), reason };
        if !has_ending(path, "npz") {
            let (file, bytes) = open_file(path, failed)?;
            return Self::of(path, file, 0, bytes);
        }
        let (file, _) = open_file(path, failed)?;
        let mut archive = archive(path)?;
        let unreadable = |error: zip::result::ZipError| wrong(path, "the archive", "whole", error.to_string());
        let mut member = archive.by_name(&format!("{name}.npy")).map_err(unreadable)?;
        let path = path.join(name);
        if member.compression() == CompressionMethod::Stored
            && let Some(start) = member.data_start()
        {
            return Self::of(&path, file, start, member.size());
        }
        let mut unpacked = tempfile::tempfile().map_err(failed)?;
        let bytes = io::copy(&mut member, &mut unpacked).map_err(failed)?;
        Self::of(&path, unpacked, 0, bytes)
    }

    /// The array whose file begins at a place and has so many bytes.
    ///
    /// ```text
    /// \x93NUMPY, version     6 + 2 bytes; the version is 1.0, 2.0 or 3.0
    /// length                 of what follows: 2 bytes (version 1.0) or 4, little-endian
    /// header                 text: {'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }
    /// numbers                the last size varies first
    /// ```
    fn of(path: &Path, mut file: File, begin: u64, bytes: u64) -> Result<Self, DataError> {
        let failed = |reason| DataError::Read { path: path.into(), reason };
        let mut head = [0; 12];
        file.seek(SeekFrom::Start(begin)).map_err(failed)?;
        let read = (&mut file).take(bytes.min(12)).read(&mut head).map_err(failed)?;
        if read < 12 || !head.starts_with(b"\x93NUMPY") || !(1..=3).contains(&head[6]) {
            return Err(wrong(
                path,
                "the beginning",
                "that of an array of NumPy's",
                format!("{:?}", &head[..read.min(8)]),
            ));
        }
        let (length, skip) = match head[6] {
            1 => (usize::from(u16::from_le_bytes([head[8], head[9]])), 10),
            _ => (u32::from_le_bytes([head[8], head[9], head[10], head[11]]) as usize, 12),
        };
        let start = begin + skip + length as u64;
        let mut header = vec![0; length.min(MAX_HEADER)];
        if length > MAX_HEADER || start > begin + bytes || read_at(&file, &mut header, begin + skip).is_err() {
            return Err(wrong(path, "the header", "shorter than the file", format!("{length} bytes")));
        }
        let header = String::from_utf8_lossy(&header).into_owned();
        let strange = || wrong(path, "the header", "a description of an array", header.trim().to_owned());
        if value(&header, "fortran_order").ok_or_else(strange)?.starts_with("True") {
            let wanted = "in C order: save numpy.ascontiguousarray of it";
            return Err(wrong(path, "the array", wanted, "Fortran order".into()));
        }
        let dtype =
            value(&header, "descr").and_then(|text| text.strip_prefix('\'')?.split('\'').next()).ok_or_else(strange)?;
        let inner =
            value(&header, "shape").and_then(|text| text.strip_prefix('(')?.split(')').next()).ok_or_else(strange)?;
        let sizes = inner.split(',').map(str::trim).filter(|size| !size.is_empty()).map(str::parse);
        let sizes: Vec<usize> = sizes.collect::<Result<_, _>>().map_err(|_| strange())?;
        let array = Self { path: path.into(), file, start, dtype: dtype.into(), sizes };
        let wanted =
            array.size().and_then(|size| array.sizes.iter().try_fold(size as u64, |all, &n| all.checked_mul(n as u64)));
        let (got, start) = (begin + bytes - start, array.start);
        match wanted {
            Some(wanted) if wanted != got => {
                let wanted = format!("{wanted} bytes, by the sizes {:?}", array.sizes);
                Err(wrong(path, "what follows the header", &wanted, format!("{got} bytes")))
            }
            _ => Ok(Self { start, ..array }),
        }
    }

    /// The bytes of a number, or of a text.
    fn size(&self) -> Option<usize> {
        let bytes: usize = self.dtype.get(2..)?.parse().ok()?;
        Some(if self.dtype.as_bytes()[1] == b'U' { 4 * bytes } else { bytes })
    }

    /// What is wrong with the array.
    pub(super) fn wrong(&self, part: &'static str, wanted: &str, got: impl Into<String>) -> DataError {
        wrong(&self.path, part, wanted, got.into())
    }

    /// All of its bytes.
    fn bytes(&self) -> Result<Vec<u8>, DataError> {
        let each = self.size().unwrap_or(1).max(1);
        let bytes = self.sizes.iter().product::<usize>() * each;
        if bytes as u64 > MAX_LABELS {
            return Err(self.wrong("the labels", "at most 2 GB", format!("{bytes} bytes")));
        }
        let mut all = vec![0; bytes];
        read_at(&self.file, &mut all, self.start)
            .map_err(|reason| DataError::Read { path: self.path.clone(), reason })?;
        Ok(all)
    }

    /// All of its numbers; none where they are no numbers.
    pub(super) fn numbers(&self) -> Result<Option<Vec<f64>>, DataError> {
        let (big, bytes) = (self.dtype.starts_with('>'), self.bytes()?);
        macro_rules! numbers {
            ($($name:literal => $type:ty),*) => {
                match &self.dtype[1..] {
                    "b1" => Some(bytes.iter().map(|&byte| f64::from(byte != 0)).collect()),
                    $($name => Some(bytes.as_chunks().0.iter().map(|four| {
                        (if big { <$type>::from_be_bytes(*four) } else { <$type>::from_le_bytes(*four) }) as f64
                    }).collect()),)*
                    _ => None,
                }
            };
        }
        Ok(
            numbers!("u1" => u8, "i1" => i8, "u2" => u16, "i2" => i16, "u4" => u32, "i4" => i32, "u8" => u64, "i8" => i64,
            "f4" => f32, "f8" => f64),
        )
    }

    /// All of its texts; none where they are no texts.
    pub(super) fn texts(&self) -> Result<Option<Vec<String>>, DataError> {
        let (Some(size), Some(b'U' | b'S')) = (self.size(), self.dtype.as_bytes().get(1)) else { return Ok(None) };
        let (bytes, wide) = (self.bytes()?, self.dtype.as_bytes()[1] == b'U');
        let text = |bytes: &[u8]| -> String {
            let chars = bytes.as_chunks().0.iter().map(|four| char::from_u32(u32::from_le_bytes(*four)).unwrap_or('?'));
            let text = if wide { chars.collect() } else { String::from_utf8_lossy(bytes).into_owned() };
            text.trim_end_matches('\0').to_owned()
        };
        Ok(Some(bytes.chunks_exact(size.max(1)).map(text).collect()))
    }
}

/// What stands behind a key of a header.
fn value<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let (_, behind) = header.split_once(&format!("'{key}':"))?;
    Some(behind.trim_start())
}
