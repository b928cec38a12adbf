//! Captions of pictures: a network for pictures tells a recurrent network what it sees, and that
//! writes it down word by word.
//!
//! Read in this order: [`text`] is captions as words and words as numbers, [`vectors`] what others
//! have learned of words, [`ops`] the recurrent cells, [`data`] pictures with captions, [`model`]
//! the network and how it is asked, [`evaluate`] what it is judged by, and [`train`] how it is
//! trained, into a run folder that [`model::open`] opens.
//!
//! What is random follows from a seed by keyed streams, and what is computed in parallel is added
//! up in one order: the number of threads changes no bit, nor does a stop.
//!
//! # Examples
//! ```
//! use taper_caption::evaluate::{Judged, Metrics};
//! use taper_caption::text::tokens;
//! let references = vec![tokens("a badger left of two apples"), tokens("two apples right of a badger")];
//! let metrics = Metrics::of(&[Judged { said: tokens("A badger left of two apples."), references }]);
//! assert!((metrics.bleu[3] - 1.0).abs() < 1e-6 && metrics.exact == 1.0);
//! ```

pub mod text;

pub mod vectors;

pub mod ops;

pub mod data;

pub mod model;

pub mod evaluate;

pub mod train;

pub use candle_core;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
