//! Every claim of a lecture on training networks, shown by a run.
//!
//! The lecture is CS231n's seventh of 2017, *Training Neural Networks, part 2*. A [`Topic`] is a
//! part of it; its run gives [`Claim`]s, each with pictures, numbers and [`Check`]s: a number that
//! was measured, and the range that the lecture promises. Whether a slide is *shown* follows from
//! these alone. [`make`] runs topics and writes a page for each, and an index of all slides.
//!
//! # Examples
//! ```
//! use taper_gallery::{Effort, Setting, TOPICS};
//! let topic = TOPICS.iter().find(|topic| topic.has(26)).unwrap();
//! let claims = (topic.run)(&Setting { effort: Effort::Quick, ..Setting::default() })?;
//! let forms = claims.iter().find(|claim| claim.slides.has(26)).unwrap();
//! assert!(forms.holds(), "both forms of Nesterov's method walk side by side");
//! # Ok::<(), taper_gallery::GalleryError>(())
//! ```

mod claim;
mod error;
mod math;
mod setting;
mod slides;

mod draws;
mod nets;
mod pictures_of;
mod pixels;
mod scenes;
mod shapes;

mod topic;
mod topics;

mod page;
mod run;

pub use claim::{Check, Claim, Expected, Figure, Picture, Slides, Table};
pub use error::GalleryError;
pub use page::{Verdict, index_page, verdict};
pub use run::{Progress, make};
pub use setting::{Effort, Setting};
pub use slides::{FIRST, LAST};
pub use topic::Topic;
pub use topics::TOPICS;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
