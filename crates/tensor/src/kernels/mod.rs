//! Plain functions over contiguous slices, parallel over fixed parts of the data, so that no bit of
//! a result depends on the number of threads. The only folder of the workspace with `unsafe` in it.
//!
//! Read in this order: `simd` (vectors, and the jobs that are compiled for each instruction set),
//! `memory` (candle's storage, threads, blocks of rows), `gemm` (the dense product: everything that
//! multiplies comes down to its tile), `conv` (which chooses between `winograd`, `direct` and
//! `depthwise`), `attention`, then what runs at the speed of memory: `norm`, `pool`, `resize`,
//! `elementwise`.
#![allow(unsafe_code)]

pub(crate) mod simd;

pub(crate) mod memory;

pub(crate) mod gemm;

pub(crate) mod conv;

pub(crate) mod attention;

pub(crate) mod elementwise;
pub(crate) mod norm;
pub(crate) mod pool;
pub(crate) mod resize;

pub(crate) use memory::{fits, fits_map, on_floats, on_maps, store, tensor, with, with_option, with2};
