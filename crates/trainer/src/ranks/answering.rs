//! Several processes that ask one network about pictures.

use taper_data::Dataset;
use taper_nn::Params;
use taper_transfer::sha256;

use super::{Fact, Ranks, RanksError, require_alike};
use crate::build::model::weights_bytes;
use crate::error::Result;

/// Refuses, on all of them, processes that would not answer the same: of another version, with
/// other weights, other pictures by their names and labels, or another instruction set.
///
/// # Errors
/// [`RanksError::Differs`] on all; when one of them has ended.
pub fn require_same_answers(ranks: &dyn Ranks, params: &Params, pictures: &dyn Dataset) -> Result<()> {
    if ranks.size() == 1 {
        return Ok(());
    }
    let named = |index: usize| format!("{} {}\n", pictures.label(index), pictures.name(index));
    let names: String = (0..pictures.len()).map(named).collect();
    let all = [
        ("another version of taper", env!("CARGO_PKG_VERSION").to_owned()),
        ("other weights", sha256(&weights_bytes(&params.tensors())?)),
        ("other pictures", sha256(names.as_bytes())),
        ("another instruction set", taper_tensor::arithmetic()),
    ];
    let facts = all.map(|(what, value)| Fact { what, value, optional: false });
    Ok(require_alike(ranks, &facts, false)?)
}

/// Refuses several processes for what one does alone.
///
/// # Errors
/// [`RanksError::OneProcess`] where there are several.
pub fn require_one(what: &'static str, ranks: &dyn Ranks) -> Result<(), RanksError> {
    match ranks.size() {
        1 => Ok(()),
        ranks => Err(RanksError::OneProcess { what, ranks }),
    }
}
