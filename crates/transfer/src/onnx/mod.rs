//! Networks as ONNX files (feature `onnx`).
//!
//! [`proto`] is the part of ONNX's format that is written, [`export`] writes a network's graph in
//! it, [`rows`] what of it is on tokens.

mod export;
mod proto;
mod rows;

#[cfg(test)]
mod run;

pub use export::{OnnxConfig, OnnxWeights, onnx};
