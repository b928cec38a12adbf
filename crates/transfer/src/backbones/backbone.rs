//! A network without its head, as a list of stages.

use candle_core::{Result, Tensor, bail};
use taper_nn::{Graph, Mode, Value};

use super::stage::Stage;

/// A network from pictures to feature maps, cut into stages that run one after the other.
///
/// # Shapes
/// The first stage takes normalized pictures (N,H,W,3); each takes what the one before gave; the
/// last gives (N,h,w,[`channels`](Backbone::channels)).
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

    /// Adds stage `i` in testing to a graph, as [`Layer::graph`](taper_nn::Layer::graph). By
    /// default that is refused.
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
