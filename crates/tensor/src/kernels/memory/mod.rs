//! Memory: how it is filled, shared between threads, cut into blocks, kept for the next step, and
//! how candle's tensors lend theirs.
//!
//! Read in this order: `storage` (the door to candle), `fill`, `elements`, `blocks`, `parallel`,
//! `recycler`.

mod storage;

mod blocks;
mod elements;
mod fill;

mod parallel;
mod recycler;

pub(crate) use blocks::{block, parts_of_each};
pub(crate) use elements::Elements;
pub(crate) use fill::{copy, filled};
pub(crate) use parallel::{
    Shared, chunk, chunks, chunks_back, chunks_of_two, collect, each, parts, reduce, scratch, scratch_pieces,
};
pub use recycler::Recycler;
pub(crate) use storage::{fits, fits_map, on_floats, on_maps, store, tensor, with, with_option, with2};
