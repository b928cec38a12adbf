//! Where weights are read from.

use std::io::{Read, Seek, SeekFrom};

use super::error::WeightsError;
use super::pth::PthError;

/// Bytes that are turned into numbers at a time.
const PIECE: usize = 1 << 20;

/// The most numbers that are read from one file: 1 GB as float32. The largest network here has 144
/// million.
const MOST_NUMBERS: u64 = 1 << 28;

/// The most sides of a tensor, as in PyTorch.
const MOST_SIDES: usize = 64;

/// The types of numbers that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Float {
    /// A signed integer.
    I8,
    F16,
    BF16,
    F32,
    F64,
}

impl Float {
    /// Bytes.
    pub(crate) fn size(self) -> usize {
        match self {
            Float::I8 => 1,
            Float::F16 | Float::BF16 => 2,
            Float::F32 => 4,
            Float::F64 => 8,
        }
    }
}

/// A file, or bytes, of which nothing is believed: what a header claims is held against the length
/// before memory is taken for it, and all numbers read together against what a file of this length
/// can hold.
pub(crate) struct Reader<R> {
    reader: R,
    origin: String,
    len: u64,
    /// How many more numbers may be read.
    left: u64,
    big_endian: bool,
}

impl<R: Read + Seek> Reader<R> {
    /// `origin` says in errors where it all came from.
    pub(crate) fn new(mut reader: R, origin: String) -> Result<Self, WeightsError> {
        let len = reader
            .seek(SeekFrom::End(0))
            .map_err(|source| WeightsError::Unreadable { origin: origin.clone(), source })?;
        // A view of a storage may be gathered, and a weight may be there twice, but not without
        // end.
        let left = MOST_NUMBERS.min(len.saturating_mul(4).saturating_add(PIECE as u64));
        Ok(Self { reader, origin, len, left, big_endian: false })
    }

    /// What errors call it.
    pub(crate) fn origin(&self) -> String {
        self.origin.clone()
    }

    /// An error that names it.
    pub(crate) fn fault(&self, source: PthError) -> WeightsError {
        WeightsError::Pth { origin: self.origin(), source }
    }

    /// Its length, bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The bytes from `at` on, no more than `most` and no more than there are.
    pub(crate) fn up_to(&mut self, at: u64, most: u64) -> Result<Vec<u8>, WeightsError> {
        let mut bytes = vec![0; self.len.saturating_sub(at).min(most) as usize];
        self.fill(at, &mut bytes)?;
        Ok(bytes)
    }

    /// The `N` bytes from `at` on, where there are so many.
    pub(crate) fn array<const N: usize>(&mut self, at: u64) -> Result<Option<[u8; N]>, WeightsError> {
        Ok(self.up_to(at, N as u64)?.try_into().ok())
    }

    /// Takes the numbers for such as a big-endian machine has written.
    pub(crate) fn set_big_endian(&mut self) {
        self.big_endian = true;
    }

    /// That a tensor can have these sides. Their product must be a number even without those that
    /// are 0: candle computes it.
    pub(crate) fn check_sides(&self, name: &str, sides: &[usize]) -> Result<(), WeightsError> {
        let product = sides.iter().try_fold(1usize, |product, &side| product.checked_mul(side.max(1)));
        if product.is_some() && sides.len() <= MOST_SIDES {
            return Ok(());
        }
        Err(WeightsError::Sides { origin: self.origin(), name: name.to_owned() })
    }

    /// Takes `count` from the numbers that may be read.
    pub(crate) fn charge(&mut self, count: u64) -> Result<(), WeightsError> {
        match self.left.checked_sub(count) {
            Some(left) => self.left = left,
            None => return Err(WeightsError::TooMany { origin: self.origin(), len: self.len, most: MOST_NUMBERS }),
        }
        Ok(())
    }

    /// `count` floating-point numbers of a type from byte `at` on, as float32.
    pub(crate) fn floats(&mut self, at: u64, count: u64, float: Float) -> Result<Vec<f32>, WeightsError> {
        let size = float.size();
        let end = count.checked_mul(size as u64).and_then(|bytes| bytes.checked_add(at));
        if end.is_none_or(|end| end > self.len) {
            return Err(WeightsError::CutShort { origin: self.origin(), len: self.len });
        }
        self.charge(count)?;
        let count = count as usize;
        let mut numbers = Vec::with_capacity(count);
        let mut piece = vec![0; PIECE.min(count * size)];
        while numbers.len() < count {
            let part = PIECE.min((count - numbers.len()) * size);
            self.fill(at + (numbers.len() * size) as u64, &mut piece[..part])?;
            if self.big_endian {
                piece[..part].chunks_exact_mut(size).for_each(<[u8]>::reverse);
            }
            convert(&piece[..part], float, &mut numbers);
        }
        Ok(numbers)
    }

