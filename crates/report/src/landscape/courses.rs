//! Every update rule and method by its name, with a rate that suits each function.

use std::sync::Arc;

use taper_optim::{
    AdaDelta, AdaDeltaConfig, AdaGrad, AdaGradConfig, AdaMax, AdaMaxConfig, Adafactor, AdafactorConfig, Adam,
    AdamConfig, AdamW, AdamWConfig, Bfgs, BfgsConfig, Lamb, LambConfig, Lars, LarsConfig, Lbfgs, LbfgsConfig, Lion,
    LionConfig, Minimizer, Momentum, MomentumConfig, Muon, MuonConfig, NAdam, NAdamConfig, Newton, NewtonConfig,
    OptimError, Prodigy, ProdigyConfig, RAdam, RAdamConfig, RmsProp, RmsPropConfig, ScheduleFreeAdamW,
    ScheduleFreeAdamWConfig, Sgd, SgdConfig, Soap, SoapConfig, Stopping, UpdateRule,
};

use super::error::require_positive;
use super::names::{Listed, listed};
use super::parameters::Parameters;
use super::{Function, LandscapeError};

/// Who walks, and how fast.
#[derive(Clone, Debug)]
pub struct Course {
    /// The name of the rule or method.
    pub name: &'static str,
    /// The name with its parameters, as it is typed.
    pub label: String,
    /// What decides where the next step goes.
    pub method: Method,
}

/// What decides where the next step goes.
#[derive(Clone, Debug)]
pub enum Method {
    /// An update rule at a constant rate.
    Rule {
        /// The rule.
        rule: Arc<dyn UpdateRule>,
        /// *η*: the learning rate.
        rate: f64,
    },
    /// A method of second order, which finds the length of a step by a line search.
    Minimizer(fn(Stopping) -> Result<Box<dyn Minimizer>, OptimError>),
}

impl Course {
    /// The learning rate; a method of second order has none.
    pub fn rate(&self) -> Option<f64> {
        match self.method {
            Method::Rule { rate, .. } => Some(rate),
            Method::Minimizer(_) => None,
        }
    }
}

/// A row of the table.
struct Row {
    name: &'static str,
    /// For the quadratic function the rate of `sgd`, `momentum` and `nesterov` is that at *κ* = 1:
    /// their steps grow with the gradient, and so what they bear falls with 1/*κ*.
    rates: [f64; 5],
    make: Make,
}

