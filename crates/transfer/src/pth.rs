//! PyTorch's own files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use candle_core::pickle::{Object, Stack, TensorInfo};
use candle_core::{DType, Device, Tensor};
use zip::ZipArchive;

use crate::WeightsError;

/// What a zip archive begins with; `torch.save` has written one since PyTorch 1.6.
pub(crate) const ZIP: &[u8] = b"PK\x03\x04";

/// What the files of before began with: a pickled number, 0x1950a86a20f9469cfc6c.
pub(crate) const LEGACY: &[u8] = &[0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// The tensors of a state dict that `torch.save` wrote, by name. The pickle in it is read as data: no code runs, and whatever is
/// no tensor is refused.
pub(crate) fn read(path: &Path) -> Result<BTreeMap<String, Tensor>, WeightsError> {
    // candle's reader trusts a pickle in some places, such as the length of a number. What it holds is gone with a panic.
    std::panic::catch_unwind(|| read_trusting(path)).unwrap_or_else(|_| {
        Err(WeightsError::Pickle { path: path.to_owned(), what: "its pickle is damaged or made to do harm".into() })
    })
}

fn read_trusting(path: &Path) -> Result<BTreeMap<String, Tensor>, WeightsError> {
    let wrong = |what: String| WeightsError::Pickle { path: path.to_owned(), what };
    let unreadable = |source| WeightsError::Unreadable { path: path.to_owned(), source };
    let mut archive =
        ZipArchive::new(BufReader::new(File::open(path).map_err(unreadable)?)).map_err(|e| wrong(e.to_string()))?;
    let names: Vec<String> = archive.file_names().filter_map(|name| name.ok().map(|name| name.into_owned())).collect();
    let Some(pickle) = names.iter().find(|name| name.ends_with("/data.pkl")) else {
        return Err(wrong("it holds no data.pkl".into()));
    };
    let folder = PathBuf::from(pickle.trim_end_matches(".pkl"));
    let mut stack = Stack::empty();
    let object = archive
        .by_name(pickle)
        .map_err(|e| wrong(e.to_string()))
        .and_then(|file| Ok(stack.read_loop(&mut BufReader::new(file))?))
        .and_then(|()| Ok(stack.finalize()?))
        .map_err(|error| wrong(error.to_string()))?;
    let Object::Dict(entries) = object else {
        return Err(wrong("it is no state dict: save `model.state_dict()`, not the model".into()));
    };
    let mut weights = BTreeMap::new();
    for (key, value) in entries {
        let name = key.clone().unicode().map_err(|key| wrong(format!("a key is no text: {key:?}")))?;
        let info = value.into_tensor_info(key, &folder).map_err(|error| wrong(format!("{name}: {error}")))?;
        let Some(info) = info else {
            return Err(wrong(format!(
                "{name} is no tensor: save the state dict alone, `torch.save(model.state_dict(), ...)`"
            )));
        };
        if name.ends_with("num_batches_tracked") {
            continue;
        }
        if !matches!(info.dtype, DType::F16 | DType::BF16 | DType::F32 | DType::F64) {
            return Err(wrong(format!("{name} has the type {:?}; weights are floating point", info.dtype)));
        }
        let tensor = tensor(&mut archive, &info).map_err(|what| wrong(format!("{name}: {what}")))?;
        weights.insert(name, tensor);
    }
    Ok(weights)
}

fn tensor(archive: &mut ZipArchive<BufReader<File>>, info: &TensorInfo) -> Result<Tensor, String> {
    if !info.layout.is_contiguous() {
        return Err("it is a view of another tensor; save `.contiguous()` ones".into());
    }
    let mut storage = archive.by_name(&info.path).map_err(|error| error.to_string())?;
    let bytes = |numbers: usize| (numbers * info.dtype.size_in_bytes()) as u64;
    let wanted = info.layout.shape().elem_count();
    // A storage lies in the archive as it is: its size bounds what is allocated.
    if (info.layout.start_offset() as u64).saturating_add(bytes(wanted)) > storage.size() {
        return Err(format!("it wants {} bytes of a storage of {}", bytes(wanted), storage.size()));
    }
    let mut data = vec![0; bytes(wanted) as usize];
    std::io::copy(&mut storage.by_ref().take(info.layout.start_offset() as u64), &mut std::io::sink())
        .and_then(|_| storage.read_exact(&mut data))
        .map_err(|error| error.to_string())?;
    Tensor::from_raw_buffer(&data, info.dtype, info.layout.dims(), &Device::Cpu)
        .and_then(|tensor| tensor.to_dtype(DType::F32))
        .map_err(|error| error.to_string())
}
