//! The layers against finite differences, PyTorch's values, their slow twins, and sizes that cannot
//! be.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

mod common;

mod activations;
mod contract;
mod extremes;
mod frozen;
mod golden;
