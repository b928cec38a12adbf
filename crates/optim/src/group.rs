use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Var};

use crate::error::OptimError;

/// Named parameters that share their settings.
#[derive(Clone, Debug)]
pub struct Group {
    /// The parameters and their names. Default none.
    pub params: Vec<(String, Var)>,
    /// The factor of the learning rate, 0 or more. Default 1.
    pub rate: f64,
    /// *λ*: the strength of weight decay, 0 or more; coupled or decoupled, as the rule says.
    /// Default 0. Biases and the scales of normalisation are usually left without.
    pub weight_decay: f64,
}

impl Default for Group {
    fn default() -> Self {
        Self { params: Vec::new(), rate: 1.0, weight_decay: 0.0 }
    }
}

/// A parameter with the settings of its group.
pub(crate) struct Listed {
    group: usize,
    pub(crate) var: Var,
    pub(crate) rate: f64,
    pub(crate) weight_decay: f64,
}

/// Checks the groups and puts their parameters in the order of their names.
pub(crate) fn by_name(groups: Vec<Group>) -> Result<BTreeMap<String, Listed>, OptimError> {
    let mut params: BTreeMap<String, Listed> = BTreeMap::new();
    for (group, settings) in groups.into_iter().enumerate() {
        let Group { params: listed, rate, weight_decay } = settings;
        for (field, got) in [("rate", rate), ("weight_decay", weight_decay)] {
            if !(got.is_finite() && got >= 0.0) {
                return Err(OptimError::BadGroup { group, field, wanted: "finite and not negative", got });
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
            let listed = Listed { group, var, rate, weight_decay };
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
