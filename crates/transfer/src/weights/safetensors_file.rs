//! Files of the safetensors format.

use std::io::{Read, Seek};

use safetensors::{Dtype, SafeTensorError, tensor::Metadata};

use super::error::WeightsError;
use super::reader::{Float, Reader};
use super::weights_file::WeightsFile;

/// The longest header, bytes. One of 700 tensors has 0.1 MB; what is read of it takes up to thirty
/// times its length.
const MOST_HEADER: u64 = 16 << 20;

/// Bytes of the length that a file begins with.
const LENGTH: u64 = 8;

/// The tensors of a safetensors file, one after the other: the file as a whole is never in memory.
pub(crate) fn read<R: Read + Seek>(reader: &mut Reader<R>) -> Result<WeightsFile, WeightsError> {
    let header = header(reader)?.map_err(|error| WeightsError::Malformed {
        origin: reader.origin(),
        len: reader.len(),
        reason: error,
    });
    let Header { begin, tensors } = header?;
    let mut file = WeightsFile::default();
    for name in tensors.offset_keys() {
        let Some(info) = tensors.info(&name) else { continue };
        let float = match info.dtype {
            Dtype::F16 => Float::F16,
            Dtype::BF16 => Float::BF16,
            Dtype::F32 => Float::F32,
            Dtype::F64 => Float::F64,
            _ => {
                file.leave_out(name);
                continue;
            }
        };
        reader.check_sides(&name, &info.shape)?;
        // That a shape takes as many bytes as its range has was checked with the header.
        let count = info.shape.iter().product::<usize>() as u64;
        let numbers = reader.floats(begin + info.data_offsets.0 as u64, count, float)?;
        file.add(name, &info.shape, numbers)?;
    }
    Ok(file)
}

struct Header {
    /// Where the tensors begin.
    begin: u64,
    tensors: Metadata,
}

fn header<R: Read + Seek>(reader: &mut Reader<R>) -> Result<Result<Header, SafeTensorError>, WeightsError> {
    let Some(len) = reader.array(0)?.map(u64::from_le_bytes) else { return Ok(Err(SafeTensorError::HeaderTooSmall)) };
    if len > MOST_HEADER {
        return Ok(Err(SafeTensorError::HeaderTooLarge));
    }
    let begin = LENGTH + len;
    if begin > reader.len() {
        return Ok(Err(SafeTensorError::InvalidHeaderLength));
    }
    let text = reader.up_to(LENGTH, len)?;
    Ok(match serde_json::from_slice::<Metadata>(&text) {
        Ok(tensors) if begin.checked_add(tensors.data_len() as u64) == Some(reader.len()) => {
            Ok(Header { begin, tensors })
        }
        Ok(_) => Err(SafeTensorError::MetadataIncompleteBuffer),
        Err(error) => Err(SafeTensorError::InvalidHeaderDeserialization(error)),
    })
}
