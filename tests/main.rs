//! The whole, from the outside: the binary on real pictures, and what it says when something is
//! wrong.
#![allow(clippy::unwrap_used, clippy::panic)]

mod averages;
mod bad_input;
mod changed;
mod command_line;
mod examples;
mod freezing;
mod inspect;
mod integers;
mod library;
mod models;
mod names;
mod numbers;
mod optimize;
mod optimizers;
mod output;
mod pictures;
mod regularize;
mod resume;
mod search;
mod serve;
mod support;
mod train;
mod transfer;
mod weights;
