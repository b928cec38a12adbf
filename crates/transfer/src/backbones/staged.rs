//! A backbone as lists of layers.

use std::fmt;

use candle_core::{Result, Tensor, bail};
use taper_nn::{Graph, Layer, Mode, ParamPath, Value};

use crate::{Backbone, Stage};

/// Stages that are layers one after the other: what every [`Backbone`] here is made of, and one way
/// to make another.
///
/// # Shapes
/// Normalized pictures (N,H,W,channels), H and W as large as the smallest picture that the network
/// takes.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_nn::{Activation, Mode};
/// use taper_transfer::{Backbone, Stage, Staged};
/// let stage = Stage { name: "squash", channels: 3, stride: 1, prefixes: &["squash"] };
/// let net = Staged::new("a network", (3, 1), vec![(stage, vec![Box::new(Activation::Tanh)])]);
/// let picture = Tensor::zeros((1, 8, 8, 3), DType::F32, &Device::Cpu)?;
/// assert_eq!(net.stage(0, &picture, Mode::Eval)?.dims(), [1, 8, 8, 3]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub struct Staged {
    name: &'static str,
    channels: usize,
    smallest: usize,
    stages: Vec<Stage>,
    layers: Vec<Layers>,
}

/// One after the other.
pub(crate) type Layers = Vec<Box<dyn Layer>>;

impl Staged {
    /// A network called `name` in errors, for pictures of so many channels whose sides are
    /// `smallest` pixels or more.
    pub fn new(
        name: &'static str,
        (channels, smallest): (usize, usize),
        stages: Vec<(Stage, Vec<Box<dyn Layer>>)>,
    ) -> Self {
        let (stages, layers) = stages.into_iter().unzip();
        Self { name, channels, smallest, stages, layers }
    }

    /// The first `count` stages, without the parameters of the others below `path`; all where there
    /// are no more.
    pub(crate) fn first(mut self, count: usize, path: &ParamPath) -> Self {
        let rest: Vec<Stage> = self.stages.drain(count.min(self.stages.len())..).collect();
        self.layers.truncate(count);
        path.params().retain(|name| !rest.iter().any(|stage| stage.owns(name)));
        self
    }

    /// Puts stages behind those there are.
    pub(crate) fn extend(&mut self, further: Vec<(Stage, Layers)>) {
        for (stage, layers) in further {
            self.stages.push(stage);
            self.layers.push(layers);
        }
    }

    /// The layers of stage `i`.
    #[cfg(test)]
    pub(crate) fn layers(&self, i: usize) -> &Layers {
        &self.layers[i]
    }
}

impl fmt::Debug for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, channels, smallest, stages, .. } = self;
        let mut f = f.debug_struct("Staged");
        f.field("name", name).field("channels", channels).field("smallest", smallest).field("stages", stages);
        f.finish_non_exhaustive()
    }
}

impl Backbone for Staged {
    fn stages(&self) -> &[Stage] {
        &self.stages
    }

    fn stage(&self, i: usize, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let Some(layers) = self.layers.get(i) else {
            bail!("{} has {} stages; there is no stage {i}", self.name, self.layers.len());
        };
        if i == 0 {
            let (_, h, w, got) = x.dims4()?;
            let Self { name, channels, smallest, .. } = self;
            if h.min(w) < *smallest || got != *channels {
                bail!("{name} takes (N,H,W,{channels}), H and W {smallest} pixels or more, got {:?}", x.shape());
            }
        }
        layers.forward(x, mode)
    }

    fn graph(&self, i: usize, graph: &mut Graph, x: Value) -> Result<Value> {
        match self.layers.get(i) {
            Some(layers) => layers.graph(graph, x),
            None => bail!("{} has {} stages; there is no stage {i}", self.name, self.layers.len()),
        }
    }
}
