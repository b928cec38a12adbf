//! What can go wrong with a file of weights.

use candle_core::Error as TensorError;
use safetensors::SafeTensorError;
use taper_nn::{LoadReport, Reshaped};

use super::pth::PthError;
use crate::names::{all_shown, cut, shown};

/// What can go wrong with a file of weights.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The file cannot be read.
    #[error("{origin} cannot be read")]
    Unreadable {
        /// The file.
        origin: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A folder, a device or a pipe, which may have no end.
    #[error("{origin} is {what}; weights are read from files")]
    NotAFile {
        /// The path.
        origin: String,
        /// What it is.
        what: &'static str,
    },
    /// Not a whole safetensors file: cut short, or something else altogether.
    #[error(
        "{origin} ({len} bytes) is neither a complete safetensors file nor one of PyTorch's: {}",
        cut(&reason.to_string(), MOST_REASON)
    )]
    Malformed {
        /// The file, or where the bytes came from.
        origin: String,
        /// How many bytes there are.
        len: u64,
        /// What is wrong; its beginning stands in the words.
        reason: SafeTensorError,
    },
    /// A file of PyTorch's that cannot be used.
    #[error("{origin} is a file of PyTorch's that cannot be used")]
    Pth {
        /// The file, or where the bytes came from.
        origin: String,
        /// What is wrong.
        source: PthError,
    },
    /// A tensor lies behind the end of the file.
    #[error("{origin} ({len} bytes) is cut short: its tensors need more")]
    CutShort {
        /// The file, or where the bytes came from.
        origin: String,
        /// How many bytes there are.
        len: u64,
    },
    /// Tensors of more numbers than are read of one file, or than a file of this length can hold.
    #[error(
        "{origin} ({len} bytes) claims to hold more numbers than it can, or than the {most} that are read of one file"
    )]
    TooMany {
        /// The file, or where the bytes came from.
        origin: String,
        /// How many bytes there are.
        len: u64,
        /// The most numbers of a file.
        most: u64,
    },
    /// A tensor of sides whose product is no number, or of more sides than PyTorch knows.
    #[error(
        "{origin} holds {}, which has more or larger sides than any tensor: load and save it again with PyTorch",
        shown(name)
    )]
    Sides {
        /// The file, or where the bytes came from.
        origin: String,
        /// The tensor.
        name: String,
    },
    /// Numbers that are NaN or infinite, where only numbers are wanted.
    #[error(
        "{count} of the numbers of {origin} are NaN or infinite, the first of them in {}: use other weights",
        shown(first)
    )]
    NotFinite {
        /// The file, or where the bytes came from.
        origin: String,
        /// How many there are.
        count: usize,
        /// The first tensor that has some.
        first: String,
    },
    /// The same network lies there several times, and nothing says which one is meant.
    #[error("{origin} holds the network several times, behind {}: save one of them alone", all_shown(prefixes))]
    Several {
        /// The file, or where the bytes came from.
        origin: String,
        /// What the names of each begin with.
        prefixes: Vec<String>,
    },
    /// Two tensors stand for the same parameter.
    #[error(
        "{} and {} in {origin} are both {} of the network: keep one of them",
        shown(&names[0]),
        shown(&names[1]),
        shown(renamed)
    )]
    SameName {
        /// The file, or where the bytes came from.
        origin: String,
        /// The tensors.
        names: [String; 2],
        /// What both are called in the network.
        renamed: String,
    },
    /// There is no tensor of floating-point numbers.
    #[error("{origin} holds no tensor of floating-point numbers")]
    NoTensors {
        /// The file, or where the bytes came from.
        origin: String,
    },
    /// The bytes are not those that the manifest names.
    #[error("{origin} has the SHA-256 {got}; its manifest says {wanted}")]
    Checksum {
        /// The file, or where the bytes came from.
        origin: String,
        /// The sum of the bytes, hexadecimal.
        got: String,
        /// The sum in the manifest.
        wanted: String,
    },
    /// Names or shapes differ from the network's; nothing was loaded.
    #[error("the weights do not fit the network: {}", brief(.0))]
    Mismatch(Box<LoadReport>),
    /// A tensor operation failed.
    #[error("a tensor operation on weights failed")]
    Tensor(#[from] TensorError),
}

/// The most characters of what another library says of a file: names of any length may be in it.
const MOST_REASON: usize = 300;

/// A report with the beginnings of its names, which are those of a file.
fn brief(report: &LoadReport) -> LoadReport {
    let all = |names: &[String]| names.iter().map(|name| shown(name)).collect();
    let reshaped = |tensor: &Reshaped| Reshaped { name: shown(&tensor.name), ..tensor.clone() };
    LoadReport {
        loaded: all(&report.loaded),
        missing: all(&report.missing),
        unexpected: all(&report.unexpected),
        reshaped: report.reshaped.iter().map(reshaped).collect(),
    }
}
