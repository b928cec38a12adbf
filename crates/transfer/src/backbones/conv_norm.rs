//! A convolution and its norm.

use candle_core::Result;
use taper_nn::{BatchNorm, BatchNormConfig, Conv2d, Conv2dConfig, ConvNorm, ParamPath};

/// A convolution without a bias at the first path and its norm at the second, with half the kernel
/// as padding, unless the zeros are to be those of "same".
pub(crate) fn centered(
    at: [&ParamPath; 2],
    (inputs, outputs, kernel): (usize, usize, usize),
    config: Conv2dConfig,
    norm: BatchNormConfig,
) -> Result<ConvNorm> {
    let padding = if config.same { 0 } else { kernel / 2 };
    let conv = Conv2d::new(at[0], inputs, outputs, kernel, Conv2dConfig { padding, bias: false, ..config })?;
    Ok(ConvNorm { conv, norm: BatchNorm::new(at[1], outputs, norm)? })
}
