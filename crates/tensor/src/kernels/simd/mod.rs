//! One source for three instruction sets: AVX-512, AVX2 with FMA, and portable code that the
//! compiler vectorizes (NEON comes through it).
//!
//! A kernel is a [`Job`], generic over [`Lanes`]; [`Real::launch`] runs it compiled for the best
//! set that the processor has. `TAPER_SIMD=avx2` or `portable` forces a lesser one.
//!
//! Read in this order: `element` (a number), `lanes` (a vector of them, and the job),
//! `instruction_set` (which one runs), the vectors (`portable`, `x86`, `x86_integers`), `bf16` and
//! `pairs` (bfloat16), `quads` (integers of 8 bits), `tiles`, `amx` and `unit` (blocks of pairs),
//! `functions` (the exponential and its kin), `rows` (sums over a row), `real` (what launches a
//! job), `stored` (how a map's elements lie in memory).

mod element;
mod lanes;

mod instruction_set;

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;
#[cfg(target_arch = "x86_64")]
mod x86_integers;

#[cfg(target_arch = "x86_64")]
mod bf16;
mod pairs;
mod quads;

#[cfg(target_arch = "x86_64")]
mod amx;
mod tiles;
mod unit;

mod functions;
pub(crate) mod rows;

mod real;
mod stored;

#[cfg(test)]
pub(crate) use element::passes;
pub(crate) use element::{Element, pass, rectify};
pub(crate) use lanes::{Block, Job, Lanes, STREAMED, transpose};
pub(crate) use pairs::Pairs;
pub(crate) use quads::{launch_on_quads, simd_of_quads};
pub(crate) use real::{Real, Stored};
pub(crate) use tiles::{SIDE, STEP, Sums, Tiles};
pub(crate) use unit::Unit;

pub use instruction_set::{Simd, SimdError, force_simd, simd, simd_asked_for};
