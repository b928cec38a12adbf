use std::sync::Arc;

use candle_core::Var;

use crate::clip::Clip;
use crate::error::{OptimError, tensor_error};
use crate::gradient::Missing;
use crate::group::{Group, Listed, by_name};
use crate::keys::STEP;
use crate::rule::UpdateRule;
use crate::schedules::Schedule;

/// What to do about a gradient that holds a NaN or an infinity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NonFinite {
    /// The step fails and names the parameter.
    #[default]
    Error,
    /// The step is left out and counted: no parameter, slot or count of updates changes. Every
    /// gradient is then read twice, as with clipping.
    Skip,
}

/// What an [`Optimizer`] does with gradients before its rules see them. By default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OptimizerConfig {
    /// How large gradients are made smaller. Default [`Clip::None`].
    pub clip: Clip,
    /// What a NaN or an infinity in a gradient leads to. Default [`NonFinite::Error`].
    pub non_finite: NonFinite,
    /// What a parameter without a gradient leads to. Default [`Missing::Error`].
    pub missing: Missing,
}

/// Updates named parameters from their gradients by an [`UpdateRule`], one for all or one for each
/// group.
///
/// Every pass over the parameters goes in the order of their names, so that a run repeats to the
/// bit. The state (the slots of the rule and a count of updates for each parameter) is read and
/// written by name: [`Optimizer::state`], [`Optimizer::load_state`], [`Optimizer::take_over`].
///
/// # Examples
/// The head learns ten times as fast as the layers below, which alone decay:
/// ```
/// use candle_core::{DType, Device, Var};
/// use taper_optim::{Clip, Group, Optimizer, OptimizerConfig, Sgd, SgdConfig};
///
/// let conv = Var::ones((3, 3), DType::F32, &Device::Cpu)?;
/// let head = Var::ones((3, 1), DType::F32, &Device::Cpu)?;
/// let body = Group { params: vec![("conv".into(), conv.clone())], weight_decay: 1e-4, ..Group::default() };
/// let top = Group { params: vec![("head".into(), head.clone())], lr_scale: 10.0, ..Group::default() };
/// let sgd = Sgd::new(SgdConfig { momentum: 0.9, ..SgdConfig::default() })?;
/// let config = OptimizerConfig { clip: Clip::GlobalNorm(1.0), ..OptimizerConfig::default() };
/// let mut optimizer = Optimizer::new(Box::new(sgd), vec![body, top], config)?;
///
/// let loss = conv.matmul(&head)?.sqr()?.sum_all()?;
/// let stats = optimizer.step(&loss.backward()?, 0.01)?;
/// assert!(stats.gradient_norm > 1.0 && stats.clip_factor < 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Optimizer {
    pub(crate) config: OptimizerConfig,
    /// In the order of their names.
    pub(crate) trained: Vec<Trained>,
    /// How many steps have been left out.
    pub(crate) skipped: u64,
}

/// A parameter, its settings and what is remembered of it.
#[derive(Debug)]
pub(crate) struct Trained {
    pub(crate) name: String,
    pub(crate) var: Var,
    pub(crate) rule: Arc<dyn UpdateRule>,
    pub(crate) lr_scale: f64,
    pub(crate) weight_decay: f64,
    pub(crate) schedule: Option<Arc<dyn Schedule>>,
    /// In the order of the rule's slot names.
    pub(crate) slots: Vec<Var>,
    /// How many updates it has had.
    pub(crate) updates: u64,
}

impl Optimizer {
    /// Checks the groups and makes room for the state. `rule` is for the groups that have none of
    /// their own.
    ///
    /// # Errors
    /// - [`OptimError::BadGroup`] when a group's `lr_scale` is not a finite number above 0, or its
    ///   `weight_decay` is negative or not finite;
    /// - [`OptimError::BadConfig`] when a limit of the clipping is not a finite number above 0;
    /// - [`OptimError::ListedTwice`], [`OptimError::SameVariable`] when a parameter would be
    ///   updated twice a step;
    /// - [`OptimError::NothingToTrain`] when the groups are empty;
    /// - [`OptimError::NotTrainable`] when a parameter is neither float32 nor float64;
    /// - [`OptimError::BadSlot`] when a rule's slot names are not distinct or one is `step`.
    pub fn new(rule: Box<dyn UpdateRule>, groups: Vec<Group>, config: OptimizerConfig) -> Result<Self, OptimError> {
        config.clip.check()?;
        let default: Arc<dyn UpdateRule> = Arc::from(rule);
        for rule in groups.iter().filter_map(|group| group.rule.as_ref()).chain([&default]) {
            check_slots(rule.slots())?;
        }
        let mut trained = Vec::new();
        for (name, listed) in by_name(groups)? {
            let Listed { var, lr_scale, weight_decay, rule, schedule, .. } = listed;
            let rule = rule.unwrap_or_else(|| default.clone());
            let slots = rule.slots().iter().map(|slot| rule.new_slot(slot, &var)).collect::<candle_core::Result<_>>();
            let slots = slots.map_err(|source| tensor_error(&name, source))?;
            trained.push(Trained { name, var, rule, lr_scale, weight_decay, schedule, slots, updates: 0 });
        }
        Ok(Self { config, trained, skipped: 0 })
    }
}

/// Refuses names that would be no keys of their own in a saved state.
fn check_slots(slots: &[&'static str]) -> Result<(), OptimError> {
    for (i, &slot) in slots.iter().enumerate() {
        if slot == STEP || slot.contains('/') || slots[..i].contains(&slot) {
            return Err(OptimError::BadSlot { slot });
        }
    }
    Ok(())
}
