//! Pictures of how optimizers move.
//!
//! A [`Function`] of two variables is a map that can be drawn whole. A [`Course`] is an update rule
//! with its rate, or a method of second order; [`follow`] lets it walk and keeps the [`Path`].
//! [`draw_paths`] puts contour lines, paths and losses into one SVG, [`draw_schedules`] the
//! learning rates over time, [`png`](crate::draw::png) makes pixels of either.
//!
//! # Examples
//! ```
//! use taper_report::landscape::{Function, Walk, courses, follow};
//!
//! let ravine = Function::named("quadratic", 50.0)?;
//! let walk = Walk { steps: 100, ..Walk::default() };
//! for course in courses("sgd,momentum", None, &ravine)? {
//!     let path = follow(&ravine, &course, walk)?;
//!     assert!(path.losses[100] < 0.01 * path.losses[0]);
//! }
//! # Ok::<(), taper_report::landscape::LandscapeError>(())
//! ```

mod error;
mod names;
mod parameters;

mod function;

mod courses;
mod path;

mod schedules;

mod contour;

mod draw_paths;
mod draw_schedules;
mod legend;

pub use courses::{Course, Method, courses};
pub use draw_paths::{Layout, draw_paths};
pub use draw_schedules::draw_schedules;
pub use error::LandscapeError;
pub use function::Function;
pub use path::{Path, Walk, follow};
pub use schedules::{NamedSchedule, schedules};
