//! The trainer: wires the layered crates to one loop and one command line.
//!
//! A [`recipe`] says everything that a run depends on. [`transforms`] turns its words into what happens to a picture, [`pipeline`] into loaders, [`optimize`] into
//! optimizers and schedules, [`regularize`] into what acts on batches and weights, [`mod@fit`] trains through its phases, with an average of the weights where one is
//! asked for, [`mod@evaluate`] measures, observers ([`progress`], [`run_folder`], [`interrupt`]) look on, and
//! [`report`] draws what came out. [`landscape`] draws how optimizers move on functions of two variables, [`inspect`] what first weights do to a signal,
//! [`preview`] what training does to pictures.
//! [`commands`] are the verbs of the binary `taper`; each is a few lines of the above.
//!
//! # Examples
//! ```
//! use taper::recipe::Recipe;
//! let recipe = Recipe::parse("seed = 7\n[optimize]\nepochs = 4\n", "recipe.toml".as_ref())?;
//! let phases = taper::phases::phases(&recipe, 4);
//! assert_eq!((phases[0].name, phases[1].epochs), ("head", 4));
//! # Ok::<(), taper::recipe::RecipeError>(())
//! ```
pub mod recipe;

pub mod pipeline;
pub mod transforms;

pub mod optimize;
pub mod regularize;

pub mod advise;
pub mod budget;
pub mod checkpoint;
pub mod claim;
pub mod divergence;
pub mod ensemble;
pub mod evaluate;
pub mod fit;
mod head_trial;
pub mod health;
pub mod linear_probe;
pub mod metrics;
pub mod overfit;
pub mod phases;
pub mod range_test;
pub mod stage_features;
pub mod views;

pub mod draw;
pub mod inspect;
pub mod landscape;
pub mod preview;

pub mod explain;
pub mod files;
pub mod identity;
pub mod interrupt;
pub mod json_lines;
mod known_classes;
pub mod ledger;
pub mod lock;
pub mod memory;
pub mod model;
pub mod network;
pub mod origin;
pub mod output;
pub mod pictures;
pub mod pretrained;
pub mod progress;
pub mod reliability_diagram;
pub mod report;
mod report_page;
pub mod run;
pub mod run_folder;
pub mod sanity;
pub mod search;
pub mod serve;
pub mod snapshots;
pub mod tensorboard;

pub mod cli;
pub mod commands;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
