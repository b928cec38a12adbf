//! What may differ in a backbone of one name.

use candle_core::Error;
use serde::{Deserialize, Serialize};
use taper_nn::ParamPath;
use taper_regularize::{DropPer, StochasticDepth, linear_survival};

use crate::TransferError;
use crate::check::check_size;

/// What a backbone takes, what it does at random while it is trained, by default nothing, and where
/// it ends. It is part of the network, since testing takes the expectation over the noise. A
/// network that has no layers for a setting refuses it.
///
/// # References
/// - G. Huang, Y. Sun, Z. Liu, D. Sedra, K. Q. Weinberger, *Deep Networks with Stochastic Depth*,
///   2016.
/// - B. Graham, *Fractional Max-Pooling*, 2014.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackboneConfig {
    /// Channels of the pictures: 3 for red, green and blue, 1 for gray. Pretrained weights for 3
    /// are made to fit ([`load_weights`](crate::load_weights)). Default 3.
    pub channels: usize,
    /// The probability that the last residual block is left out
    /// ([`StochasticDepth`](taper_regularize::StochasticDepth)); those before it less often, in a
    /// straight line from 0 at the stem. In [0, 1), the paper's 0.5. Default 0.
    pub stochastic_depth: f64,
    /// Whether a block is left out for a whole batch, which then costs no computation, or for each
    /// picture apart.
    pub drop_per: DropPer,
    /// How many times smaller a max pool makes a side, by random regions
    /// ([`FractionalMaxPool`](taper_regularize::FractionalMaxPool)): in (1, 2], or 0 for pooling as
    /// usual. Default 0.
    pub fractional_pooling: f64,
    /// How many stages there are, counted from the picture: a network may end early. 0 for all.
    /// Default 0.
    pub stages: usize,
}

impl Default for BackboneConfig {
    fn default() -> Self {
        Self { channels: 3, stochastic_depth: 0.0, drop_per: DropPer::default(), fractional_pooling: 0.0, stages: 0 }
    }
}

/// Which settings of a [`BackboneConfig`] a network has layers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    Nothing,
    Depth,
    Pooling,
}

impl BackboneConfig {
    /// How block `number` of `total`, from 1, is left out in training; its draws have the name of
    /// `path`.
    pub(crate) fn depth(
        &self,
        path: &ParamPath,
        (number, total): (usize, usize),
    ) -> candle_core::Result<StochasticDepth> {
        let survival = linear_survival(number, total, 1.0 - self.stochastic_depth);
        StochasticDepth::new(survival, self.drop_per, path.name()).map_err(Error::wrap)
    }

    /// Refuses what a network has no layers for, and numbers out of their range.
    pub(crate) fn check(&self, takes: Takes) -> Result<(), TransferError> {
        let fail = |field, wanted, got| Err(TransferError::BadConfig { field, wanted, got });
        let (depth, ratio) = (self.stochastic_depth, self.fractional_pooling);
        check_size("channels", self.channels)?;
        match takes {
            Takes::Depth if !(0.0..1.0).contains(&depth) => fail("stochastic_depth", "in [0, 1)", depth),
            Takes::Nothing | Takes::Pooling if depth != 0.0 => {
                fail("stochastic_depth", "0 for a network without residual blocks: the ResNets have them", depth)
            }
            Takes::Pooling if ratio != 0.0 && !(ratio > 1.0 && ratio <= 2.0) => {
                fail("fractional_pooling", "in (1, 2], or 0 for none", ratio)
            }
            Takes::Nothing | Takes::Depth if ratio != 0.0 => {
                fail("fractional_pooling", "0 for this network: small_cnn can pool so", ratio)
            }
            _ => Ok(()),
        }
    }
}
