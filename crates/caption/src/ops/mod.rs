//! Recurrent cells over a whole sequence, with exact gradients.
//!
//! [`lstm`] and [`gru`] take the products of all inputs, which are one matrix product outside of
//! them, and go over the steps: a product of the last hidden values, and all that a gate does in
//! one pass. Their gradients go back over the steps likewise, and that of the weight is one product
//! for all of them. [`composed`] has the same made of candle's operations, which is what they are
//! held to. Sequences are (steps, rows, numbers), as PyTorch has them by default. The number of
//! threads changes no bit.

mod error;

mod real;

mod recorded;

pub mod composed;

mod gru;
mod lstm;

pub use error::SequenceError;
pub use gru::gru;
pub use lstm::lstm;
