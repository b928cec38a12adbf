//! One step: from a batch to changed weights.
//!
//! [`fit`](super::fit), the learning-rate range test and the overfit check all train through this
//! file.

use candle_core::Tensor;
use candle_core::backprop::GradStore;
use taper_data::Dataset;
use taper_nn::{Mode, Params, keep_statistics};
use taper_optim::{Accumulator, Optimizer, Plan, StepStats, UpdateRule};
use taper_tensor::{Batch, Precision, Rng, backward};
use taper_transfer::Classifier;

use super::loss_graph::LossGraph;
use super::shard_sum::{ShardLoss, ShardSum, Summed};
use super::shards::Shards;
use super::sharpness::Sharpness;
use crate::build::optimize::optimizer;
use crate::build::regularize::Regularizer;
use crate::error::Result;
use crate::ranks::Ranks;
use crate::recipe::Recipe;

/// What turns a batch into changed weights: the loss and its gradients, what regularizes them, and
/// the optimizer.
pub(crate) struct Stepper<'a> {
    precision: Precision,
    shards: Shards<'a>,
    /// What is added up over them, where there are several.
    sum: ShardSum,
    /// The stage that takes a batch: 0 for pictures, the first that is not frozen for stored
    /// features.
    first_stage: usize,
    regularizer: Regularizer,
    optimizer: Optimizer,
    /// Batches that make a step, and the sum of their gradients where there are several.
    accumulate: usize,
    accumulator: Option<Accumulator>,
    sharpness: Option<Sharpness>,
    /// Whether what lies within the stages is computed again for their gradients.
    checkpointed: bool,
    /// Steps left out because a gradient was not finite.
    skipped: u64,
}

/// The loss of a batch before the step.
pub(crate) struct Loss {
    gradients: Gradients,
    /// The batch as it was learned, where its loss is wanted a second time.
    batch: Option<Batch>,
    /// Its value, nats.
    pub(crate) value: f64,
    /// Pictures in the batch.
    pub(crate) pictures: usize,
}

/// The gradients of a loss.
enum Gradients {
    /// They are still to be computed.
    Graph(LossGraph),
    /// They have been, with the loss: shard by shard.
    Summed(GradStore),
}

/// A batch whose loss is computed shard by shard, each with noise of its own.
struct Sharded<'a> {
    stepper: &'a Stepper<'a>,
    classifier: &'a Classifier,
    /// The rows that this process needs.
    batch: &'a Batch,
    /// Pictures of the whole batch.
    of: usize,
    noise: &'a Rng,
}

impl Sharded<'_> {
    fn noise(&self, number: usize) -> Rng {
        self.noise.fork("shard").at(number as u64)
    }
}

impl ShardLoss for Sharded<'_> {
    fn is_checkpointed(&self) -> bool {
        self.stepper.checkpointed
    }

    fn forward(&self, number: usize) -> Result<LossGraph> {
        let Self { stepper, classifier, batch, of, .. } = self;
        let begin = stepper.shards.needed(*of).start;
        let rows = stepper.shards.rows(*of, number);
        let part = |tensor: &Tensor| tensor.narrow(0, rows.start - begin, rows.len())?.contiguous();
        let shard = Batch { images: part(&batch.images)?, targets: part(&batch.targets)? };
        stepper.forward(classifier, &shard, &self.noise(number))
    }

    fn backward_checkpointed(&self, graph: LossGraph, number: usize) -> Result<GradStore> {
        self.stepper.backward(self.classifier, graph, &self.noise(number))
    }
}

/// How large an update is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rates {
    /// The base rate.
    pub(crate) lr: f64,
    /// What takes the place of the rule's momentum, if anything does.
    pub(crate) momentum: Option<f64>,
}

/// What an update did.
pub(crate) struct Update {
    /// What the optimizer says of it.
    pub(crate) stats: StepStats,
    /// Whether the weights moved: not where a gradient was not finite and the step was left out.
    pub(crate) applied: bool,
}

