//! Trains and fine-tunes image classifiers: the library that wires data, augmentation, networks and
//! optimizers to one loop.
//!
//! A [`recipe`] says everything that a run depends on. [`build`] makes of its words what they name:
//! loaders, a network, an optimizer. [`fit`](mod@fit) trains through its phases, with an average of
//! the weights where one is asked for, while observers look on; [`evaluate`](mod@evaluate)
//! measures. [`epochs`](mod@epochs) trains what is no classifier. [`ranks`] are processes that
//! train one network together. [`store`] is what lies on the disk, and [`study`] whole works: a run
//! with its folder, a search, a learning-rate range test, advice on which layers to train.
//!
//! Nothing is printed. What there is to say on the way is a [`Notice`], which a [`Listener`] hears,
//! or in a training an [`Observer`](fit::Observer).
//!
//! # Examples
//! ```
//! use taper_trainer::build::phases::phases;
//! use taper_trainer::recipe::Recipe;
//! let recipe = Recipe::parse("seed = 7\n[optimize]\nepochs = 4\n", "recipe.toml".as_ref())?;
//! let phases = phases(&recipe, &taper_transfer::architecture("squeezenet1_1")?.stages())?;
//! assert_eq!((phases[0].name, phases[1].epochs), ("head", 4));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chain;
pub mod files;
mod finding;
mod listener;
mod notice;

pub mod recipe;

pub mod objective;

pub mod build;

pub mod evaluate;

pub mod store;

pub mod ranks;

pub mod fit;

pub mod epochs;

pub mod study;

mod error;

pub use self::error::{Error, ObserverError, Result};
pub use self::finding::{Finding, Verdict};
pub use self::listener::{Listener, Progress, Silent, Work};
pub use self::notice::Notice;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
