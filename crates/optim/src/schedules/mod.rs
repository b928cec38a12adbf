//! Learning rates over time, one schedule in one file.
//!
//! `schedule` has the trait, which all but the last implement. Curves come first, then those that
//! start again, then those made of others. [`ReduceOnPlateau`] cannot look ahead: it is told a
//! metric and has a state.

mod schedule;

mod cosine;
mod exponential;
mod inverse_time;
mod linear_schedule;
mod multi_step;
mod polynomial;
mod step_decay;

mod cosine_restarts;
mod one_cycle;
mod one_cycle_momentum;
mod snapshot_cycles;
mod triangular;
mod triangular2;

mod then;
mod warmup;

mod reduce_on_plateau;

pub use cosine::Cosine;
pub use cosine_restarts::CosineRestarts;
pub use exponential::Exponential;
pub use inverse_time::InverseTime;
pub use linear_schedule::LinearSchedule;
pub use multi_step::MultiStep;
pub use one_cycle::{OneCycle, OneCycleConfig};
pub use one_cycle_momentum::{OneCycleMomentum, OneCycleMomentumConfig};
pub use polynomial::Polynomial;
pub use reduce_on_plateau::{Goal, ReduceOnPlateau, ReduceOnPlateauConfig, Threshold};
pub use schedule::{Constant, Schedule};
pub use snapshot_cycles::SnapshotCycles;
pub use step_decay::StepDecay;
pub use then::Then;
pub use triangular::Triangular;
pub use triangular2::Triangular2;
pub use warmup::Warmup;