/// As [`Method`], before parameters and a rate are chosen.
enum Make {
    Proportional(fn(&Parameters<'_>) -> Result<Arc<dyn UpdateRule>, OptimError>),
    Rule(fn(&Parameters<'_>) -> Result<Arc<dyn UpdateRule>, OptimError>),
    Minimizer(fn(Stopping) -> Result<Box<dyn Minimizer>, OptimError>),
}

/// A row whose constructor takes the settings, some of which can be typed.
macro_rules! rule {
    ($name:literal, $kind:ident, $rule:ident($config:expr), $rates:expr) => {
        rule!($name, $kind, |_p| $rule($config), $rates)
    };
    ($name:literal, $kind:ident, |$p:ident| $rule:ident($config:expr), $rates:expr) => {
        Row { name: $name, rates: $rates, make: Make::$kind(|$p| Ok(Arc::new($rule::new($config)?))) }
    };
}

/// A row for a method that stops when it is told to.
macro_rules! minimizer {
    ($name:literal, $method:ident, $config:ident) => {
        Row {
            name: $name,
            rates: [0.0; 5],
            make: Make::Minimizer(|stopping| Ok(Box::new($method::new($config { stopping, ..$config::default() })?))),
        }
    };
}

/// In the order of the README. The rates are for the functions in the order of [`Function::NAMES`],
/// and such that 100 steps show what each is like.
static TABLE: [Row; 23] = [
    rule!("sgd", Proportional, Sgd(SgdConfig::default()), [1.9, 2e-3, 0.02, 0.03, 0.02]),
    rule!(
        "momentum",
        Proportional,
        |p| Momentum(MomentumConfig { momentum: p.number("rho", 0.9), nesterov: p.flag("nesterov", false) }),
        [1.0, 1e-3, 0.005, 0.02, 0.02]
    ),
    rule!(
        "nesterov",
        Proportional,
        |p| Momentum(MomentumConfig { momentum: p.number("rho", 0.9), nesterov: true }),
        [1.0, 1e-3, 0.005, 0.02, 0.02]
    ),
    rule!(
        "adagrad",
        Rule,
        |p| AdaGrad(AdaGradConfig { initial_accumulator: p.number("start", 0.0), ..AdaGradConfig::default() }),
        [0.3, 0.5, 0.5, 0.3, 0.3]
    ),
    rule!(
        "rmsprop",
        Rule,
        |p| RmsProp(RmsPropConfig { alpha: p.number("decay", 0.99), ..RmsPropConfig::default() }),
        [0.03, 0.05, 0.05, 0.02, 0.02]
    ),
    rule!("adadelta", Rule, AdaDelta(AdaDeltaConfig::default()), [10.0, 20.0, 20.0, 10.0, 10.0]),
    rule!("adam", Rule, |p| Adam(adam(p, false)), [0.1, 0.2, 0.2, 0.05, 0.1]),
    rule!("amsgrad", Rule, |p| Adam(adam(p, true)), [0.1, 0.2, 0.2, 0.05, 0.1]),
    rule!("adamw", Rule, AdamW(AdamWConfig::default()), [0.1, 0.2, 0.2, 0.05, 0.1]),
    rule!("adamax", Rule, AdaMax(AdaMaxConfig::default()), [0.1, 0.3, 0.3, 0.05, 0.1]),
    rule!("nadam", Rule, NAdam(NAdamConfig::default()), [0.1, 0.2, 0.2, 0.05, 0.1]),
    rule!("radam", Rule, RAdam(RAdamConfig::default()), [0.05, 1e-3, 0.005, 0.1, 0.05]),
    rule!("lion", Rule, Lion(LionConfig::default()), [0.025, 0.02, 0.05, 0.015, 0.03]),
    rule!("lars", Rule, Lars(LarsConfig::default()), [10.0, 5.0, 5.0, 20.0, 10.0]),
    rule!("lamb", Rule, Lamb(LambConfig::default()), [0.05, 0.03, 0.05, 0.05, 0.05]),
    rule!("muon", Rule, Muon(MuonConfig::default()), [0.15, 0.1, 0.2, 0.2, 0.2]),
    rule!("soap", Rule, Soap(SoapConfig::default()), [0.1, 0.2, 0.2, 0.05, 0.1]),
    rule!("prodigy", Rule, Prodigy(ProdigyConfig::default()), [1.0, 1.0, 1.0, 1.0, 1.0]),
    rule!("adafactor", Rule, Adafactor(AdafactorConfig::default()), [0.1, 0.1, 0.1, 0.1, 0.1]),
    rule!(
        "schedule-free-adamw",
        Rule,
        ScheduleFreeAdamW(ScheduleFreeAdamWConfig::default()),
        [0.1, 0.2, 0.2, 0.05, 0.1]
    ),
    minimizer!("newton", Newton, NewtonConfig),
    minimizer!("bfgs", Bfgs, BfgsConfig),
    minimizer!("lbfgs", Lbfgs, LbfgsConfig),
];

/// Adam with what is typed.
fn adam(p: &Parameters<'_>, amsgrad: bool) -> AdamConfig {
    let usual = AdamConfig::default();
    AdamConfig {
        beta1: p.number("beta1", usual.beta1),
        beta2: p.number("beta2", usual.beta2),
        eps: p.number("eps", usual.eps),
        bias_correction: p.flag("correct", usual.bias_correction),
        amsgrad,
    }
}

/// The courses of a list such as `sgd,adam=0.05,momentum:rho=0.99,newton`; `all` is every one.
/// `lr` is the rate of those that bring none of their own; without it each has a rate that suits
/// the function. Parameters, behind a `:` each: `rho` of `momentum` and `nesterov`, `nesterov` of
/// `momentum`, `start` of `adagrad`, `decay` of `rmsprop`, and `beta1`, `beta2`, `eps` and
/// `correct` of `adam` and `amsgrad`.
///
/// # Errors
/// [`LandscapeError::Unknown`] and [`LandscapeError::Twice`] for names, [`LandscapeError::Field`]
/// for a rate that is not finite and above 0, or of a method that has none.
///
/// # Examples
/// ```
/// use taper_report::landscape::{Function, courses};
///
/// let listed = courses("sgd,adam=0.05,newton", Some(0.01), &Function::Rosenbrock)?;
/// let rates: Vec<_> = listed.iter().map(|course| course.rate()).collect();
/// assert_eq!(rates, [Some(0.01), Some(0.05), None]);
/// # Ok::<(), taper_report::landscape::LandscapeError>(())
/// ```
pub fn courses(list: &str, lr: Option<f64>, function: &Function) -> Result<Vec<Course>, LandscapeError> {
    if let Some(lr) = lr {
        require_positive("--lr", lr)?;
    }
    let rows = listed("rule", list, &TABLE, |row| row.name)?;
    rows.into_iter().map(|listed| course(listed, lr, function)).collect()
}

fn course(listed: Listed<'_, Row>, lr: Option<f64>, function: &Function) -> Result<Course, LandscapeError> {
    let Listed { entry: row, value: own, parameters, label } = listed;
    let field = format!("the rate of {}", row.name);
    let refuse = |wanted, got: &str| LandscapeError::Field { field: field.clone(), wanted, got: got.to_owned() };
    let own = match own {
        Some(text) => {
            let rate = text.trim().parse().map_err(|_| refuse("a number, as in adam=0.05", text))?;
            require_positive(&field, rate)?;
            Some(rate)
        }
        None => None,
    };
    let suits = row.rates[function.index()];
    let parameters = Parameters::new(row.name, parameters);
    let method = match row.make {
        Make::Proportional(make) => {
            let steepest = if let Function::Quadratic { condition } = function { *condition } else { 1.0 };
            let rule = make(&parameters);
            parameters.finish()?;
            Method::Rule { rule: made(row.name, rule)?, rate: own.or(lr).unwrap_or(suits / steepest) }
        }
        Make::Rule(make) => {
            let rule = make(&parameters);
            parameters.finish()?;
            Method::Rule { rule: made(row.name, rule)?, rate: own.or(lr).unwrap_or(suits) }
        }
        Make::Minimizer(make) => {
            parameters.finish()?;
            if let Some(rate) = own {
                return Err(refuse("left out: a line search finds the length of the steps", &rate.to_string()));
            }
            Method::Minimizer(make)
        }
    };
    Ok(Course { name: row.name, label, method })
}

/// A rule, or whose settings were refused.
fn made<T>(name: &'static str, rule: Result<T, OptimError>) -> Result<T, LandscapeError> {
    rule.map_err(|source| LandscapeError::Optim { name, source: Box::new(source) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_that_are_none_are_refused_by_name() {
        let said = |list: &str, lr| courses(list, lr, &Function::Saddle).unwrap_err().to_string();
        for lr in [0.0, -0.1, f64::NAN, f64::INFINITY] {
            let wanted = "must be a finite number above 0, got";
            assert_eq!(said("sgd", Some(lr)), format!("--lr {wanted} {lr}"));
            assert_eq!(said(&format!("adam={lr}"), None), format!("the rate of adam {wanted} {lr}"));
        }
        assert_eq!(said("adam=fast", None), "the rate of adam must be a number, as in adam=0.05, got fast");
        assert_eq!(
            said("newton=1", None),
            "the rate of newton must be left out: a line search finds the length of the steps, got 1"
        );
    }

    #[test]
    fn parameters_reach_the_rule_and_wrong_ones_are_refused() {
        let of = |list: &str| courses(list, None, &Function::Saddle);
        let labels: Vec<String> =
            of("adam,adam:correct=false,momentum=0.1:rho=0.5").unwrap().into_iter().map(|one| one.label).collect();
        assert_eq!(labels, ["adam", "adam correct=false", "momentum rho=0.5"]);
        let said = |list: &str| of(list).unwrap_err().to_string();
        assert!(said("adam:rho=1").ends_with("there are beta1, beta2, eps, correct"));
        assert_eq!(said("sgd:rho=1"), "there is no parameter \"sgd:rho=1\"; there are none");
        assert_eq!(said("newton:rho=1"), "there is no parameter \"newton:rho=1\"; there are none");
        assert_eq!(said("momentum:rho=1.5"), "momentum");
    }

    #[test]
    fn steps_that_grow_with_the_gradient_are_shorter_on_steeper_slopes() {
        let rate = |name, condition| courses(name, None, &Function::Quadratic { condition }).unwrap()[0].rate();
        assert_eq!(rate("sgd", 50.0), rate("sgd", 100.0).map(|rate| 2.0 * rate));
        assert_eq!(rate("adam", 50.0), rate("adam", 100.0));
    }
}
