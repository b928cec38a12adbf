//! Draws what a training came to, and what its parts do, from plain results: no file is read and no
//! picture shown by itself.
//!
//! [`page`] is the report of a run as one self-contained page, [`mod@tensorboard`] a training as an
//! event file. [`landscape`] draws how optimizers move on functions of two variables, [`inspect`]
//! what first weights do to a signal, [`preview`] what training does to pictures; the rest draws
//! what the studies of the trainer find. Charts are SVG, which [`draw::png`] turns into a picture.
//!
//! # Examples
//! ```
//! use taper_trainer::evaluate::metrics::Reliability;
//! let reliability = Reliability { bins: vec![(10, 0.95, 0.9)], error: 0.05 };
//! let svg = taper_report::reliability_diagram::draw("squeezenet1_1 on pictures", &reliability)?;
//! assert!(svg.starts_with("<svg"));
//! # Ok::<(), taper_report::draw::DrawError>(())
//! ```

pub mod draw;

pub mod inspect;
pub mod landscape;
pub mod preview;
pub mod range_test_picture;
pub mod reliability_diagram;
pub mod search_picture;
pub mod stage_features_picture;

pub mod page;
pub mod tensorboard;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
