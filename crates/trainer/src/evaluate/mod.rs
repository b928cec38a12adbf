//! How good a network is, and what it sees: answers over a data set, what follows from them,
//! several views and several networks, the stages one by one; the signs of how a training fares.

mod error;
mod evaluation;

pub mod ensemble;
pub mod explain;
pub mod health;
pub mod known_classes;
pub mod label_metrics;
pub mod linear_probe;
pub mod metrics;
pub mod number_metrics;
pub mod stage_features;
pub mod views;

pub use self::error::{EvaluateError, ViewsError};
pub use self::evaluation::{Evaluation, evaluate, evaluate_marginal, marginal, ranked};
pub(crate) use self::evaluation::{ShowMap, Truth, answers};
