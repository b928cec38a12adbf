//! Gradients in, new parameters out.
//!
//! Training asks three questions, and each has one answer here. How does a gradient change a
//! tensor? An [`UpdateRule`], one formula in one file ([`Sgd`], [`AdamW`], [`Lion`], ...), which
//! holds settings and nothing else. What is remembered, and of which parameter? The [`Optimizer`],
//! which knows parameters by name, splits them into [`Group`]s, [clips](Clip) their gradients and
//! hands its memory out and in by name. How large are the steps, and when? A [`Schedule`]
//! ([`Constant`], [`StepDecay`], [`Cosine`], [`OneCycle`], ..., with a [`Warmup`] in front or
//! another one [after it](Then), or a closure), a pure factor of the base rate. They meet in one
//! line: `optimizer.step(&loss.backward()?, base * schedule.at(t))`.
//!
//! Beside these stand an [`Average`] of the parameters along a run, and the methods of second order
//! for a loss that is the same at every evaluation: a [`Minimizer`] ([`Lbfgs`], [`Bfgs`],
//! [`Newton`]) runs to the minimum on its own.
//!
//! Two helpers have a memory of their own: an [`Accumulator`] takes the mean of the gradients of
//! several micro-batches, and [`ReduceOnPlateau`] lowers the rate when a metric stops improving.
//!
//! Nothing is skipped unasked: a parameter without a gradient, a gradient that is not finite and a
//! saved state that does not fit are errors that name the parameter. With [`NonFinite::Skip`] a
//! step with such a gradient is left out and counted instead. No NaN gets from a gradient into a
//! parameter. Parameters are visited in the order of their names, so a run repeats to the bit.
//!
//! The crate works on any [`candle_core::Var`] of float32 or float64. A formula is written once: on
//! a CPU it is compiled into one parallel pass over memory, elsewhere it is composed of candle's
//! operations. The number of threads does not touch the result. The crate knows no models, reads no
//! files and prints nothing.
//!
//! # Examples
//! A line through three points, y = 2x - 1:
//! ```
//! use candle_core::{DType, Device, Tensor, Var};
//! use taper_optim::{Cosine, Group, Optimizer, OptimizerConfig, Schedule, Sgd, SgdConfig};
//!
//! let x = Tensor::new(&[[0f64, 1.0], [1.0, 1.0], [2.0, 1.0]], &Device::Cpu)?;
//! let y = Tensor::new(&[[-1f64], [1.0], [3.0]], &Device::Cpu)?;
//! let line = Var::zeros((2, 1), DType::F64, &Device::Cpu)?;
//! let group = Group { params: vec![("line".into(), line.clone())], ..Group::default() };
//! let rule = Sgd::new(SgdConfig { momentum: 0.9, ..SgdConfig::default() })?;
//! let mut optimizer = Optimizer::new(Box::new(rule), vec![group], OptimizerConfig::default())?;
//! let schedule = Cosine::new(300, 0.01)?;
//! for t in 0..300 {
//!     let loss = (x.matmul(&line)? - &y)?.sqr()?.mean_all()?;
//!     optimizer.step(&loss.backward()?, 0.05 * schedule.at(t))?;
//! }
//! assert!((line.to_vec2::<f64>()?[0][0] - 2.0).abs() < 1e-3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod keys;

mod engine;
mod rule;

mod rules;

mod adaptive;
mod clip;
mod gradient;
mod group;
mod named;
mod units;

mod optimizer;
mod plan;
mod state;
mod step;

mod displaced;
mod evaluation;

mod accumulate;
mod sam;

mod schedules;

mod averaging;

mod second_order;

/// The crate that the tensors of this interface come from.
pub use candle_core;

pub use accumulate::Accumulator;
pub use averaging::{Average, Averaging};
pub use clip::Clip;
pub use displaced::Displaced;
pub use error::OptimError;
pub use gradient::Missing;
pub use group::Group;
pub use optimizer::{NonFinite, Optimizer, OptimizerConfig};
pub use plan::Plan;
pub use rule::{Step, UpdateRule};
pub use rules::{
    AdaDelta, AdaDeltaConfig, AdaGrad, AdaGradConfig, AdaMax, AdaMaxConfig, Adafactor, AdafactorConfig, Adam,
    AdamConfig, AdamW, AdamWConfig, GradientCentralization, Lamb, LambConfig, Lars, LarsConfig, Lion, LionConfig,
    Lookahead, LookaheadConfig, Momentum, MomentumConfig, Muon, MuonConfig, MuonScale, NAdam, NAdamConfig, NAdamW,
    NAdamWConfig, Prodigy, ProdigyConfig, RAdam, RAdamConfig, RAdamW, RAdamWConfig, RmsProp, RmsPropConfig,
    ScheduleFreeAdamW, ScheduleFreeAdamWConfig, Sgd, SgdConfig, SgdW, SgdWConfig, Soap, SoapConfig,
};
pub use sam::{Sam, SamConfig};
pub use schedules::{
    Constant, Cosine, CosineRestarts, Exponential, Goal, InverseTime, LinearSchedule, MultiStep, OneCycle,
    OneCycleConfig, OneCycleMomentum, OneCycleMomentumConfig, Polynomial, ReduceOnPlateau, ReduceOnPlateauConfig,
    Schedule, SnapshotCycles, StepDecay, Then, Threshold, Triangular, Triangular2, Warmup,
};
pub use second_order::{
    Bfgs, BfgsConfig, Iterate, Lbfgs, LbfgsConfig, LineSearch, LossAndGradients, Minimizer, Newton, NewtonConfig,
    Observer, Outcome, Reason, Stopping,
};
pub use step::StepStats;

/// Runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
