//! Smoothed labels against PyTorch's values.
#![allow(clippy::unwrap_used)] // helpers of tests

mod golden;
