//! Maps that several layers read side by side.

use candle_core::{Result, Tensor};
use taper_tensor::{Measured, concat_again, measured};

use crate::mode::Mode;

/// One of several maps side by side, of which in training the mean and the variance are measured
/// once for all the batch norms that will read it ([`BatchNorm::forward_parts_relu`]).
///
/// [`BatchNorm::forward_parts_relu`]: crate::BatchNorm::forward_parts_relu
#[derive(Clone, Debug)]
pub struct Part {
    map: Tensor,
    measured: Option<Measured>,
}

impl Part {
    /// A map, measured where `mode` is that of training.
    ///
    /// # Errors
    /// When it has no elements.
    pub fn new(map: Tensor, mode: Mode<'_>) -> Result<Self> {
        let measured = mode.is_train().then(|| measured(&map)).transpose()?;
        Ok(Self { map, measured })
    }

    /// A map that is measured.
    pub(super) fn measured(measured: Measured) -> Self {
        Self { map: measured.map.clone(), measured: Some(measured) }
    }

    /// The map, with its moments.
    pub(super) fn moments(&self) -> Result<Measured> {
        match &self.measured {
            Some(measured) => Ok(measured.clone()),
            None => measured(&self.map),
        }
    }

    /// The map.
    pub fn map(&self) -> &Tensor {
        &self.map
    }

    /// All of them as one map.
    ///
    /// # Errors
    /// When they differ in more than their channels, or there is none.
    pub fn joined(parts: &[Self]) -> Result<Tensor> {
        match parts {
            [only] => Ok(only.map.clone()),
            parts => concat_again(&parts.iter().map(Self::map).collect::<Vec<_>>()),
        }
    }
}
