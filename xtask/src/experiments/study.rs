//! Trains every case with every seed.

use std::sync::Arc;

use anyhow::Result;
use taper::evaluate::{Evaluation, evaluate, evaluate_marginal};
use taper::fit::fit;
use taper::network::network;
use taper::pipeline::{eval_loader, train_loader};
use taper_data::{Dataset, Splits, split};
use taper_regularize::Marginalize;
use taper_tensor::Rng;

use super::Case;

/// How much is trained.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// Pictures to train on.
    pub pictures: usize,
    /// Epochs of each training.
    pub epochs: usize,
    /// Trainings of each case; each seed draws its own pictures too, the same for all cases.
    pub seeds: u64,
    /// Threads that prepare pictures.
    pub threads: usize,
}

/// What came out of one training. Accuracies are fractions.
#[derive(Clone, Copy, Debug)]
pub struct Study {
    /// On the pictures it was trained on, as they are.
    pub train: f64,
    /// On the pictures it never saw.
    pub test: f64,
    /// Test loss, nats.
    pub loss: f64,
    /// On these with the mean over passes with the noise on.
    pub sampled: Option<f64>,
    /// Seconds that an epoch of training took.
    pub seconds: f64,
}

/// Passes of a test that takes the mean over the noise.
pub(super) const PASSES: usize = 8;

/// Trains every case with every seed; `tell` hears of each.
///
/// A sixth of `course.pictures` more is drawn for validation, which early stopping looks at; the test set is looked at
/// once, at the end.
///
/// # Errors
/// When a training fails.
pub fn study(splits: &Splits, cases: &[Case], course: Course, tell: impl Fn(String)) -> Result<Vec<Vec<Study>>> {
    let mut results = vec![Vec::new(); cases.len()];
    for seed in 0..course.seeds {
        let rng = Rng::new(seed).fork("experiments");
        let all = splits.train.len() as f64;
        let (_, some) = split(splits.train.clone(), course.pictures as f64 * 7.0 / 6.0 / all, &rng)?;
        let (train, val) = split(Arc::new(some), 1.0 / 7.0, &rng)?;
        let sets: [Arc<dyn Dataset>; 3] = [Arc::new(train), Arc::new(val), splits.val.clone()];
        for (case, results) in cases.iter().zip(&mut results) {
            let result = train_one(case, &sets, course, seed)?;
            tell(format!(
                "{} seed {seed}: train {:.4}, test {:.4}, {:.2} s an epoch",
                case.name, result.train, result.test, result.seconds
            ));
            results.push(result);
        }
    }
    Ok(results)
}

fn train_one(case: &Case, [train, val, test]: &[Arc<dyn Dataset>; 3], course: Course, seed: u64) -> Result<Study> {
    let mut recipe = case.recipe(course.epochs, seed)?;
    recipe.data.image_size = train.get(0)?.width();
    let (card, mut classifier, params) = network(&recipe, train.classes())?;
    let plain = |set: &Arc<dyn Dataset>| eval_loader(set.clone(), 100, card.input(), course.threads);
    let loader = train_loader(train.clone(), &recipe, card.input(), course.threads)?;
    let outcome = fit(&mut classifier, &params, (&loader, &plain(val)?), &recipe, &mut [])?;
    let tested = evaluate(&classifier, &plain(test)?)?;
    let sampled = || evaluate_marginal(&classifier, &plain(test)?, Marginalize::Samples(PASSES));
    Ok(Study {
        train: evaluate(&classifier, &plain(train)?)?.accuracy(),
        test: tested.accuracy(),
        loss: tested.loss,
        sampled: case.noise.then(sampled).transpose()?.as_ref().map(Evaluation::accuracy),
        seconds: outcome.train.as_secs_f64() / outcome.history.len() as f64,
    })
}
