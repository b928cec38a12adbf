//! Networks as ONNX files (feature `onnx`).
//!
//! [`proto`] is the part of ONNX's format that is written, [`export`] writes a network's graph in
//! it.

mod export;
mod proto;

#[cfg(test)]
mod run;

pub use export::{OnnxConfig, OnnxWeights, onnx};
