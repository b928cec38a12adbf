//! The report of a training run: one HTML file that needs nothing beside itself.
//!
//! [`of_run`] gathers what the [`Report`] of a run shows, [`render()`] turns it into a page with
//! its curves, its confusion matrix and its worst mistakes, and [`compare()`] puts several runs
//! beside each other. Style, charts and pictures are all inside the file. A script of its own zooms
//! into curves; without it the page says the same.

mod contents;
mod error;

mod words;

pub(crate) mod axes;
mod curves;

mod confusions;
mod gallery;
mod labels;
mod overview;
mod tables;

mod compare;
mod frame;
pub mod of_run;
mod render;

pub use self::compare::{Compared, compare};
pub use self::contents::{EpochRow, Mistake, NumberAnswers, Report, Thumb};
pub use self::error::ReportError;
pub use self::frame::{STYLE, whole};
pub use self::render::render;
