//! A linear head on stored features, solved to the minimum of one loss over all pictures.
//!
//! Below a frozen backbone a picture that is not augmented has the same features whenever it is
//! seen. They are computed once; what is left is a logistic regression, a convex problem of a few
//! thousand weights.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use candle_core::{DType, Tensor, Var};
use taper_data::Loader;
use taper_nn::{Mode, Params};
use taper_optim::{Iterate, Lbfgs, Minimizer};
use taper_tensor::{backward, linear};
use taper_transfer::Classifier;

use super::{EpochInfo, Observer, Outcome, StepInfo};
use crate::build::labels::objective;
use crate::build::pipeline::plain_loader;
use crate::build::regularize::smoothed;
use crate::error::Result;
use crate::evaluate::health::Health;
use crate::evaluate::{Evaluation, Truth};
use crate::objective::Objective;
use crate::recipe::{Recipe, RecipeError, Rule};

/// Solves the head of a classifier that is frozen below it:
///
/// ```text
/// loss(W, b) = mean over all pictures of the objective's loss of (Wf + b, t) + λ/2 ‖W‖²
/// ```
///
/// with *f* the mean of each channel of a picture's last feature map, *t* its targets after label
/// smoothing, and *λ* = `regularize.weight_decay`, the coupled decay of a rule in steps.
///
/// All is computed in float64: the losses of neighboring points differ in digits that float32 does
/// not have. An epoch of the history is `iterations` iterations, the last one those that were left.
pub(crate) fn fit(
    lbfgs: &Lbfgs,
    (classifier, params): (&Classifier, &Params),
    (train, val): (&Loader, &Loader),
    recipe: &Recipe,
    observers: &mut [&mut dyn Observer],
) -> Result<Outcome> {
    let start = Instant::now();
    let head = LinearHead::of(classifier, params, recipe)?;
    let objective = objective(recipe, &**train.dataset())?;
    let pictures = Features::of((classifier, &objective), &plain_loader(train, val)?)?;
    let held_out = Features::of((classifier, &objective), val)?;
    let waited = pictures.waited + held_out.waited;
    let features = Tensor::cat(&pictures.batches, 0)?.to_dtype(DType::F64)?;
    let kind = objective.kind();
    let targets = smoothed(&Tensor::cat(&pictures.targets, 0)?, kind, recipe.label_smoothing(kind))?;
    let targets = targets.to_dtype(DType::F64)?;

    let outcome = Outcome { pictures: pictures.truths.len(), waited, ..Outcome::default() };
    let network = (classifier, &objective);
    let mut watch = Watch { network, params, recipe, head: &head, held_out, observers, outcome };
    let mut failed = None;
    let mut loss = || {
        let logits = linear(&features, &head.weight, Some(&head.bias))?;
        let loss = (objective.loss(&logits, &targets, None)? + head.penalty(recipe)?)?;
        let grads = backward(&loss)?;
        Ok((loss, grads))
    };
    let solved = lbfgs.minimize_observed(&head.params(), &mut loss, &mut |iterate| {
        watch.look(iterate).unwrap_or_else(|error| {
            failed = Some(error);
            ControlFlow::Break(())
        })
    });
    if let Some(error) = failed {
        return Err(error);
    }
    let solved = solved?;
    if !watch.outcome.stopped && (watch.outcome.history.is_empty() || !watch.ends_epoch(solved.iterations)) {
        let epoch = watch.outcome.history.len() + 1;
        // Solved before its time: there is no further epoch.
        watch.epoch((epoch, epoch), solved.loss)?;
    }
    let mut outcome = watch.outcome;
    outcome.train = start.elapsed().saturating_sub(outcome.eval);
    Ok(outcome)
}

/// The features of all pictures of a loader, in its order.
struct Features {
    /// (N,C), batch by batch.
    batches: Vec<Tensor>,
    targets: Vec<Tensor>,
    truths: Vec<Truth>,
    waited: Duration,
}

impl Features {
    fn of((classifier, objective): (&Classifier, &Objective), loader: &Loader) -> Result<Self> {
        let (mut batches, mut targets, mut truths) = (Vec::new(), Vec::new(), Vec::new());
        let mut epoch = loader.epoch(0);
        for loaded in epoch.by_ref() {
            let loaded = loaded?;
            batches.push(classifier.frozen_features(&loaded.batch.images)?);
            targets.push(loaded.batch.targets);
            truths.extend(Truth::of(objective, &**loader.dataset(), &loaded.indices)?);
        }
        Ok(Self { batches, targets, truths, waited: epoch.waited() })
    }
}

/// The weights in float64, and those of the network that they are rounded to.
struct LinearHead {
    weight: Var,
    bias: Var,
    /// Name and variable of each in the network.
    rounded: [(String, Var); 2],
}