impl<'a> Stepper<'a> {
    /// For what `classifier` trains now by `rule`, on batches that enter it at `first_stage`, with
    /// `ranks`.
    pub(crate) fn new(
        rule: Box<dyn UpdateRule>,
        (classifier, params): (&Classifier, &Params),
        (recipe, ranks): (&Recipe, &'a dyn Ranks),
        pictures: &dyn Dataset,
        first_stage: usize,
    ) -> Result<Self> {
        let optimizer = optimizer(rule, classifier, params, recipe)?;
        let accumulate = recipe.optimize.accumulate;
        Ok(Self {
            precision: Precision::from(recipe.optimize.precision),
            shards: Shards::new(recipe, ranks)?,
            sum: ShardSum::new(classifier, params),
            first_stage,
            regularizer: Regularizer::new((classifier, params), recipe, pictures)?,
            accumulate,
            accumulator: (accumulate > 1).then(|| Accumulator::new(&optimizer)),
            sharpness: Sharpness::new(recipe)?,
            checkpointed: recipe.optimize.checkpoint_activations,
            optimizer,
            skipped: 0,
        })
    }

    /// The loss of a batch of so many pictures, its labels smoothed and its pictures mixed by the
    /// stream of the step. Of a batch in shards, which is split behind that, it is enough to have
    /// the rows that [`Shards::needed`] says; their gradients are computed here.
    pub(crate) fn loss(&self, classifier: &Classifier, (batch, of): (Batch, usize), noise: &Rng) -> Result<Loss> {
        let batch = self.regularizer.batch(batch, noise)?;
        let (gradients, value) = if self.shards.is_whole() {
            let graph = self.forward(classifier, &batch, noise)?;
            let value = f64::from(graph.loss.to_scalar::<f32>()?);
            (Gradients::Graph(graph), value)
        } else {
            let Summed { loss, grads } = self.over_shards(classifier, (&batch, of), noise)?;
            (Gradients::Summed(grads), loss)
        };
        Ok(Loss { gradients, batch: self.sharpness.is_some().then_some(batch), value, pictures: of })
    }

    /// The loss and the gradients of a batch of so many pictures, one shard after the other.
    fn over_shards(&self, classifier: &Classifier, (batch, of): (&Batch, usize), noise: &Rng) -> Result<Summed> {
        self.sum.over((&self.shards, of), &Sharded { stepper: self, classifier, batch, of, noise })
    }

    /// What the recipe computes in.
    pub(crate) fn precision(&self) -> Precision {
        self.precision
    }

    fn forward(&self, classifier: &Classifier, batch: &Batch, noise: &Rng) -> Result<LossGraph> {
        let (first, images, mode) = (self.first_stage, &batch.images, Mode::Train(noise));
        let (logits, checkpoints) = self.precision.run(|| match self.checkpointed {
            false => classifier.forward_from(first, images, mode).map(|logits| (logits, None)),
            true => classifier.forward_checkpointed(first, images, mode).map(|(logits, made)| (logits, Some(made))),
        })?;
        Ok(LossGraph { loss: self.regularizer.loss(&logits, &batch.targets)?, checkpoints })
    }

    fn backward(&self, classifier: &Classifier, graph: LossGraph, noise: &Rng) -> Result<GradStore> {
        let LossGraph { loss, checkpoints } = graph;
        Ok(match checkpoints {
            None => backward(&loss)?,
            Some(made) => self.precision.run(|| classifier.backward_checkpointed(made, &loss, Mode::Train(noise)))?,
        })
    }

    /// The gradients of a step, once the loss is that of its last batch; none while batches are
    /// still added up. `batches` are those of the step until now, this one included, and `last`
    /// whether the epoch ends with it; `noise` is the stream that the loss was computed with.
    ///
    /// With sharpness-aware minimization they are those of the same batch, by the same stream, at
    /// the worst point near by.
    pub(crate) fn gradients(
        &mut self,
        (classifier, noise): (&Classifier, &Rng),
        loss: Loss,
        (batches, last): (usize, bool),
    ) -> Result<Option<GradStore>> {
        let mut grads = match loss.gradients {
            Gradients::Graph(graph) => self.backward(classifier, graph, noise)?,
            Gradients::Summed(grads) => grads,
        };
        if let Some(accumulator) = &mut self.accumulator {
            accumulator.add(grads, loss.pictures as u64)?;
            if !last && batches < self.accumulate {
                return Ok(None);
            }
            grads = accumulator.mean()?;
        }
        let (Some(sharpness), Some(batch)) = (&self.sharpness, loss.batch) else { return Ok(Some(grads)) };
        let again = || match self.shards.is_whole() {
            true => self.backward(classifier, self.forward(classifier, &batch, noise)?, noise),
            false => Ok(self.over_shards(classifier, (&batch, loss.pictures), noise)?.grads),
        };
        sharpness.gradients(&self.optimizer, grads, || keep_statistics(again)).map(Some)
    }

    /// Moves the weights: penalties, clipping, the update rule, then what acts on the weights
    /// themselves.
    ///
    /// # Errors
    /// [`OptimError::NonFiniteGradient`](taper_optim::OptimError) where the recipe wants it.
    pub(crate) fn update(&mut self, mut grads: GradStore, rates: Rates) -> Result<Update> {
        let Rates { lr, momentum } = rates;
        self.regularizer.gradients(&mut grads)?;
        let stats = match momentum {
            None => self.optimizer.step(&grads, lr)?,
            Some(momentum) => {
                let plan = Plan { lr, momentum: Some(Box::new(move |_| momentum)), ..Plan::default() };
                self.optimizer.step_at(&grads, 0, &plan)?
            }
        };
        let applied = stats.skipped == self.skipped;
        if applied {
            self.regularizer.weights(lr)?;
        }
        self.skipped = stats.skipped;
        Ok(Update { stats, applied })
    }

    /// How batches are split.
    pub(crate) fn shards(&self) -> Shards<'a> {
        self.shards
    }

    /// The stage that takes a batch.
    pub(crate) fn first_stage(&self) -> usize {
        self.first_stage
    }

    /// The optimizer, which has a state.
    pub(crate) fn optimizer(&self) -> &Optimizer {
        &self.optimizer
    }

    /// The same, to be changed.
    pub(crate) fn optimizer_mut(&mut self) -> &mut Optimizer {
        &mut self.optimizer
    }

    /// Steps left out because a gradient was not finite.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Goes on with an optimizer that has left out so many steps.
    pub(crate) fn set_skipped(&mut self, skipped: u64) {
        self.skipped = skipped;
    }

    /// What L1 and L2 add to the loss, nats.
    pub(crate) fn penalty(&self) -> Result<f64> {
        self.regularizer.penalty()
    }
}
