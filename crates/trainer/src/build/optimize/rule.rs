//! A recipe's update rule as an object.

use taper_optim::{
    AdaDelta, AdaGrad, AdaMax, Adam, AdamW, Lamb, Lars, Lbfgs, LbfgsConfig, Lion, Momentum, Muon, NAdam, RAdam,
    RmsProp, Sgd, SgdConfig, Stopping, UpdateRule,
};

use super::setting::setting;
use crate::recipe::{LbfgsRecipe, NesterovRecipe, RecipeError, Rule, SgdRecipe};

/// How a recipe moves parameters.
pub enum Method {
    /// Step by step, each by the gradient of a batch.
    Steps(Box<dyn UpdateRule>),
    /// To the minimum of one loss over all pictures.
    FullBatch(Lbfgs),
}

/// The rule of a recipe with its settings; `epochs` limits a method that counts its own iterations.
///
/// # Errors
/// Names a setting that is out of its range.
pub fn method(rule: &Rule, epochs: u64) -> Result<Method, RecipeError> {
    let built = match *rule {
        Rule::AdamW(config) => AdamW::new(config).map(steps),
        Rule::Adam(config) => Adam::new(config).map(steps),
        Rule::RAdam(config) => RAdam::new(config).map(steps),
        Rule::NAdam(config) => NAdam::new(config).map(steps),
        Rule::AdaMax(config) => AdaMax::new(config).map(steps),
        Rule::Sgd(SgdRecipe { momentum, dampening }) => {
            Sgd::new(SgdConfig { momentum, dampening, nesterov: false }).map(steps)
        }
        Rule::Nesterov(NesterovRecipe { momentum }) => {
            Sgd::new(SgdConfig { momentum, dampening: 0.0, nesterov: true }).map(steps)
        }
        Rule::Momentum(config) => Momentum::new(config).map(steps),
        Rule::AdaGrad(config) => AdaGrad::new(config).map(steps),
        Rule::AdaDelta(config) => AdaDelta::new(config).map(steps),
        Rule::RmsProp(config) => RmsProp::new(config).map(steps),
        Rule::Lion(config) => Lion::new(config).map(steps),
        Rule::Lars(config) => Lars::new(config).map(steps),
        Rule::Lamb(config) => Lamb::new(config).map(steps),
        Rule::Muon(config) => Muon::new(config).map(steps),
        Rule::Lbfgs(LbfgsRecipe { iterations, history, tolerance_grad, tolerance_change }) => {
            let max_iterations = iterations.saturating_mul(epochs);
            let stopping = Stopping { tolerance_grad, tolerance_change, max_iterations, ..Stopping::default() };
            Lbfgs::new(LbfgsConfig { history, stopping, ..LbfgsConfig::default() }).map(Method::FullBatch)
        }
    };
    built.map_err(setting("optimize.rule"))
}

fn steps(rule: impl UpdateRule + 'static) -> Method {
    Method::Steps(Box::new(rule))
}
