//! Noise in training and its average in testing, by what is switched off: [`dropout`] features,
//! [`drop_connect`] weights, [`stochastic_depth`] whole blocks; [`fractional_max_pool`] draws what
//! is pooled together. Read [`marginal`] last: it sees all of them as one pattern.

mod dropout;

mod drop_connect;
mod fractional_max_pool;
mod stochastic_depth;

mod marginal;

pub use drop_connect::{DropConnect, Inference, Product};
pub use dropout::Dropout;
pub use fractional_max_pool::{FractionalMaxPool, FractionalMaxPoolConfig};
pub use marginal::{Marginal, Marginalize, marginalize, marginalize_answers};
pub use stochastic_depth::{Depth, DropPer, StochasticDepth, linear_survival};
