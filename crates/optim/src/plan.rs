use crate::schedules::{Constant, Schedule};

/// The rates of a run as functions of the update's number; [`Optimizer::step_at`] follows them.
///
/// ```text
/// η(t) = lr · s(t) · lr_scale       s: the group's schedule, or else the plan's
/// μ(t) = m(t)                       in the place of each rule's momentum or β₁
/// ```
///
/// # Examples
/// One cycle of the rate, the momentum against it, and a head with a schedule of its own:
/// ```
/// use std::sync::Arc;
/// use candle_core::{Device, Var};
/// use taper_optim::{
///     AdamW, AdamWConfig, Cosine, Group, OneCycle, OneCycleConfig, OneCycleMomentum, OneCycleMomentumConfig,
///     Optimizer, OptimizerConfig, Plan,
/// };
///
/// let [body, head] = [Var::new(&[1f64], &Device::Cpu)?, Var::new(&[1f64], &Device::Cpu)?];
/// let cycle = OneCycle::new(100, OneCycleConfig::default())?;
/// let momentum = OneCycleMomentum::new(cycle, OneCycleMomentumConfig::default())?;
/// let plan = Plan { lr: 0.01, schedule: Box::new(cycle), momentum: Some(Box::new(momentum)) };
/// let groups = vec![
///     Group { params: vec![("body".into(), body.clone())], ..Group::default() },
///     Group {
///         params: vec![("head".into(), head.clone())],
///         schedule: Some(Arc::new(Cosine::new(100, 0.0)?)),
///         ..Group::default()
///     },
/// ];
/// let rule = Box::new(AdamW::new(AdamWConfig::default())?);
/// let mut optimizer = Optimizer::new(rule, groups, OptimizerConfig::default())?;
/// for t in 0..100 {
///     let loss = (body.sqr()?.sum_all()? + head.sqr()?.sum_all()?)?;
///     optimizer.step_at(&loss.backward()?, t, &plan)?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`Optimizer::step_at`]: crate::Optimizer::step_at
#[derive(Debug)]
pub struct Plan {
    /// The base rate, 0 or more. Default 1e-3.
    pub lr: f64,
    /// The factor of the base rate, for the groups that have no schedule of their own. Default
    /// [`Constant`].
    pub schedule: Box<dyn Schedule>,
    /// The momentum itself, in [0, 1): what it gives takes the place of the momentum of [`Sgd`], of
    /// *β₁* of [`AdamW`], and so on. Default none: each rule has its own.
    ///
    /// [`Sgd`]: crate::Sgd
    /// [`AdamW`]: crate::AdamW
    pub momentum: Option<Box<dyn Schedule>>,
}

impl Default for Plan {
    fn default() -> Self {
        Self { lr: 1e-3, schedule: Box::new(Constant), momentum: None }
    }
}
