//! Files of the safetensors format.

use std::io::{Read, Seek};

use safetensors::tensor::{Metadata, TensorInfo};
use safetensors::{Dtype, SafeTensorError};

use super::error::WeightsError;
use super::int8::SCALE;
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
        if name.strip_suffix(SCALE).and_then(|weight| tensors.info(weight)).is_some_and(|info| info.dtype == Dtype::I8)
        {
            continue;
        }
        let float = match info.dtype {
            Dtype::I8 => Float::I8,
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
        let at = |info: &TensorInfo| begin + info.data_offsets.0 as u64;
        let mut numbers = reader.floats(at(info), count, float)?;
        if float == Float::I8 {
            // Of integers there is nothing to make without a scale for each output channel.
            let channels = info.shape.first().copied().unwrap_or(0);
            let fits = |scales: &&TensorInfo| scales.dtype == Dtype::F32 && scales.shape == [channels] && channels > 0;
            let Some(scales) = tensors.info(&format!("{name}{SCALE}")).filter(fits) else {
                file.leave_out(name);
                continue;
            };
            let scales = reader.floats(at(scales), channels as u64, Float::F32)?;
            let channel = (numbers.len() / channels).max(1);
            for (numbers, scale) in numbers.chunks_mut(channel).zip(scales) {
                numbers.iter_mut().for_each(|number| *number *= scale);
            }
        }
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
