//! From one map to another: what is multiplied, and where it goes.

use super::windows::{Map, Windows};
use crate::kernels::gemm::Operands;

/// Elements of k, or pairs, of one product: a block of the windows and a panel of weights fit the
/// second-level cache.
pub(crate) const STEPS: usize = 512;
/// Pixels whose windows are copied together at a time: while they are multiplied, the next ones are
/// prefetched.
pub(crate) const GATHERED: usize = 56;

/// `out[pixel] = W[pixel] · weight` from one map to another, of one group.
#[derive(Clone, Debug)]
pub(crate) struct Correlation {
    pub(crate) operands: Operands,
    pub(crate) windows: Windows,
    pub(crate) target: Map,
    /// The target's pixels: every `every`-th, from `first`.
    pub(crate) every: usize,
    pub(crate) first: (usize, usize),
}
