//! Attention, `softmax(scale · q kᵀ) v` for each head, without a matrix of all weights: a block of
//! queries goes over the keys block by block with a running maximum and a running sum, and the
//! backward pass makes the weights anew from the logarithm of that sum. Memory is linear in the
//! number of tokens.
//!
//! A unit of work is a head of a picture, or some of its queries where heads are few. All products
//! are those of `gemm`, from rows of scratch memory whose width is whole vectors.
//!
//! Read in this order: `tokens` (where rows lie, and what is packed of them), `forward`,
//! `backward`.
//!
//! References: T. Dao, D. Fu, S. Ermon, A. Rudra, C. Ré, *FlashAttention: Fast and Memory-Efficient
//! Exact Attention with IO-Awareness*, 2022; M. Milakov, N. Gimelshein, *Online normalizer
//! calculation for softmax*, 2018.

mod tokens;

mod backward;
mod forward;

pub(crate) use backward::{Given, backward};
pub(crate) use forward::forward;
pub(crate) use tokens::Maps;

/// Queries of a block: whole tiles of the product, whose weights stay in the second-level cache.
const QUERIES: usize = 56;
/// Keys of a block: a multiple of every panel's width.
const KEYS: usize = 256;
/// What is added to the distance of rows, so that they do not all fall into the same lines of the
/// cache.
const PADDING: usize = 16;

/// Elements from row to row of a block of weights over so many keys.
fn stride(lanes: usize, keys: usize) -> usize {
    keys.min(KEYS).next_multiple_of(lanes) + PADDING
}
