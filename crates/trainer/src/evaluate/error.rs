//! What can go wrong when a network is asked about pictures.

use std::path::PathBuf;

/// An answer that cannot be had, or cannot be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// The network answered with NaN.
    #[error(
        "{}the answer of the network is NaN: its weights are damaged, or the numbers in it become too large",
        picture.as_ref().map_or_else(String::new, |name| format!("{name}: "))
    )]
    Nan {
        /// The picture, where it has a name.
        picture: Option<String>,
    },
    /// A map of a stage has numbers that are NaN or infinite.
    #[error("{picture}: the map of {stage} is not finite: the weights are damaged, or the numbers become too large")]
    NotFinite {
        /// The picture.
        picture: String,
        /// The stage.
        stage: &'static str,
    },
    /// Pictures are of classes that a network does not know.
    #[error(
        "{} has classes that {} was not trained for: {unknown:?}; it knows {known:?}: rename or remove them",
        path.display(),
        run.display()
    )]
    UnknownClasses {
        /// The pictures.
        path: PathBuf,
        /// The network.
        run: PathBuf,
        /// The classes that it does not know.
        unknown: Vec<String>,
        /// Those that it does.
        known: Vec<String>,
    },
    /// Pictures have labels of another kind than a network answers with.
    #[error("{} has {got} a picture, {} was trained for {wanted}: measure it on pictures of that kind", path.display(), run.display())]
    OtherKind {
        /// The pictures.
        path: PathBuf,
        /// The network.
        run: PathBuf,
        /// What they have.
        got: &'static str,
        /// What it was trained for.
        wanted: &'static str,
    },
    /// An ensemble of nobody.
    #[error("an ensemble has one member or more")]
    NoMembers,
    /// The members of an ensemble have answered about different pictures.
    #[error("the members were asked about different pictures")]
    OtherPictures,
    /// The members of an ensemble do not answer about the same.
    #[error(
        "the members answer about different things: one class, several labels or numbers; all must have the same objective in model.json"
    )]
    OtherLabels,
    /// Linear classifiers on stages are for pictures of one class.
    #[error(
        "the pictures have several labels or numbers, and a linear classifier on each stage learns one class a picture: train with --plan probe, top or full, and compare"
    )]
    OneClassOnly,
    /// A class that the network does not have.
    #[error("there is no class {class}: the network has {classes}")]
    NoClass {
        /// Its number, from 0.
        class: usize,
        /// How many there are.
        classes: usize,
    },
    /// Nothing in the last map has changed the answer.
    #[error("the answer does not depend on the last map")]
    Independent,
    /// Squares that a picture has no room for.
    #[error("squares of {side} pixels on {width}x{height}")]
    Squares {
        /// Their side, pixels.
        side: usize,
        /// Width of the picture, pixels.
        width: usize,
        /// Its height, pixels.
        height: usize,
    },
}

/// Text that names no [`Views`](crate::evaluate::views::Views).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("wanted flips, ten-crop, multi-scale, or a number of random views, 1 or more")]
pub struct ViewsError {
    /// The text.
    pub got: String,
}
