//! From a recipe, or the card of a model, to what it names: transforms and loaders, optimizers and
//! schedules, a network with its weights. In this order: what happens to a picture, what acts on a
//! step, the network, the memory that it takes. What a recipe wants measured of its pictures first
//! is measured in [`colors`].

mod error;

pub mod framing;
pub mod transforms;

pub mod need;
pub mod pipeline;

pub mod colors;

pub mod labels;

pub mod optimize;
pub mod phases;
pub mod regularize;

#[cfg(feature = "hub")]
pub mod fetch;
pub mod model;
pub mod network;
pub mod pretrained;
pub mod trained;

pub mod memory;

mod check;

pub(crate) mod class_counts;

#[cfg(test)]
pub(crate) mod labeled;

pub use self::error::{BuildError, CardError, Unfit};
