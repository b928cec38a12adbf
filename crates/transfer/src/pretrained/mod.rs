//! Models: networks for which there are pretrained weights.
//!
//! [`model`] is what is known of one, [`fetching`] where its weights are (feature `hub`),
//! [`network`] puts them into its network, and [`models`] is the list of all.

#[cfg(feature = "hub")]
mod fetching;
mod model;
mod models;
mod network;

pub use model::PretrainedModel;
pub use models::{MODELS, model, models_of_sets};
