//! An error and its causes as one sentence.

use std::error::Error;
use std::iter::successors;

/// What an error says, and what its causes do: `a: b: c`.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
