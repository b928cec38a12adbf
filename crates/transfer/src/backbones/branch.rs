//! A residual branch that ends in a sum.

use candle_core::{Result, Tensor};
use taper_nn::Mode;
use taper_regularize::{Depth, StochasticDepth};

/// `x + d · F(x)` with the d of stochastic depth: by `whole`, which adds in the pass of its last
/// product, where nothing is left out, else by `f`, which is F alone.
pub(crate) fn branch(
    depth: &StochasticDepth,
    x: &Tensor,
    mode: Mode<'_>,
    whole: impl FnOnce() -> Result<Tensor>,
    f: impl FnOnce() -> Result<Tensor>,
) -> Result<Tensor> {
    match depth.draw(x, mode)? {
        Depth::Whole => whole(),
        other => other.onto(x, f),
    }
}
