//! The training: [`fit`] goes through the phases of a recipe, one epoch after the other; observers look on. `course` is the steps of
//! an epoch, `stored` the features of frozen stages, `full_batch` a head that L-BFGS solves; `recorder` and `snapshots` are the
//! observers that write into a run folder.

mod observer;
mod training;

pub(crate) mod course;
pub mod divergence;
mod full_batch;
pub mod health;
mod patience;
pub mod recorder;
pub mod snapshots;
pub mod stored;

pub use self::observer::{Begin, EpochInfo, Observer, Outcome, StepInfo};
pub use self::training::{Keep, fit, fit_kept};
