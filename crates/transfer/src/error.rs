//! What can go wrong when a network is put together.

use candle_core::Error as TensorError;

use crate::{FetchError, Source, WeightsError};

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
    #[error("the manifest cannot be read")]
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
    #[error("the weights of {name} are not there{}; or read them from a file", elsewhere(known))]
    NoSource {
        /// The model.
        name: &'static str,
        /// The sources that have them.
        known: Vec<Source>,
    },
    /// The weights are not embedded, and this build fetches none.
    #[error("the weights of {name} are not embedded, and without the feature `hub` of taper-transfer none are fetched")]
    NotEmbedded {
        /// The model.
        name: &'static str,
    },
    /// A layer of a head cannot be built.
    #[error(transparent)]
    Layer(#[from] taper_regularize::RegularizeError),
    /// A setting of a layer with weights lies outside its range.
    #[error(transparent)]
    BadLayer(taper_nn::LayerError),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] TensorError),
}

impl From<taper_nn::LayerError> for TransferError {
    fn from(error: taper_nn::LayerError) -> Self {
        match error {
            taper_nn::LayerError::Tensor(error) => Self::Tensor(error),
            error => Self::BadLayer(error),
        }
    }
}

fn elsewhere(known: &[Source]) -> String {
    known.iter().map(|source| format!(", but {source} has them")).collect()
}
