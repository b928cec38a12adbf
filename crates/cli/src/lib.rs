//! The face of Taper: the verbs of the binary `taper`, what they say, and how they end.
//!
//! [`Cli`] is the command line; [`commands`] has a function for each [`Verb`], which calls the
//! trainer and tells what came out. All that is printed goes through [`output`]; [`terminal`] hears
//! what the libraries have to say, [`progress`] and [`json_lines`] look on at a training,
//! [`interrupt`] is Ctrl-C, [`ranks`] are several processes of one training. [`serve`] answers over
//! HTTP.
//!
//! # Examples
//! ```
//! use clap::Parser;
//! let cli = taper_cli::Cli::parse_from(["taper", "fine-tune", "pictures", "--threads", "2"]);
//! assert!(cli.threads == Some(2) && matches!(cli.verb, taper_cli::Verb::FineTune(_)));
//! ```

pub mod output;

mod answers;
mod choices;

mod asking;
mod remedy;
pub mod terminal;

pub mod interrupt;
pub mod json_lines;
pub mod progress;

pub mod serve;

pub mod commands;
pub mod ranks;
mod verbs;

pub use self::asking::Asking;
pub use self::remedy::{causes, said};
pub use self::verbs::{Cli, Verb};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
