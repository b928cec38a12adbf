//! Files of weights over HTTP, into the caches that others share (feature `hub`).
//!
//! In reading order: settings and progress ([`config`]); what a server says ([`answer`]); checksums
//! ([`file_digest`]); one file ([`request`], [`body`], [`download`]); into a cache once
//! ([`cached`]); the two servers with their caches ([`hub`], [`torchvision`]), and both together
//! ([`sources`]); the files of a data set ([`dataset`]).

mod answer;
mod body;
mod cached;
mod config;
mod dataset;
mod download;
mod file_digest;
mod hub;
mod request;
mod sources;
mod torchvision;

pub use answer::{Answer, AnsweredBy};
pub use config::{Fetch, FetchConfig};
pub use hub::Hub;
pub use sources::Sources;
pub use torchvision::Torchvision;
