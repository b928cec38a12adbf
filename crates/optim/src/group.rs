use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use candle_core::{DType, Var};

use crate::error::OptimError;
use crate::rule::UpdateRule;
use crate::schedules::Schedule;

/// Named parameters that share their settings.
///
/// # Examples
/// The weights of a layer with one rule, its biases with the optimizer's:
/// ```
/// use std::sync::Arc;
/// use candle_core::{DType, Device, Var};
/// use taper_optim::{AdamW, AdamWConfig, Group, Optimizer, OptimizerConfig, Sgd, SgdConfig};
///
/// let [w, b] = [(2, 3), (1, 3)].map(|shape| Var::zeros(shape, DType::F32, &Device::Cpu));
/// let adamw = Arc::new(AdamW::new(AdamWConfig::default())?);
/// let weights = Group { params: vec![("w".into(), w?)], rule: Some(adamw), lr_scale: 0.1, ..Group::default() };
/// let biases = Group { params: vec![("b".into(), b?)], ..Group::default() };
/// let sgd = Box::new(Sgd::new(SgdConfig { momentum: 0.9, ..SgdConfig::default() })?);
/// let optimizer = Optimizer::new(sgd, vec![weights, biases], OptimizerConfig::default())?;
/// assert!(optimizer.state()?.contains_key("second_moment/w"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Group {
    /// The parameters and their names. Default none.
    pub params: Vec<(String, Var)>,
    /// The factor of the learning rate, above 0. Default 1. What should not learn belongs in no
    /// group.
    pub lr_scale: f64,
    /// *λ*: the strength of weight decay, 0 or more; coupled or decoupled, as the rule says.
    /// Default 0. Biases and the scales of normalization are usually left without.
    pub weight_decay: f64,
    /// The rule that updates these parameters. Default the optimizer's.
    pub rule: Option<Arc<dyn UpdateRule>>,
    /// The schedule of these parameters' rate, in the place of the [plan's](crate::Plan). Default
    /// none: they follow the plan.
    pub schedule: Option<Arc<dyn Schedule>>,
}

impl Default for Group {
    fn default() -> Self {
        Self { params: Vec::new(), lr_scale: 1.0, weight_decay: 0.0, rule: None, schedule: None }
    }
}

/// A parameter with the settings of its group.
pub(crate) struct Listed {
    group: usize,
    pub(crate) var: Var,
    pub(crate) lr_scale: f64,
    pub(crate) weight_decay: f64,
    pub(crate) rule: Option<Arc<dyn UpdateRule>>,
    pub(crate) schedule: Option<Arc<dyn Schedule>>,
}

/// Checks the groups and puts their parameters in the order of their names.
pub(crate) fn by_name(groups: Vec<Group>) -> Result<BTreeMap<String, Listed>, OptimError> {
    let mut params: BTreeMap<String, Listed> = BTreeMap::new();
    for (group, settings) in groups.into_iter().enumerate() {
        let Group { params: listed, lr_scale, weight_decay, rule, schedule } = settings;
        for (field, got, within, wanted) in [
            ("lr_scale", lr_scale, lr_scale > 0.0, "finite and above 0"),
            ("weight_decay", weight_decay, weight_decay >= 0.0, "finite and not negative"),
        ] {
            if !(got.is_finite() && within) {
                return Err(OptimError::BadGroup { group, field, wanted, got });
            }
        }
        for (name, var) in listed {
            let dtype = var.dtype();
            if !matches!(dtype, DType::F32 | DType::F64) {
                return Err(OptimError::NotTrainable { name, dtype });
            }
            if let Some(listed) = params.get(&name) {
                let (first, second) = (listed.group, group);
                return Err(OptimError::ListedTwice { name, first, second });
            }
            let (rule, schedule) = (rule.clone(), schedule.clone());
            let listed = Listed { group, var, lr_scale, weight_decay, rule, schedule };
            params.insert(name, listed);
        }
    }
    if params.is_empty() {
        return Err(OptimError::NothingToTrain);
    }
    let mut seen = HashMap::new();
    for (name, listed) in &params {
        if let Some(first) = seen.insert(listed.var.id(), name) {
            return Err(OptimError::SameVariable { first: first.clone(), second: name.clone() });
        }
    }
    Ok(params)
}
