//! Who hears what the library has to say while it works.

use std::fmt;

use crate::notice::Notice;

/// Somebody who is told what happens before and beside a training: a program's log, its progress
/// bars. During the training it is an [`Observer`](crate::fit::Observer) who hears of it.
pub trait Listener: fmt::Debug + Sync {
    /// Something worth a line.
    fn notice(&self, _: &Notice) {}

    /// A work begins that takes a while; it ends when what is returned is dropped.
    fn work(&self, _: Work<'_>) -> Box<dyn Progress + '_> {
        Box::new(Silent)
    }
}

/// A work that takes a while.
#[derive(Clone, Copy, Debug)]
pub enum Work<'a> {
    /// Pictures are read once each.
    Reading,
    /// The first loss is measured on a few pictures.
    FirstLook,
    /// Pictures are answered, once each or in several views.
    Answers,
    /// The frozen stages of a network see the pictures.
    Features,
    /// The weights of a model are read.
    Weights {
        /// The model's name.
        model: &'a str,
    },
    /// The weights of a model are fetched, byte by byte.
    Fetching {
        /// The model's name.
        model: &'a str,
    },
}

/// How far a work has come, in its own units; several threads tell.
pub trait Progress: Sync {
    /// It begins, also again, and is so many in all.
    fn begin(&self, _total: u64) {}

    /// So many more are done.
    fn advance(&self, _more: u64) {}
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Listener for Silent {}

impl Progress for Silent {}
