//! What can go wrong with a file of PyTorch's.

use super::limits::{MOST_PICKLE, MOST_STEPS};
use crate::names::shown;

/// What is wrong with a file that PyTorch is to have saved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PthError {
    /// The pickle ends in the middle of an instruction.
    #[error("its pickle is cut short")]
    CutShort,
    /// The pickle has an instruction that nothing which `torch.save` writes has.
    #[error("its pickle has the instruction {code:#04x} at byte {at}, which no state dict needs")]
    Instruction {
        /// The instruction.
        code: u8,
        /// Where it stands.
        at: usize,
    },
    /// The pickle has an instruction where it cannot be.
    #[error("its pickle is invalid at byte {at}: wanted {wanted}")]
    Invalid {
        /// Where the instruction stands.
        at: usize,
        /// What it needs.
        wanted: &'static str,
    },
    /// The pickle takes more instructions, or more bytes, than any state dict.
    #[error("its pickle is longer than {} instructions or {} MB, which no state dict needs", MOST_STEPS, MOST_PICKLE >> 20)]
    TooLong,
    /// The archive, or the stream of before PyTorch 1.6, is not whole.
    #[error("its {part} is invalid or cut short")]
    Container {
        /// The part of it.
        part: &'static str,
    },
    /// The archive was packed again by another program.
    #[error("{} in it is compressed or encrypted: `torch.save` writes archives that are neither", shown(entry))]
    Compressed {
        /// The entry of the archive.
        entry: String,
    },
    /// Its entry `byteorder` says something else than `torch.save` writes.
    #[error("its entry byteorder says neither little nor big: load and save it again with PyTorch")]
    ByteOrder,
    /// A program rather than weights.
    #[error("it is a TorchScript program: save the state dict, `torch.save(model.state_dict(), ...)`")]
    Script,
    /// A pickle that `torch.save` did not write.
    #[error("it is a pickle that torch.save did not write: save the state dict, `torch.save(model.state_dict(), ...)`")]
    Foreign,
    /// There are no tensors by name.
    #[error("it holds no tensors by name: save the state dict, `torch.save(model.state_dict(), ...)`")]
    NoStateDict,
    /// There are several sets of tensors by name.
    #[error("it holds several state dicts ({}): save one of them alone", names.join(", "))]
    Several {
        /// The entries that they are, as messages show them.
        names: Vec<String>,
    },
    /// There are more tensors, layers or letters in a name than any network has.
    #[error("it has {what}, more than any network")]
    TooMany {
        /// What there are so many of.
        what: &'static str,
    },
    /// A tensor is not what it claims to be.
    #[error("{} in it is invalid: {what}", shown(name))]
    Tensor {
        /// The tensor.
        name: String,
        /// What is wrong.
        what: &'static str,
    },
}
