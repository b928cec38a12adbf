//! From files to tensors by name.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::fs::File;
use std::io::{Cursor, Read, Seek};
use std::path::Path;

use candle_core::{Device, Tensor};

use crate::names::{counted, shown};
use crate::source::Source;
use crate::{WeightsError, pth, safetensors_file};

/// The counters that PyTorch's batch norm keeps end in this; they are no weights, and leaving them out goes without saying.
const COUNTER: &str = "num_batches_tracked";

/// The tensors of a file, and what else was found there.
#[derive(Clone, Debug, Default)]
pub struct WeightsFile {
    /// The tensors by name, float32, on the CPU.
    pub tensors: BTreeMap<String, Tensor>,
    /// What lay around them.
    pub report: ReadReport,
}

/// What lay around the tensors of a file, and whether their numbers are any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadReport {
    /// The entry of a checkpoint that they were taken from, such as `state_dict`, or the path to it,
    /// `state_dict.model`; the beginnings of long names, without control characters.
    pub entry: Option<String>,
    /// What the names began with and no longer do, such as `module.`; empty for nothing.
    pub prefix: String,
    /// The tensors that were left out since their names did not begin with that.
    pub beside: Vec<String>,
    /// The names beside them of what is no tensor of floating-point numbers.
    pub left_out: Vec<String>,
    /// Numbers that are NaN or infinite.
    pub not_finite: Option<NotFinite>,
}

/// Numbers that are NaN or infinite, as float32.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotFinite {
    /// How many there are.
    pub count: usize,
    /// The first tensor that has some.
    pub first: String,
}

impl ReadReport {
    /// Whether there is anything to say.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// In one line, what there is to say; nothing where there is nothing.
impl Display for ReadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.entry.as_ref().map(|entry| format!("taken from its entry \"{entry}\"")));
        if !self.prefix.is_empty() {
            let which = if self.beside.is_empty() { "all" } else { "the" };
            parts.push(format!("\"{}\" removed from the beginning of {which} names", shown(&self.prefix)));
        }
        parts.extend(counted(&self.beside, "left out, whose names begin with something else"));
        parts.extend(counted(&self.left_out, "left out, not being floating-point tensors"));
        if let Some(NotFinite { count, first }) = &self.not_finite {
            parts.push(format!("{count} of its numbers are NaN or infinite, the first of them in {}", shown(first)));
        }
        f.write_str(&parts.join("; "))
    }
}

/// The tensors of a file by name, as float32 on the CPU: a safetensors file, or one that `torch.save` wrote (`.pth`,
/// `.pt`, `.bin`; what it is, its first bytes say). float16, bfloat16, float32 and float64 are read; all else is left
/// out and named in the [`ReadReport`], but for the counters of PyTorch's batch norm (`num_batches_tracked`), of which
/// nothing is said.
///
/// Of PyTorch's files, those of 1.6 and later and the streams of before are read: a state dict; a checkpoint with one
/// in its entry `state_dict_ema`, `model_ema`, `ema_state_dict`, `ema`, `params_ema`, `state_dict`, `model_state_dict`,
/// `model` or `teacher`, whichever is there first, or in any other if there is but one; one within up to four such
/// entries; a whole model. Tensors may have any strides. All of it is read as data: no code in it runs. What wrappers
/// put before the names of all tensors (`module.`, `model.`, `_orig_mod.`, `backbone.`, also several) is removed.
///
/// The memory that it takes is bounded by the length of the file and by 268 million numbers, whatever the file claims.
///
/// # Errors
/// When it is no file, cannot be read, is cut short or of another kind, or has no tensors. Every error names the file.
///
/// # Examples
/// ```
/// let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/state_dicts/wrapped_module.pth");
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
    read(Source::new(File::open(path).map_err(unreadable)?, origin)?)
}

/// As [`read_weights`], from bytes; `origin` says in errors where they came from.
///
/// # Errors
/// As there.
pub fn weights_from_bytes(bytes: &[u8], origin: &str) -> Result<WeightsFile, WeightsError> {
    read(Source::new(Cursor::new(bytes), origin.to_owned())?)
}

fn read<R: Read + Seek>(mut source: Source<R>) -> Result<WeightsFile, WeightsError> {
    let is_pth = pth::is_pth(&source.up_to(0, pth::START)?);
    let mut file = if is_pth { pth::read(&mut source) } else { safetensors_file::read(&mut source) }?;
    if file.tensors.is_empty() {
        return Err(WeightsError::NoTensors { origin: source.origin() });
    }
    file.unwrap_names();
    Ok(file)
}

impl WeightsFile {
    pub(crate) fn add(&mut self, name: String, shape: &[usize], numbers: Vec<f32>) -> Result<(), WeightsError> {
        note_not_finite(&mut self.report.not_finite, &name, &numbers);
        self.tensors.insert(name, Tensor::from_vec(numbers, shape, &Device::Cpu)?);
        Ok(())
    }

    /// Notes the name of what is no weight.
    pub(crate) fn leave_out(&mut self, name: String) {
        if !name.ends_with(COUNTER) {
            self.report.left_out.push(name);
        }
    }
}

/// The numbers of tensors that are NaN or infinite.
pub(crate) fn not_finite(tensors: &BTreeMap<String, Tensor>) -> Result<Option<NotFinite>, WeightsError> {
    let mut found = None;
    for (name, tensor) in tensors {
        note_not_finite(&mut found, name, &tensor.flatten_all()?.to_vec1()?);
    }
    Ok(found)
}

fn note_not_finite(found: &mut Option<NotFinite>, name: &str, numbers: &[f32]) {
    let count = numbers.iter().filter(|number| !number.is_finite()).count();
    if count > 0 {
        found.get_or_insert_with(|| NotFinite { count: 0, first: name.to_owned() }).count += count;
    }
}