    fn fill(&mut self, at: u64, bytes: &mut [u8]) -> Result<(), WeightsError> {
        let read = self.reader.seek(SeekFrom::Start(at)).and_then(|_| self.reader.read_exact(bytes));
        read.map_err(|source| WeightsError::Unreadable { origin: self.origin(), source })
    }
}

/// Adds little-endian numbers of a type as float32.
fn convert(bytes: &[u8], float: Float, numbers: &mut Vec<f32>) {
    match float {
        Float::I8 => numbers.extend(bytes.iter().map(|b| f32::from(b.cast_signed()))),
        Float::F16 => numbers.extend(bytes.as_chunks::<2>().0.iter().map(|&b| half::f16::from_le_bytes(b).to_f32())),
        Float::BF16 => numbers.extend(bytes.as_chunks::<2>().0.iter().map(|&b| half::bf16::from_le_bytes(b).to_f32())),
        Float::F32 => numbers.extend(bytes.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b))),
        Float::F64 => numbers.extend(bytes.as_chunks::<8>().0.iter().map(|&b| f64::from_le_bytes(b) as f32)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn no_more_is_read_than_there_is() {
        let mut reader = Reader::new(Cursor::new(vec![0u8; 3 * PIECE + 8]), "bytes".into()).unwrap();
        assert_eq!(reader.up_to(3 * PIECE as u64, u64::MAX).unwrap().len(), 8);
        assert!(reader.up_to(u64::MAX, 5).unwrap().is_empty());
        assert!(reader.array::<9>(3 * PIECE as u64).unwrap().is_none());
        assert_eq!(reader.floats(4, 390_000, Float::F64).unwrap().len(), 390_000);
        for (at, count) in [(0, u64::MAX), (u64::MAX, 1), (3 * PIECE as u64 + 5, 1)] {
            assert!(matches!(reader.floats(at, count, Float::F32), Err(WeightsError::CutShort { .. })));
        }
        assert!(matches!(reader.charge(1 << 40), Err(WeightsError::TooMany { .. })));
    }

    #[test]
    fn numbers_of_every_type_are_float32_in_either_order_of_bytes() {
        let value = -1.5f32;
        let bytes = |float| match float {
            Float::I8 => vec![(value as i8).cast_unsigned()],
            Float::F16 => half::f16::from_f32(value).to_le_bytes().to_vec(),
            Float::BF16 => half::bf16::from_f32(value).to_le_bytes().to_vec(),
            Float::F32 => value.to_le_bytes().to_vec(),
            Float::F64 => f64::from(value).to_le_bytes().to_vec(),
        };
        for float in [Float::F16, Float::BF16, Float::F32, Float::F64] {
            let little = bytes(float);
            let big: Vec<u8> = little.iter().rev().copied().collect();
            let mut reader = Reader::new(Cursor::new(little.repeat(3)), String::new()).unwrap();
            assert_eq!(reader.floats(0, 3, float).unwrap(), [value; 3], "{float:?}");
            let mut reader = Reader::new(Cursor::new(big.repeat(3)), String::new()).unwrap();
            reader.set_big_endian();
            assert_eq!(reader.floats(0, 3, float).unwrap(), [value; 3], "{float:?}");
        }
    }

    #[test]
    fn sides_have_a_product_even_beside_a_zero() {
        let reader = Reader::new(Cursor::new(Vec::new()), "bytes".into()).unwrap();
        for good in [&[][..], &[0], &[0, 1 << 40], &[1; 64]] {
            assert!(reader.check_sides("w", good).is_ok(), "{good:?}");
        }
        for bad in [&[0, 1 << 40, 1 << 40][..], &[1 << 40, 1 << 40, 0], &[1; 65]] {
            assert!(matches!(reader.check_sides("w", bad), Err(WeightsError::Sides { .. })), "{bad:?}");
        }
    }
}
