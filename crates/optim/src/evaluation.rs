use crate::displaced::Displaced;
use crate::error::{OptimError, tensor_error};
use crate::optimizer::Optimizer;

impl Optimizer {
    /// Moves the parameters to the weights that their rule wants to be evaluated:
    /// [`ScheduleFreeAdamW`] the average of its iterates, [`Lookahead`] its slow weights. The
    /// parameters of other rules stay where they are, and so do those that had no update yet.
    ///
    /// [`Displaced::restore`] puts them back, to the bit; only then may training go on, and a state
    /// or the parameters be saved to go on from. [`Displaced::stay`] ends a training with them.
    ///
    /// # Errors
    /// [`OptimError::Tensor`] when a tensor operation fails; all parameters are then where they
    /// were.
    ///
    /// # Examples
    /// ```
    /// use candle_core::{Device, Var};
    /// use taper_optim::{
    ///     Group, Optimizer, OptimizerConfig, ScheduleFreeAdamW, ScheduleFreeAdamWConfig,
    /// };
    ///
    /// let x = Var::new(&[1f64], &Device::Cpu)?;
    /// let group = Group { params: vec![("x".into(), x.clone())], ..Group::default() };
    /// let rule = ScheduleFreeAdamW::new(ScheduleFreeAdamWConfig::default())?;
    /// let mut optimizer = Optimizer::new(Box::new(rule), vec![group], OptimizerConfig::default())?;
    /// for _ in 0..5 {
    ///     optimizer.step(&x.sqr()?.sum_all()?.backward()?, 0.1)?;
    /// }
    /// let training = x.to_vec1::<f64>()?;
    /// let evaluation = optimizer.evaluation()?;
    /// assert_ne!(x.to_vec1::<f64>()?, training);
    /// evaluation.restore()?;
    /// assert_eq!(x.to_vec1::<f64>()?, training);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// [`ScheduleFreeAdamW`]: crate::ScheduleFreeAdamW
    /// [`Lookahead`]: crate::Lookahead
    pub fn evaluation(&self) -> Result<Displaced, OptimError> {
        let mut displaced = Displaced::default();
        for param in self.trained.iter().filter(|param| param.updates > 0) {
            let failed = |source| tensor_error(&param.name, source);
            if let Some(weights) = param.rule.evaluated(&param.var, &param.slots).map_err(failed)? {
                displaced.keep(&param.name, &param.var)?;
                param.var.set(&weights).map_err(failed)?;
            }
        }
        Ok(displaced)
    }
}
