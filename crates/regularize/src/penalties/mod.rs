//! What keeps weights small: [`penalty`] on gradients, [`max_norm`] on the weights themselves, and
//! [`weight_decay`], which says what weights are meant.

mod weight_decay;

mod max_norm;
mod penalty;

pub use max_norm::max_norm;
pub use penalty::Penalty;
pub use weight_decay::decays;
