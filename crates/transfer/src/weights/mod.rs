//! Weights: from files to tensors by name, and into a network; where files come from.
//!
//! In reading order: what can go wrong ([`error`]); a file of which nothing is believed
//! ([`reader`]) as tensors by name ([`weights_file`], [`int8`], [`safetensors_file`], [`pth`],
//! [`mod@read`]);
//! names of other libraries ([`wrapped`], [`mod@rename`]); into a network ([`load`]). Then where
//! files are: their sums and names ([`digest`], [`plain`], [`source`], [`answer_error`],
//! [`fetch_error`], [`hub_file`], [`torchvision_file`]), the sets of weights that are published
//! ([`mod@weight_set`]), the [`manifest`] of a model that says all of it, and with the feature
//! `hub` how they come here ([`fetch`]).

pub(crate) mod error;
pub(crate) mod int8;
pub(crate) mod load;
mod pth;
pub(crate) mod read;
pub(crate) mod reader;
pub(crate) mod rename;
mod safetensors_file;
pub(crate) mod weights_file;
mod wrapped;

pub(crate) mod answer_error;
pub(crate) mod digest;
#[cfg(feature = "hub")]
pub(crate) mod fetch;
pub(crate) mod fetch_error;
pub(crate) mod hub_file;
pub(crate) mod manifest;
mod plain;
pub(crate) mod source;
pub(crate) mod torchvision_file;
pub(crate) mod weight_set;

pub use answer_error::AnswerError;
pub use digest::{Digest, DigestError, sha256};
pub use error::WeightsError;
#[cfg(feature = "hub")]
pub use fetch::{Answer, AnsweredBy, Fetch, FetchConfig, Hub, Sources, Torchvision};
pub use fetch_error::FetchError;
pub use hub_file::HubFile;
pub use int8::int8_weights;
pub use load::{Fit, load_weights};
pub use manifest::Manifest;
pub use pth::PthError;
pub use read::{read_weights, weights_from_bytes};
pub use rename::rename;
pub use source::Source;
pub use torchvision_file::TorchvisionFile;
pub use weight_set::{Interpolation, WeightSet, weight_set, weight_sets};
pub use weights_file::{NotFinite, ReadReport, WeightsFile};
