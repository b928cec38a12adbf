//! Short trainings by the release binary, and what they leave.
//!
//! [`binary`] is what trains, on the [`pictures`], by one of the [`recipes`]; [`compare`] says in
//! what two runs differ.

pub(crate) mod pictures;

pub(crate) mod recipes;

pub(crate) mod binary;

pub(crate) mod compare;
