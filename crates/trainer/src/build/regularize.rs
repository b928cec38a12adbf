//! What `[regularize]` of a recipe does to batches, gradients, weights, and the length of a phase.

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, Var};
use taper_data::{Dataset, LabelKind};
use taper_nn::Params;
use taper_regularize::{
    EarlyStopping, EarlyStoppingConfig, Mixing, Penalty, RegularizeError, decays, max_norm, smooth_labels,
};
use taper_tensor::{Batch, Rng};
use taper_transfer::{BackboneConfig, Classifier};

use crate::build::class_counts::class_counts;
use crate::build::labels::{objective, positive_weights};
use crate::build::optimize::lr_scale;
use crate::error::Result;
use crate::objective::Objective;
use crate::recipe::{Balance, Recipe, RegularizeRecipe};

/// The techniques that act outside the network, on what a phase trains.
pub(crate) struct Regularizer {
    recipe: RegularizeRecipe,
    objective: Objective,
    label_smoothing: f64,
    mixing: Mixing,
    /// What the target of each class is multiplied by, (1,C).
    class_weights: Option<Tensor>,
    /// How much a picture counts for each class that it is of, (C), where there are several.
    pos_weight: Option<Tensor>,
    /// Weights that are penalized, and the factor of the learning rate of each.
    weights: Vec<(String, Var)>,
    factors: Vec<f64>,
}

impl Regularizer {
    /// For what `classifier` trains now on these pictures.
    pub(crate) fn new(
        (classifier, params): (&Classifier, &Params),
        recipe: &Recipe,
        pictures: &dyn Dataset,
    ) -> Result<Self> {
        let trained = classifier.trainables(params).into_iter().filter(|t| decays(&t.name, t.var.dims()));
        let (weights, factors) = trained.map(|t| ((t.name, t.var), lr_scale(classifier, recipe, t.part))).unzip();
        let objective = objective(recipe, pictures)?;
        let (mut class_weights, mut pos_weight) = (None, None);
        match (recipe.data.balance, objective.kind()) {
            (Balance::Weights, LabelKind::One) => {
                let weights = class_weights_of(pictures);
                class_weights = Some(Tensor::from_vec(weights.clone(), (1, weights.len()), &Device::Cpu)?);
            }
            (Balance::Weights, LabelKind::Many) => {
                pos_weight = Some(Tensor::new(positive_weights(pictures), &Device::Cpu)?);
            }
            _ => {}
        }
        let (label_smoothing, mixing) = (recipe.label_smoothing(objective.kind()), mixing(&recipe.regularize));
        let recipe = recipe.regularize;
        Ok(Self { recipe, objective, label_smoothing, mixing, class_weights, pos_weight, weights, factors })
    }

    /// The batch with its labels smoothed and weighted and its pictures mixed, by the stream of the
    /// step.
    pub(crate) fn batch(&self, batch: Batch, noise: &Rng) -> Result<Batch> {
        let targets = smoothed(&batch.targets, self.objective.kind(), self.label_smoothing)?;
        let mut batch = self.mixing.mix(&Batch { targets, ..batch }, noise)?;
        if let Some(weights) = &self.class_weights {
            batch.targets = batch.targets.broadcast_mul(weights)?;
        }
        Ok(batch)
    }

    /// The loss of the logits of such a batch.
    pub(crate) fn loss(&self, logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
        Ok(self.objective.loss(logits, targets, self.pos_weight.as_ref())?)
    }

    /// Adds the gradient of the L2 penalty.
    pub(crate) fn gradients(&self, grads: &mut GradStore) -> Result<()> {
        let l2 = Penalty { l1: 0.0, ..penalty(&self.recipe) };
        Ok(l2.add_gradients(&self.weights, grads)?)
    }

    /// What follows an update with the base rate `rate`: the proximal step of L1, and the longest
    /// that a unit may be.
    pub(crate) fn weights(&self, rate: f64) -> Result<()> {
        for (weight, factor) in self.weights.iter().zip(&self.factors) {
            penalty(&self.recipe).shrink(std::slice::from_ref(weight), rate * factor)?;
        }
        if self.recipe.max_norm > 0.0 {
            max_norm(&self.weights, self.recipe.max_norm)?;
        }
        Ok(())
    }

    /// The penalty on the weights as they are, L1 and L2.
    pub(crate) fn penalty(&self) -> Result<f64> {
        Ok(penalty(&self.recipe).value(&self.weights)?)
    }
}

/// Targets of which a part is spread: over all classes, or with several labels over being there and
/// being not, `t (1 - ε) + ε/2`. Numbers stay.
pub(crate) fn smoothed(targets: &Tensor, kind: LabelKind, epsilon: f64) -> Result<Tensor> {
    Ok(match kind {
        LabelKind::One => smooth_labels(targets, epsilon)?,
        LabelKind::Many => targets.affine(1.0 - epsilon, 0.5 * epsilon)?,
        LabelKind::Number => targets.clone(),
    })
}

/// *N*/(*C n*) for each class of *n* of *N* pictures; one without pictures counts as one of one.
fn class_weights_of(pictures: &dyn Dataset) -> Vec<f32> {
    let counts = class_counts(pictures);
    let weight = |count: &usize| pictures.len() as f32 / (counts.len() * (*count).max(1)) as f32;
    counts.iter().map(weight).collect()
}

fn mixing(r: &RegularizeRecipe) -> Mixing {
    Mixing { mixup: r.mixup, cutmix: r.cutmix, ..Mixing::default() }
}

fn penalty(r: &RegularizeRecipe) -> Penalty {
    Penalty { l1: r.l1, l2: r.l2 }
}

/// What the backbone does at random.
pub(crate) fn backbone_config(r: &RegularizeRecipe) -> BackboneConfig {
    let RegularizeRecipe { stochastic_depth, drop_per, fractional_pooling, .. } = *r;
    BackboneConfig { stochastic_depth, drop_per, fractional_pooling, ..BackboneConfig::default() }
}

/// Refuses what the techniques refuse, before a picture is read.
///
/// # Errors
/// Names the setting.
pub fn check(r: &RegularizeRecipe) -> Result<(), RegularizeError> {
    mixing(r).check()?;
    penalty(r).check()?;
    if r.max_norm != 0.0 {
        max_norm(&[], r.max_norm)?;
    }
    if r.patience > 0 {
        EarlyStopping::new(EarlyStoppingConfig { patience: r.patience, min_delta: r.min_delta })?;
    }
    Ok(())
}
