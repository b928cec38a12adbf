//! A backbone with a head, and how much of it is trained.

use std::fmt;

use candle_core::{Result, Tensor, Var, bail};
use taper_nn::{Graph, Layer, Mode, Params, Value};

use crate::{Backbone, TransferError};

/// The part of a [`Classifier`] that a parameter belongs to, ordered from the picture to the
/// logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The stage of the backbone with this index.
    Stage(usize),
    /// The head.
    Head,
}

/// A parameter that is trained.
#[derive(Clone, Debug)]
pub struct Trainable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub var: Var,
    /// The part that it belongs to.
    pub part: Part,
}

/// A backbone and a head, with the first [`frozen`](Classifier::frozen) stages left as they are.
///
/// Frozen stages run in [`Mode::Eval`] whatever the mode, so they draw no noise, keep no
/// activations and leave running statistics alone; their output is detached, so the backward pass
/// ends there. What they compute for a picture never changes, and can be kept:
/// [`frozen_features`](Classifier::frozen_features) and [`forward_from`](Classifier::forward_from)
/// are the two halves of [`forward`](Classifier::forward).
///
/// # Shapes
/// Normalized pictures (N,H,W,3) to logits (N,classes).
///
/// # Examples
/// ```
/// use candle_core::{DType, Device};
/// use taper_nn::Params;
/// use taper_tensor::Rng;
/// use taper_transfer::{Backbone, BackboneConfig, Classifier, Head, Part, SqueezeNetLayers, squeezenet};
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// let backbone = squeezenet(&params.root(), SqueezeNetLayers::V1_1, &BackboneConfig::default())?;
/// let head = Head::default().build(&params.root(), backbone.channels(), 10)?;
/// let mut net = Classifier::new(Box::new(backbone), head);
/// net.freeze(3)?;
/// assert!(net.trainables(&params).iter().all(|trained| trained.part >= Part::Stage(3)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// J. Yosinski, J. Clune, Y. Bengio, H. Lipson, *How transferable are features in deep neural
/// networks?*, 2014.
pub struct Classifier {
    backbone: Box<dyn Backbone>,
    head: Box<dyn Layer>,
    frozen: usize,
}

impl Classifier {
    /// Both together, nothing frozen.
    pub fn new(backbone: Box<dyn Backbone>, head: Box<dyn Layer>) -> Self {
        Self { backbone, head, frozen: 0 }
    }

    /// The backbone.
    pub fn backbone(&self) -> &dyn Backbone {
        self.backbone.as_ref()
    }

    /// The head.
    pub fn head(&self) -> &dyn Layer {
        self.head.as_ref()
    }

    /// How many stages are frozen, counted from the picture.
    pub fn frozen(&self) -> usize {
        self.frozen
    }

    /// Freezes the first `stages` stages and thaws the others; with 0 everything is trained.
    ///
    /// # Errors
    /// When the backbone has fewer stages; what was frozen stays so.
    pub fn freeze(&mut self, stages: usize) -> std::result::Result<(), TransferError> {
        let all = self.backbone.stages();
        if stages > all.len() {
            let names = all.iter().map(|stage| stage.name).collect();
            return Err(TransferError::TooManyFrozen { got: stages, stages: names });
        }
        self.frozen = stages;
        Ok(())
    }

    /// The logits of normalized pictures `x`.
    ///
    /// # Errors
    /// When `x` does not fit the backbone.
    pub fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        self.head.forward(&self.features(x, mode)?, mode)
    }

    /// The last feature map, (N,h,w,channels), of normalized pictures `x`.
    ///
    /// # Errors
    /// When `x` does not fit the backbone.
    pub fn features(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        self.run(0, x, mode, |_| {})
    }

    /// The output of every stage, first to last, in one pass.
    ///
    /// # Errors
    /// When `x` does not fit the backbone.
    pub fn stage_outputs(&self, x: &Tensor, mode: Mode<'_>) -> Result<Vec<Tensor>> {
        let mut outputs = Vec::with_capacity(self.backbone.stages().len());
        self.run(0, x, mode, |y| outputs.push(y.clone()))?;
        Ok(outputs)
    }

    /// What the frozen stages make of normalized pictures `x`; `x` itself where none is frozen.
    /// Where all are, what the head begins with is done as well ([`Layer::prepared`]).
    ///
    /// # Errors
    /// When `x` does not fit the backbone.
    pub fn frozen_features(&self, x: &Tensor) -> Result<Tensor> {
        let x = (0..self.frozen).try_fold(x.detach(), |x, i| self.stage(i, &x, Mode::Eval))?;
        if self.frozen == self.backbone.stages().len() { self.head.prepared(&x) } else { Ok(x) }
    }

    /// The logits, from the output `x` of stage `first - 1` on; with `first` =
    /// [`frozen`](Self::frozen) and [`frozen_features`](Self::frozen_features) the same as
    /// [`forward`](Self::forward).
    ///
    /// # Errors
    /// When there are fewer than `first` stages, or `x` does not fit.
    pub fn forward_from(&self, first: usize, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let stages = self.backbone.stages().len();
        if first > stages {
            bail!("the backbone has {stages} stages; cannot go on from stage {first}");
        }
        self.head.forward(&self.run(first, x, mode, |_| {})?, mode)
    }

    /// The parameters that are trained, in the order of their names, each with the part it belongs
    /// to: the stage that owns its name, or the head, which has whatever no stage owns.
    pub fn trainables(&self, params: &Params) -> Vec<Trainable> {
        params
            .trainables()
            .into_iter()
            .map(|(name, var)| Trainable { part: self.part(&name), name, var })
            .filter(|trainable| trainable.part >= Part::Stage(self.frozen))
            .collect()
    }

    /// The part that a parameter of this name belongs to.
    pub fn part(&self, parameter: &str) -> Part {
        let stages = self.backbone.stages();
        stages.iter().position(|stage| stage.owns(parameter)).map_or(Part::Head, Part::Stage)
    }

    /// The output of stage `i`; where it is frozen, in testing and detached.
    pub(crate) fn stage(&self, i: usize, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        if i < self.frozen {
            Ok(self.backbone.stage(i, x, Mode::Eval)?.detach())
        } else {
            self.backbone.stage(i, x, mode)
        }
    }

    fn run(&self, first: usize, x: &Tensor, mode: Mode<'_>, mut see: impl FnMut(&Tensor)) -> Result<Tensor> {
        let mut x = x.clone();
        for i in first..self.backbone.stages().len() {
            x = self.stage(i, &x, mode)?;
            see(&x);
        }
        Ok(x)
    }
}

impl fmt::Debug for Classifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Classifier");
        f.field("stages", &self.backbone.stages()).field("frozen", &self.frozen).finish_non_exhaustive()
    }
}

impl Layer for Classifier {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        Classifier::forward(self, x, mode)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let map = (0..self.backbone.stages().len()).try_fold(x, |x, i| self.backbone.graph(i, graph, x))?;
        self.head.graph(graph, map)
    }
}
