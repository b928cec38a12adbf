//! The dense product of small matrices: everything that multiplies comes down to its tile.
//!
//! A tile is up to [`Lanes::ROWS`](crate::kernels::simd::Lanes::ROWS) rows by two vectors of C,
//! held in registers while k runs: 14x32 with AVX-512, 6x16 with AVX2.
//!
//! Read in this order: `product` (what is multiplied), `panels` (how it is cut), `prefetch` (what
//! is read next), `tally` (what is done with the output on the way), `tile`, the two ways through
//! it (`packed`, `transposed`), `operands` (float32, or pairs of bfloat16),
//! `on_tiles` (pairs where a unit multiplies blocks); then `linear`, the
//! three products of a fully connected layer, and `transpose`.

mod panels;
mod prefetch;
mod product;

pub(crate) mod tally;

mod tile;

mod operands;
mod packed;
mod transposed;

mod on_tiles;

pub(crate) mod linear;
pub(crate) mod transpose;

pub(crate) use operands::Operands;
pub(crate) use packed::Packed;
pub(crate) use panels::{packed_len, panels};
pub(crate) use prefetch::{Ahead, Run};
pub(crate) use product::Product;
pub(crate) use transposed::{Rows, Transposed};
