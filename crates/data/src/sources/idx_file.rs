//! A file in the IDX format: a header of sizes, and bytes.

use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::error::DataError;

/// The most that the sizes in a header may say, bytes: 2 GB.
pub(super) const MAX_DATA: u64 = 1 << 31;

/// The content of a file in the IDX format, plain or compressed with gzip.
#[derive(Clone, Copy, Debug)]
pub struct IdxFile<'a> {
    /// All of it.
    pub bytes: &'a [u8],
    /// What errors call it.
    pub name: &'a Path,
}

impl IdxFile<'_> {
    /// The sizes and the data of a file of `D` dimensions.
    pub(super) fn read<const D: usize>(self) -> Result<([usize; D], Vec<u8>), DataError> {
        if self.bytes.starts_with(&[0x1f, 0x8b]) {
            self.unpacked(MultiGzDecoder::new(self.bytes))
        } else {
            self.unpacked(self.bytes)
        }
    }

    /// The same of what is not compressed, or no longer. No more is read than the sizes say.
    fn unpacked<const D: usize>(self, mut file: impl Read) -> Result<([usize; D], Vec<u8>), DataError> {
        let unreadable = |reason: io::Error| DataError::Read { path: self.name.into(), reason };
        let (magic, mut header) = ([0, 0, 8, D as u8], Vec::new());
        file.by_ref().take(4 + 4 * D as u64).read_to_end(&mut header).map_err(unreadable)?;
        let (first, numbers) = header.split_at(header.len().min(4));
        if first != magic || numbers.len() != 4 * D {
            let got = format!("{first:?} in a file that begins with {} bytes", header.len());
            return Err(self.wrong("the header", &format!("{magic:?} and {D} sizes"), got));
        }
        let mut sizes = [0; D];
        for (size, four) in sizes.iter_mut().zip(numbers.as_chunks().0) {
            *size = u32::from_be_bytes(*four) as usize;
        }
        let wanted = sizes.iter().try_fold(1u64, |product, &size| product.checked_mul(size as u64));
        let Some(wanted) = wanted.filter(|&wanted| wanted <= MAX_DATA) else {
            return Err(self.wrong("the product of the sizes", &format!("at most {MAX_DATA}"), format!("{sizes:?}")));
        };
        let mut data = Vec::new();
        file.take(wanted + 1).read_to_end(&mut data).map_err(unreadable)?;
        if data.len() as u64 != wanted {
            let or_more = if data.len() as u64 > wanted { " or more" } else { "" };
            let got = format!("{} bytes{or_more}", data.len());
            return Err(self.wrong("what follows the header", &format!("{wanted} bytes, by the sizes {sizes:?}"), got));
        }
        Ok((sizes, data))
    }

    /// A part of the file is not what it should be.
    pub(super) fn wrong(self, part: &'static str, wanted: &str, got: String) -> DataError {
        DataError::Malformed { path: self.name.into(), part, wanted: wanted.into(), got }
    }
}
