//! How a flag with a number of passes wants the noise averaged out.

use taper_regularize::Marginalize;

/// How a flag with a number of passes wants the noise averaged out.
pub(super) fn passes(flag: Option<u16>) -> Marginalize {
    flag.map_or(Marginalize::Expectation, |n| Marginalize::Samples(n.into()))
}
