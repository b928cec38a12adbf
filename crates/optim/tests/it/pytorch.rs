//! PyTorch's optimizers and the lecture's formulas, with the names of their settings, as our rules.

use serde_json::Value;
use taper_optim::{
    AdaDelta, AdaDeltaConfig, AdaGrad, AdaGradConfig, AdaMax, AdaMaxConfig, Adam, AdamConfig, AdamW, Momentum,
    MomentumConfig, NAdam, NAdamConfig, RAdam, RAdamConfig, RmsProp, RmsPropConfig, Sgd, SgdConfig, UpdateRule,
};

/// The rule of a case; a setting that it does not name has our default, which is to be PyTorch's.
pub(crate) fn rule(case: &str, golden: &Value) -> Box<dyn UpdateRule> {
    let config = &golden["config"];
    let number = |name: &str, default: f64| config[name].as_f64().unwrap_or(default);
    let is = |name: &str| config[name] == true;
    let adam = || {
        let default = AdamConfig::default();
        let beta = |i: usize, default: f64| config["betas"][i].as_f64().unwrap_or(default);
        AdamConfig { beta1: beta(0, default.beta1), beta2: beta(1, default.beta2), amsgrad: is("amsgrad"), ..default }
    };
    let rmsprop = || {
        let default = RmsPropConfig::default();
        RmsPropConfig {
            alpha: number("alpha", default.alpha),
            momentum: number("momentum", default.momentum),
            centered: is("centered"),
            ..default
        }
    };
    match golden["torch"].as_str().unwrap_or(case) {
        "SGD" => {
            let (momentum, dampening) = (number("momentum", 0.0), number("dampening", 0.0));
            Box::new(Sgd::new(SgdConfig { momentum, dampening, nesterov: is("nesterov") }).unwrap())
        }
        "Adagrad" => {
            let (lr_decay, initial_accumulator) = (number("lr_decay", 0.0), number("initial_accumulator_value", 0.0));
            let config = AdaGradConfig { lr_decay, initial_accumulator, ..AdaGradConfig::default() };
            Box::new(AdaGrad::new(config).unwrap())
        }
        "RMSprop" => Box::new(RmsProp::new(rmsprop()).unwrap()),
        "Adadelta" => Box::new(AdaDelta::new(AdaDeltaConfig::default()).unwrap()),
        "Adamax" => Box::new(AdaMax::new(AdaMaxConfig::default()).unwrap()),
        "Adam" => Box::new(Adam::new(adam()).unwrap()),
        "AdamW" => Box::new(AdamW::new(adam()).unwrap()),
        "NAdam" => Box::new(NAdam::new(NAdamConfig::default()).unwrap()),
        "RAdam" => Box::new(RAdam::new(RAdamConfig::default()).unwrap()),
        "lecture_momentum" | "lecture_nesterov" => {
            let config = MomentumConfig { momentum: number("rho", f64::NAN), nesterov: case == "lecture_nesterov" };
            Box::new(Momentum::new(config).unwrap())
        }
        "lecture_rmsprop" => {
            let (alpha, eps) = (number("decay", f64::NAN), number("eps", f64::NAN));
            Box::new(RmsProp::new(RmsPropConfig { alpha, eps, ..RmsPropConfig::default() }).unwrap())
        }
        "lecture_adam_without_bias_correction" => {
            let [beta1, beta2, eps] = ["b1", "b2", "eps"].map(|name| number(name, f64::NAN));
            let config = AdamConfig { beta1, beta2, eps, bias_correction: false, ..AdamConfig::default() };
            Box::new(Adam::new(config).unwrap())
        }
        other => panic!("{case}: there is no rule for {other}"),
    }
}
