//! The network: pictures to numbers, numbers to words.
//!
//! In reading order: a [`CaptionCard`] says what a network is; [`Recurrent`] is a layer that goes
//! over a sequence, LSTM or GRU; [`Captioner`] the whole, with its loss
//! ([`masked_cross_entropy`]); [`Search`] how it is asked for captions. [`open`](open()) opens a
//! run.

mod error;

mod search;

mod card;

mod recurrent;

mod loss;

mod captioner;

mod beam;

mod open;

pub use beam::Caption;
pub use captioner::{Captioner, Frozen};
pub use card::CaptionCard;
pub use error::ModelError;
pub use loss::masked_cross_entropy;
pub use open::{Model, open};
pub use recurrent::{Cell, Recurrent, Sequence};
pub use search::Search;
