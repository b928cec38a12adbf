//! Whole works that are made of trainings: a run with its folder, a search over many, and the looks
//! before one: what fits into a time, whether a few pictures are learned by heart, which rate,
//! which layers.

mod error;

mod damage;
pub mod finished;
pub mod first_loss;
pub mod run;

pub mod advise;
pub mod budget;
mod head_trial;
pub mod overfit;
pub mod range_test;

pub mod search;

#[cfg(test)]
mod label_runs;

pub use self::error::{LengthError, StudyError};
