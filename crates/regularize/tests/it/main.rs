//! The layers against PyTorch's values and inside a small training step.
#![allow(clippy::unwrap_used)] // helpers of tests

mod frozen;
mod golden;
