//! An average of the weights beside those that are trained.

use std::collections::BTreeMap;

use anyhow::Result;
use candle_core::{Tensor, Var};
use taper_data::Loader;
use taper_optim::{Average, Averaging};
use taper_regularize::BatchNormConfig;
use taper_tensor::{Mode, Params, Rng};
use taper_transfer::{Classifier, Part};

/// The average of what a phase trains, and how it takes the place of the weights to be measured and kept.
///
/// Weights and average share one network. In between, the running statistics of batch norm belong to the weights; with
/// the average goes a set of its own, [computed](recompute_statistics) each time it enters.
pub struct Averaged<'a> {
    average: Average,
    pictures: &'a Loader,
    noise: Rng,
    /// The running statistics of the weights, while the average is in their place.
    aside: Vec<(Var, Tensor)>,
}

impl<'a> Averaged<'a> {
    /// An average of what `classifier` trains now. Statistics are taken from `pictures`, whose batches are shuffled and
    /// not augmented; `noise` is for the dropout between layers while they are taken.
    ///
    /// # Errors
    /// When nothing is trained, or a setting of the averaging is out of its range.
    pub fn new(
        classifier: &Classifier,
        params: &Params,
        averaging: Averaging,
        pictures: &'a Loader,
        noise: Rng,
    ) -> Result<Self> {
        let trained = classifier.trainables(params).into_iter().map(|(name, var, _)| (name, var)).collect();
        Ok(Self { average: Average::new(trained, averaging)?, pictures, noise, aside: Vec::new() })
    }

    /// What is remembered between steps ([`Average::state`]).
    ///
    /// # Errors
    /// When a tensor cannot be copied.
    pub fn state(&self) -> Result<BTreeMap<String, Tensor>> {
        Ok(self.average.state()?)
    }

    /// Goes on with what [`state`](Self::state) gave.
    ///
    /// # Errors
    /// When it is the state of other parameters.
    pub fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        Ok(self.average.load_state(state)?)
    }

    /// Takes in the weights after a step.
    ///
    /// # Errors
    /// While the average is in the network.
    pub fn update(&mut self) -> Result<()> {
        Ok(self.average.update()?)
    }

    /// Puts the average in the place of the weights, unless there is none yet.
    ///
    /// # Errors
    /// When a picture cannot be read.
    pub fn enter(&mut self, classifier: &Classifier, params: &Params) -> Result<()> {
        if self.average.entered() == 0 || self.average.is_swapped() {
            return Ok(());
        }
        let keep = |var: Var| Ok((var.clone(), var.as_detached_tensor().copy()?));
        self.aside = statistics(classifier, params).into_iter().map(keep).collect::<Result<_>>()?;
        self.average.swap()?;
        recompute_statistics(classifier, params, self.pictures, &self.noise)
    }

    /// Puts the weights and their statistics back, to the bit, to go on training.
    ///
    /// # Errors
    /// When a tensor cannot be copied.
    pub fn leave(&mut self) -> Result<()> {
        if self.average.is_swapped() {
            self.average.swap()?;
            for (var, kept) in self.aside.drain(..) {
                var.set(&kept)?;
            }
        }
        Ok(())
    }
}

/// Computes the running statistics of every batch norm that is trained again, for weights that no training step has
/// been made with: the mean over one epoch of `pictures` of what each batch has.
///
/// ```text
/// running_mean ← 1/K Σ meanₖ        running_var ← 1/K Σ varianceₖ        over the batches k = 1 ... K
/// ```
///
/// The batches pass as in training: each layer normalises by the batch, and dropout draws from `noise`. Frozen stages
/// keep theirs, and without a batch norm no picture is read.
///
/// All batch norms must have the momentum of [`BatchNormConfig::default`], as those of every backbone and head here.
///
/// # Errors
/// When a picture cannot be read, or a batch is too small for a variance.
///
/// # References
/// P. Izmailov et al., *Averaging Weights Leads to Wider Optima and Better Generalization*, 2018.
pub fn recompute_statistics(classifier: &Classifier, params: &Params, pictures: &Loader, noise: &Rng) -> Result<()> {
    let statistics = statistics(classifier, params);
    if statistics.is_empty() {
        return Ok(());
    }
    let zeros: Vec<Tensor> = statistics.iter().map(|var| var.zeros_like()).collect::<candle_core::Result<_>>()?;
    let mut sums = zeros.clone();
    for (k, loaded) in pictures.epoch(0).enumerate() {
        for (var, zero) in statistics.iter().zip(&zeros) {
            var.set(zero)?;
        }
        classifier.forward(&loaded?.batch.images, Mode::Train(&noise.at(k as u64)))?;
        // From 0 a batch takes the statistics to its own times the momentum.
        for (sum, var) in sums.iter_mut().zip(&statistics) {
            *sum = (&*sum + var.as_detached_tensor())?;
        }
    }
    let scale = 1.0 / (BatchNormConfig::default().momentum * pictures.batches() as f64);
    for (var, sum) in statistics.iter().zip(&sums) {
        var.set(&(sum * scale)?)?;
    }
    Ok(())
}

/// The running statistics that training moves: the buffers of what is not frozen.
fn statistics(classifier: &Classifier, params: &Params) -> Vec<Var> {
    let trained = |name: &str| classifier.part(name) >= Part::Stage(classifier.frozen());
    params.buffers().into_iter().filter(|(name, _)| trained(name)).map(|(_, var)| var).collect()
}
