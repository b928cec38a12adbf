//! Which file of a crate uses which: the graph that must have no circle.
//!
//! [`modules`] reads the files of a crate into modules with what they define and import, following
//! the [`imports`]; [`names`] says in which file a path ends, through re-exports; [`edges`]
//! collects what code outside tests uses; [`circles`] looks for files that need each other. There
//! is no compiler in it: a method is found by no name, and what a macro defines is taken to be in
//! the file that a path to it names.

pub mod imports;

pub mod modules;

pub mod names;

pub mod edges;

pub mod circles;
