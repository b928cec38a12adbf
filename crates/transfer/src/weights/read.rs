//! From files to tensors by name.

use std::fs::File;
use std::io::{Cursor, Read, Seek};
use std::path::Path;

use super::error::WeightsError;
use super::reader::Reader;
use super::weights_file::WeightsFile;
use super::{pth, safetensors_file};

/// The tensors of a file by name, as float32 on the CPU: a safetensors file, or one that
/// `torch.save` wrote (`.pth`, `.pt`, `.bin`; what it is, its first bytes say). float16, bfloat16,
/// float32 and float64 are read; all else is left out and named in the
/// [`ReadReport`](crate::ReadReport), but for the counters of PyTorch's batch norm
/// (`num_batches_tracked`), of which nothing is said.
///
/// Of PyTorch's files, those of 1.6 and later and the streams of before are read: a state dict; a
/// checkpoint with one in its entry `state_dict_ema`, `model_ema`, `ema_state_dict`, `ema`,
/// `params_ema`, `state_dict`, `model_state_dict`, `model` or `teacher`, whichever is there first,
/// or in any other if there is but one; one within up to four such entries; a whole model. Tensors
/// may have any strides. All of it is read as data: no code in it runs. What wrappers put before
/// the names of all tensors (`module.`, `model.`, `_orig_mod.`, `backbone.`, also several) is
/// removed.
///
/// The memory that it takes is bounded by the length of the file and by 268 million numbers,
/// whatever the file claims.
///
/// # Errors
/// When it is no file, cannot be read, is cut short or of another kind, or has no tensors. Every
/// error names the file.
///
/// # Examples
/// ```
/// let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/state_dicts/wrapped_module.pth");
/// let weights = taper_transfer::read_weights(file)?;
/// assert_eq!(weights.report.entry.as_deref(), Some("state_dict"));
/// assert_eq!(weights.report.prefix, "module.");
/// assert!(weights.tensors.contains_key("conv1.weight"));
/// # Ok::<(), taper_transfer::WeightsError>(())
/// ```
pub fn read_weights(path: impl AsRef<Path>) -> Result<WeightsFile, WeightsError> {
    let path = path.as_ref();
    let origin = path.display().to_string();
    let unreadable = |source| WeightsError::Unreadable { origin: origin.clone(), source };
    // Before it is opened: a pipe waits for somebody to write.
    let kind = std::fs::metadata(path).map_err(unreadable)?.file_type();
    if !kind.is_file() {
        let what = if kind.is_dir() { "a folder" } else { "a device or a pipe" };
        return Err(WeightsError::NotAFile { origin, what });
    }
    read(Reader::new(File::open(path).map_err(unreadable)?, origin)?)
}

/// As [`read_weights`], from bytes; `origin` says in errors where they came from.
///
/// # Errors
/// As there.
pub fn weights_from_bytes(bytes: &[u8], origin: &str) -> Result<WeightsFile, WeightsError> {
    read(Reader::new(Cursor::new(bytes), origin.to_owned())?)
}

fn read<R: Read + Seek>(mut reader: Reader<R>) -> Result<WeightsFile, WeightsError> {
    let is_pth = pth::is_pth(&reader.up_to(0, pth::START)?);
    let mut file = if is_pth { pth::read(&mut reader) } else { safetensors_file::read(&mut reader) }?;
    if file.tensors.is_empty() {
        return Err(WeightsError::NoTensors { origin: reader.origin() });
    }
    file.unwrap_names();
    Ok(file)
}
