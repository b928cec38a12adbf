use candle_core::Error as TensorError;
use safetensors::SafeTensorError;
use taper_tensor::LoadReport;

use crate::{FetchError, PthError, Source};

/// What can go wrong when a network is put together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// A setting of a head lies outside its range.
    #[error("{field} must be {wanted}, got {got}")]
    BadConfig {
        /// The name of the field or argument.
        field: &'static str,
        /// The range it must lie in.
        wanted: &'static str,
        /// The value that was given.
        got: f64,
    },
    /// More stages to freeze than the backbone has.
    #[error("cannot freeze {got} stages: the backbone has {} ({})", stages.len(), stages.join(", "))]
    TooManyFrozen {
        /// How many were to be frozen.
        got: usize,
        /// The names of the stages.
        stages: Vec<&'static str>,
    },
    /// No model has this name.
    #[error("there is no model {got:?}; known, nearest first: {}", known.join(", "))]
    UnknownModel {
        /// The name that was asked for.
        got: String,
        /// The names there are, by their distance from it.
        known: Vec<&'static str>,
    },
    /// A manifest is not the TOML that is expected.
    #[error("the manifest cannot be read: {0}")]
    ManifestSyntax(#[from] toml::de::Error),
    /// A value in a manifest makes no sense.
    #[error("{field} in the manifest of {name} must be {wanted}")]
    BadManifest {
        /// The name of the model.
        name: String,
        /// The key.
        field: &'static str,
        /// What its value must be.
        wanted: &'static str,
    },
    /// The weights do not fit.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The weights are not here and cannot be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A source does not have the weights of a model.
    #[error(
        "the weights of {name} are not there{}; or name a file of them to the verb that uses them (`weights` in a recipe, `--weights FILE`)",
        elsewhere(known)
    )]
    NoSource {
        /// The model.
        name: &'static str,
        /// The sources that have them.
        known: Vec<Source>,
    },
    /// A layer of a head cannot be built.
    #[error(transparent)]
    Layer(#[from] taper_regularize::RegularizeError),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] TensorError),
}

fn elsewhere(known: &[Source]) -> String {
    known.iter().map(|source| format!(", but {source} has them")).collect()
}

/// What can go wrong with a file of weights.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The file cannot be read.
    #[error("{origin} cannot be read: {source}")]
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
    #[error("{origin} ({len} bytes) is neither a complete safetensors file nor one of PyTorch's: {source}")]
    Malformed {
        /// The file, or where the bytes came from.
        origin: String,
        /// How many bytes there are.
        len: u64,
        /// What is wrong.
        source: SafeTensorError,
    },
    /// A file of PyTorch's that cannot be used.
    #[error("{origin} is a file of PyTorch's that cannot be used: {source}")]
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
    #[error("the weights do not fit the network: {0}")]
    Mismatch(Box<LoadReport>),
    /// A tensor operation failed.
    #[error("a tensor operation on weights failed: {0}")]
    Tensor(#[from] TensorError),
}
