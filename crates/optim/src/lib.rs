//! Gradients in, new parameters out.
//!
//! Training asks three questions, and each has one answer here. How does a gradient change a
//! tensor? An [`UpdateRule`], one formula in one file ([`Sgd`], [`AdamW`]), which holds settings
//! and nothing else. What is remembered, and of which parameter? The [`Optimizer`], which knows
//! parameters by name, splits them into [`Group`]s, [clips](Clip) their gradients and hands its
//! memory out and in by name. How large are the steps, and when? A [`Schedule`] ([`Constant`],
//! [`StepDecay`], [`Cosine`], [`OneCycle`], ..., with a [`Warmup`] in front or another one
//! [after it](Then), or a closure), a pure factor of the base rate. They meet in one line:
//! `optimizer.step(&loss.backward()?, base * schedule.at(t))`.
//!
//! Two helpers have a memory of their own: an [`Accumulator`] takes the mean of the gradients of
//! several micro-batches, and [`ReduceOnPlateau`] lowers the rate when a metric stops improving.
//!
//! Nothing is skipped unasked: a parameter without a gradient, a gradient that is not finite and a
//! saved state that does not fit are errors that name the parameter. With [`NonFinite::Skip`] a
//! step with such a gradient is left out and counted instead. No NaN gets from a gradient into a
//! parameter. Parameters are visited in the order of their names, so a run repeats to the bit.
//!
//! The crate works on any [`candle_core::Var`] of float32 or float64. On a CPU an update is one
//! parallel pass over memory, elsewhere it is composed of candle's operations; the number of
//! threads does not touch the result. The crate knows no models, reads no files and prints nothing.
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
mod rule;

mod fused;
mod part;
mod real;
#[cfg(test)]
mod twins;

mod adamw;
mod sgd;

mod adaptive;
mod clip;
mod group;
mod optimizer;
mod step;

mod accumulate;
mod state;

mod schedule;

mod cosine;
mod cosine_restarts;
mod exponential;
mod inverse_time;
mod linear;
mod multi_step;
mod one_cycle;
mod polynomial;
mod snapshot_cycles;
mod step_decay;
mod then;
mod triangular;
mod warmup;

mod reduce_on_plateau;

pub use accumulate::Accumulator;
pub use adamw::{AdamW, AdamWConfig};
pub use clip::Clip;
pub use cosine::Cosine;
pub use cosine_restarts::CosineRestarts;
pub use error::OptimError;
pub use exponential::Exponential;
pub use group::Group;
pub use inverse_time::InverseTime;
pub use linear::Linear;
pub use multi_step::MultiStep;
pub use one_cycle::{OneCycle, OneCycleConfig};
pub use optimizer::{NonFinite, Optimizer, OptimizerConfig};
pub use polynomial::Polynomial;
pub use reduce_on_plateau::{Goal, ReduceOnPlateau, ReduceOnPlateauConfig, Threshold};
pub use rule::{Step, UpdateRule};
pub use schedule::{Constant, Schedule};
pub use sgd::{Sgd, SgdConfig};
pub use snapshot_cycles::SnapshotCycles;
pub use step::StepStats;
pub use step_decay::StepDecay;
pub use then::Then;
pub use triangular::Triangular;
pub use warmup::Warmup;

/// Runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
