//! The bytes of a pickle, one after the other.

use super::error::PthError;

/// What is left of a pickle. Nothing is copied: what an instruction carries is a part of the file.
#[derive(Default)]
pub(super) struct Code<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Code<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes have been read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], PthError> {
        let taken = self.bytes[self.at..].get(..count).ok_or(PthError::CutShort)?;
        self.at += count;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], PthError> {
        let (array, _) = self.bytes[self.at..].split_first_chunk().ok_or(PthError::CutShort)?;
        self.at += N;
        Ok(*array)
    }

    /// A number of `width` bytes, 8 at most.
    pub(super) fn number(&mut self, width: usize) -> Result<u64, PthError> {
        let mut number = [0; 8];
        number[..width].copy_from_slice(self.take(width)?);
        Ok(u64::from_le_bytes(number))
    }

    /// Bytes that stand behind their number, which has `width` bytes.
    pub(super) fn sized(&mut self, width: usize) -> Result<&'a [u8], PthError> {
        let count = self.number(width)?;
        self.take(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// The text up to the end of the line.
    pub(super) fn line(&mut self) -> Result<&'a str, PthError> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|&byte| byte == b'\n').ok_or(PthError::CutShort)?;
        let line = std::str::from_utf8(self.take(end)?);
        self.at += 1;
        line.map_err(|_| PthError::Invalid { at: self.at - 1 - end, wanted: "a name in UTF-8" })
    }
}
