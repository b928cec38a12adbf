//! A recipe's update rule as an object, with what wraps it.

use std::fmt;

use taper_optim::{
    GradientCentralization, Lbfgs, LbfgsConfig, Lookahead, LookaheadConfig, OptimError, Stopping, UpdateRule,
};

use super::setting::setting;
use crate::recipe::{LbfgsRecipe, LookaheadRecipe, OptimizeRecipe, RecipeError};

/// How a recipe moves parameters.
pub enum Method {
    /// Step by step, each by the gradient of a batch.
    Steps(Box<dyn UpdateRule>),
    /// To the minimum of one loss over all pictures.
    FullBatch(Lbfgs),
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Steps(_) => "Steps",
            Self::FullBatch(_) => "FullBatch",
        })
    }
}

/// The rule of a recipe with its settings; `epochs` limits a method that counts its own iterations.
///
/// # Errors
/// Names a setting that is out of its range.
pub fn method(o: &OptimizeRecipe, epochs: u64) -> Result<Method, RecipeError> {
    let full_batch = |lbfgs| full_batch(lbfgs, epochs).map(Method::FullBatch);
    match o.rule.build(Method::Steps, full_batch).map_err(setting("optimize.rule"))? {
        Method::Steps(rule) => wrapped(rule, o).map(Method::Steps).map_err(setting("optimize.lookahead")),
        method @ Method::FullBatch(_) => Ok(method),
    }
}

fn full_batch(lbfgs: LbfgsRecipe, epochs: u64) -> Result<Lbfgs, OptimError> {
    let LbfgsRecipe { iterations, history, tolerance_grad, tolerance_change } = lbfgs;
    let max_iterations = iterations.saturating_mul(epochs);
    let stopping = Stopping { tolerance_grad, tolerance_change, max_iterations, ..Stopping::default() };
    Lbfgs::new(LbfgsConfig { history, stopping, ..LbfgsConfig::default() })
}

/// The rule, given centralized gradients, with slow weights that follow it: each where a recipe
/// says so.
fn wrapped(mut rule: Box<dyn UpdateRule>, o: &OptimizeRecipe) -> Result<Box<dyn UpdateRule>, OptimError> {
    if o.centralize {
        rule = Box::new(GradientCentralization::new(rule));
    }
    let LookaheadRecipe { k, alpha } = o.lookahead;
    if k > 0 {
        rule = Box::new(Lookahead::new(rule, LookaheadConfig { k, alpha })?);
    }
    Ok(rule)
}
