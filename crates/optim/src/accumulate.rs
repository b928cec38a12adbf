use std::iter;

use candle_core::{Tensor, Var, backprop::GradStore};

use crate::error::{OptimError, require, tensor_error};
use crate::gradient::{Missing, gradient};
use crate::optimizer::Optimizer;
use crate::rule::scaled;

/// The mean of the gradients of several micro-batches: one step of a batch that does not fit into
/// memory.
///
/// ```text
/// g = Σ nᵢgᵢ / Σ nᵢ
/// ```
///
/// with *gᵢ* the gradient of the mean loss over micro-batch *i* and *nᵢ* its `weight`, the number
/// of its pictures. That is the gradient of the mean loss over all pictures, but for rounding, also
/// when the last micro-batch is smaller. With the weight 1 throughout it is the plain mean.
///
/// What a layer computes from a batch as a whole, such as the statistics of batch norm, it still
/// computes from each micro-batch.
///
/// # Examples
/// Four pictures in two halves:
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use taper_optim::{Accumulator, Group, Optimizer, OptimizerConfig, Sgd, SgdConfig};
///
/// let w = Var::new(&[0f64], &Device::Cpu)?;
/// let group = Group { params: vec![("w".into(), w.clone())], ..Group::default() };
/// let rule = Box::new(Sgd::new(SgdConfig::default())?);
/// let mut optimizer = Optimizer::new(rule, vec![group], OptimizerConfig::default())?;
/// let mut accumulator = Accumulator::new(&optimizer);
/// for half in [[1f64, 2.0], [3.0, 6.0]] {
///     let loss = Tensor::new(&half, &Device::Cpu)?.broadcast_sub(&w)?.sqr()?.mean_all()?;
///     accumulator.add(loss.backward()?, 2)?;
/// }
/// optimizer.step(&accumulator.mean()?, 0.5)?;
/// assert_eq!(w.to_vec1::<f64>()?, [3.0]); // the mean of 1, 2, 3 and 6
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Accumulator {
    /// In the order of their names.
    params: Vec<(String, Var)>,
    missing: Missing,
    /// The weighted sums in the same order; none before the first micro-batch.
    sums: Vec<Tensor>,
    /// The sum of the weights.
    weight: u64,
    /// The gradients added last. candle lets nobody make an empty store: the means go in here.
    last: Option<GradStore>,
}

impl Accumulator {
    /// Room for the gradients of the optimizer's parameters.
    pub fn new(optimizer: &Optimizer) -> Self {
        let params = optimizer.trained.iter().map(|param| (param.name.clone(), param.var.clone()));
        Self { params: params.collect(), missing: optimizer.config.missing, sums: Vec::new(), weight: 0, last: None }
    }

    /// Adds the gradients of one micro-batch, which count `weight` times, at least once.
    ///
    /// A NaN or an infinity goes into the sum; [`Optimizer::step`] finds it there.
    ///
    /// # Errors
    /// Without any change:
    /// - [`OptimError::BadConfig`] when `weight` is 0;
    /// - [`OptimError::MissingGradient`] when a parameter has no gradient;
    /// - [`OptimError::Mismatch`] when a gradient has another shape or type than its parameter;
    /// - [`OptimError::Tensor`] when a tensor operation fails.
    pub fn add(&mut self, grads: GradStore, weight: u64) -> Result<(), OptimError> {
        require(weight > 0, "weight", "at least 1", weight as f64)?;
        let mut sums = Vec::with_capacity(self.params.len());
        for (i, (name, var)) in self.params.iter().enumerate() {
            let grad = scaled(&gradient(name, var, &grads, self.missing)?, weight as f64);
            let sum = match self.sums.get(i) {
                Some(sum) => grad.and_then(|grad| sum + grad),
                None => grad,
            };
            sums.push(sum.map_err(|source| tensor_error(name, source))?);
        }
        self.sums = sums;
        self.weight += weight;
        self.last = Some(grads);
        Ok(())
    }

    /// The mean of what has been added, ready for [`Optimizer::step`]; the next sum starts afresh.
    ///
    /// # Errors
    /// - [`OptimError::NothingAccumulated`] when nothing has been added since the last mean;
    /// - [`OptimError::Tensor`] when a tensor operation fails; the sums are kept then.
    pub fn mean(&mut self) -> Result<GradStore, OptimError> {
        let mut means = Vec::with_capacity(self.params.len());
        for ((name, _), sum) in iter::zip(&self.params, &self.sums) {
            let mean = scaled(sum, 1.0 / self.weight as f64);
            means.push(mean.map_err(|source| tensor_error(name, source))?);
        }
        let mut grads = self.last.take().ok_or(OptimError::NothingAccumulated)?;
        for ((_, var), mean) in iter::zip(&self.params, means) {
            grads.insert(var, mean);
        }
        self.sums.clear();
        self.weight = 0;
        Ok(grads)
    }
}