impl LinearHead {
    fn of(classifier: &Classifier, params: &Params, recipe: &Recipe) -> Result<Self> {
        let trained =
            classifier.trainables(params).into_iter().map(|trained| (trained.name, trained.var)).collect::<Vec<_>>();
        let Ok(rounded @ [(_, bias), (_, weight)]) = <&[_; 2]>::try_from(&trained[..]) else {
            let wanted = "0 with the rule lbfgs, which solves a linear head";
            let got = recipe.head.hidden.to_string();
            return Err(RecipeError::Field { field: "head.hidden", wanted, got }.into());
        };
        let double = |var: &Var| Var::from_tensor(&var.as_detached_tensor().to_dtype(DType::F64)?);
        Ok(Self { weight: double(weight)?, bias: double(bias)?, rounded: rounded.clone() })
    }

    fn params(&self) -> [(String, Var); 2] {
        let [(bias, _), (weight, _)] = &self.rounded;
        [(bias.clone(), self.bias.clone()), (weight.clone(), self.weight.clone())]
    }

    /// λ/2 ‖W‖².
    fn penalty(&self, recipe: &Recipe) -> candle_core::Result<Tensor> {
        self.weight.sqr()?.sum_all()? * (0.5 * recipe.regularize.weight_decay)
    }

    /// Gives the network the weights of the moment.
    fn round(&self) -> candle_core::Result<()> {
        for ((_, rounded), (_, double)) in self.rounded.iter().zip(self.params()) {
            rounded.set(&double.as_detached_tensor().to_dtype(rounded.dtype())?)?;
        }
        Ok(())
    }
}

/// Writes the history of the path, and shows it to the observers of the run.
struct Watch<'a, 'o> {
    network: (&'a Classifier, &'a Objective),
    params: &'a Params,
    recipe: &'a Recipe,
    head: &'a LinearHead,
    held_out: Features,
    observers: &'a mut [&'o mut dyn Observer],
    outcome: Outcome,
}

impl Watch<'_, '_> {
    fn look(&mut self, iterate: &Iterate<'_>) -> Result<ControlFlow<()>> {
        if iterate.iteration == 0 {
            return Ok(ControlFlow::Continue(()));
        }
        self.outcome.lrs.push(iterate.step);
        let epochs = self.recipe.optimize.head_epochs + self.recipe.optimize.epochs;
        let epoch = self.outcome.history.len() + 1;
        let info = StepInfo {
            step: self.outcome.lrs.len(),
            steps_per_epoch: self.iterations() as usize,
            epoch,
            epochs,
            phase: "head",
            loss: iterate.loss,
            lr: iterate.step,
            pictures: self.outcome.pictures,
        };
        for observer in self.observers.iter_mut() {
            self.outcome.stopped |= observer.step(&info).is_break();
        }
        if !self.outcome.stopped && self.ends_epoch(iterate.iteration) {
            self.epoch((epoch, epochs), iterate.loss)?;
        }
        Ok(if self.outcome.stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// Measures the head of the moment.
    fn epoch(&mut self, (epoch, epochs): (usize, usize), loss: f64) -> Result<()> {
        let start = Instant::now();
        self.head.round()?;
        let (classifier, objective) = self.network;
        let mut evaluation = Evaluation::of(objective);
        let mut truths = self.held_out.truths.iter().cloned();
        for features in &self.held_out.batches {
            let logits = classifier.forward_from(classifier.frozen(), features, Mode::Eval)?;
            evaluation.add(&logits, truths.by_ref().take(features.dim(0)?))?;
        }
        evaluation.finish();
        let info = EpochInfo {
            epoch,
            epochs,
            phase: "head",
            lr: self.outcome.lrs.last().copied().unwrap_or(0.0),
            // The penalty is left out, as with a rule that decays weights itself.
            train_loss: loss - self.head.penalty(self.recipe)?.to_scalar::<f64>()?,
            val_loss: evaluation.loss,
            metric: objective.metric(),
            val_accuracy: evaluation.figure(),
            health: Health::default(),
        };
        self.outcome.eval += start.elapsed();
        self.outcome.evaluation = evaluation;
        self.outcome.history.push(info.clone());
        for observer in self.observers.iter_mut() {
            let broken = observer.epoch(&info, self.params)?.is_break();
            self.outcome.stopped |= broken && epoch < epochs;
        }
        Ok(())
    }

    /// How many iterations an epoch has.
    fn iterations(&self) -> u64 {
        if let Rule::Lbfgs(lbfgs) = self.recipe.optimize.rule { lbfgs.iterations } else { 1 }
    }

    fn ends_epoch(&self, iteration: u64) -> bool {
        iteration.is_multiple_of(self.iterations())
    }
}
