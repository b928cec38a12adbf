//! A network without its head, as a list of stages.

use candle_core::{Result, Tensor, bail};
use taper_nn::{Graph, Mode, Value};

/// A part of a backbone, as deep as its place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// What it is called, such as `fire4-5`.
    pub name: &'static str,
    /// Channels of its output.
    pub channels: usize,
    /// Pixels of the picture per pixel of its output, in both directions.
    pub stride: usize,
    /// What the names of its parameters begin with, whole parts: `features.3` owns `features.3.weight`
    /// and not `features.30.weight`.
    pub prefixes: &'static [&'static str],
}

/// A [`Stage`] in one line, for the tables of networks.
pub(crate) const fn stage(
    name: &'static str,
    channels: usize,
    stride: usize,
    prefixes: &'static [&'static str],
) -> Stage {
    Stage { name, channels, stride, prefixes }
}

impl Stage {
    /// Whether a parameter of this full name belongs to the stage.
    pub fn owns(&self, parameter: &str) -> bool {
        self.prefixes.iter().any(|prefix| is_below(parameter, prefix))
    }
}

/// Whether `name` is `prefix` or lies below it.
pub(crate) fn is_below(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A network from pictures to feature maps, cut into stages that run one after the other.
///
/// # Shapes
/// The first stage takes normalised pictures (N,H,W,3); each takes what the one before gave; the last
/// gives (N,h,w,[`channels`](Backbone::channels)).
///
/// # Examples
/// ```
/// use candle_core::{DType, Device};
/// use taper_nn::Params;
/// use taper_tensor::Rng;
/// use taper_transfer::{Backbone, BackboneConfig, SqueezeNetLayers, squeezenet};
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// let net = squeezenet(&params.root(), SqueezeNetLayers::V1_1, &BackboneConfig::default())?;
/// let names: Vec<_> = net.stages().iter().map(|stage| stage.name).collect();
/// assert_eq!(names, ["stem", "fire2-3", "fire4-5", "fire6-9"]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub trait Backbone: Send + Sync {
    /// The stages, first to last; never empty. Every parameter belongs to exactly one.
    fn stages(&self) -> &[Stage];

    /// The output of stage `i` for the output `x` of the stage before it.
    ///
    /// # Errors
    /// When there is no stage `i`, or `x` does not fit it.
    fn stage(&self, i: usize, x: &Tensor, mode: Mode<'_>) -> Result<Tensor>;

    /// Adds stage `i` in testing to a graph, as [`Layer::graph`](taper_nn::Layer::graph). By default that is refused.
    ///
    /// # Errors
    /// When there is no stage `i`, it cannot be written so, or `x` does not fit.
    fn graph(&self, i: usize, _: &mut Graph, _: Value) -> Result<Value> {
        bail!("stage {i} of {} cannot be written operation by operation", std::any::type_name::<Self>())
    }

    /// Channels of the last feature map.
    fn channels(&self) -> usize {
        self.stages().last().map_or(0, |stage| stage.channels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_whole_parts_of_a_name() {
        let stage = Stage { name: "a", channels: 1, stride: 1, prefixes: &["features.1", "stem"] };
        for (name, wanted) in
            [("features.1.weight", true), ("features.10.weight", false), ("stem", true), ("stem2", false)]
        {
            assert_eq!(stage.owns(name), wanted, "{name}");
        }
    }
}
