//! One step: from a batch to changed weights.
//!
//! [`fit`](super::fit), the learning-rate range test and the overfit check all train through this
//! file.

use anyhow::Result;
use candle_core::Tensor;
use candle_core::backprop::GradStore;
use taper_data::Dataset;
use taper_nn::{Mode, Params};
use taper_optim::{Accumulator, Optimizer, StepStats, UpdateRule};
use taper_tensor::{Batch, Precision, Rng, backward, cross_entropy};
use taper_transfer::Classifier;

use crate::build::optimize::optimizer;
use crate::build::regularize::Regularizer;
use crate::recipe::Recipe;

/// What turns a batch into changed weights: the loss and its gradients, what regularizes them, and
/// the optimizer.
pub(crate) struct Stepper {
    precision: Precision,
    /// The stage that takes a batch: 0 for pictures, the first that is not frozen for stored
    /// features.
    first_stage: usize,
    regularizer: Regularizer,
    optimizer: Optimizer,
    /// Batches that make a step, and the sum of their gradients where there are several.
    accumulate: usize,
    accumulator: Option<Accumulator>,
    /// Steps left out because a gradient was not finite.
    skipped: u64,
}

/// The loss of a batch before the step.
pub(crate) struct Loss {
    tensor: Tensor,
    /// Its value, nats.
    pub(crate) value: f64,
    /// Pictures in the batch.
    pub(crate) pictures: usize,
}

/// What an update did.
pub(crate) struct Update {
    /// What the optimizer says of it.
    pub(crate) stats: StepStats,
    /// Whether the weights moved: not where a gradient was not finite and the step was left out.
    pub(crate) applied: bool,
}

impl Stepper {
    /// For what `classifier` trains now by `rule`, on batches that enter it at `first_stage`.
    pub(crate) fn new(
        rule: Box<dyn UpdateRule>,
        (classifier, params): (&Classifier, &Params),
        recipe: &Recipe,
        pictures: &dyn Dataset,
        first_stage: usize,
    ) -> Result<Self> {
        let optimizer = optimizer(rule, classifier, params, recipe)?;
        let accumulate = recipe.optimize.accumulate;
        Ok(Self {
            precision: Precision::from(recipe.optimize.precision),
            first_stage,
            regularizer: Regularizer::new((classifier, params), recipe, pictures)?,
            accumulate,
            accumulator: (accumulate > 1).then(|| Accumulator::new(&optimizer)),
            optimizer,
            skipped: 0,
        })
    }

    /// The loss of a batch, its labels smoothed and its pictures mixed by the stream of the step.
    pub(crate) fn loss(&self, classifier: &Classifier, batch: Batch, noise: &Rng) -> Result<Loss> {
        let batch = self.regularizer.batch(batch, noise)?;
        let forward = || classifier.forward_from(self.first_stage, &batch.images, Mode::Train(noise));
        let logits = self.precision.run(forward)?;
        let tensor = cross_entropy(&logits, &batch.targets)?;
        let value = f64::from(tensor.to_scalar::<f32>()?);
        Ok(Loss { tensor, value, pictures: batch.len() })
    }

    /// The gradients of a step, once the loss is that of its last batch; none while batches are
    /// still added up. `batches` are those of the step until now, this one included, and `last`
    /// whether the epoch ends with it.
    pub(crate) fn gradients(&mut self, loss: &Loss, batches: usize, last: bool) -> Result<Option<GradStore>> {
        let grads = backward(&loss.tensor)?;
        let Some(accumulator) = &mut self.accumulator else { return Ok(Some(grads)) };
        accumulator.add(grads, loss.pictures as u64)?;
        let whole = last || batches >= self.accumulate;
        Ok(whole.then(|| accumulator.mean()).transpose()?)
    }

    /// Moves the weights: penalties, clipping, the update rule, then what acts on the weights
    /// themselves.
    ///
    /// # Errors
    /// [`OptimError::NonFiniteGradient`](taper_optim::OptimError) where the recipe wants it.
    pub(crate) fn update(&mut self, mut grads: GradStore, lr: f64) -> Result<Update> {
        self.regularizer.gradients(&mut grads)?;
        let stats = self.optimizer.step(&grads, lr)?;
        let applied = stats.skipped == self.skipped;
        if applied {
            self.regularizer.weights(lr)?;
        }
        self.skipped = stats.skipped;
        Ok(Update { stats, applied })
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
