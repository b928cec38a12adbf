//! What can go wrong while a gallery is made.

use std::path::PathBuf;

use taper_optim::OptimError;
use taper_report::draw::DrawError;
use taper_report::landscape::LandscapeError;

/// What can go wrong while a gallery is made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GalleryError {
    /// A choice of slides that is none.
    #[error("--only must be a slide or a range of slides from 5 to 97 such as 14-38, got {got:?}")]
    Slides {
        /// What was given.
        got: String,
    },
    /// A folder of pictures that cannot be used.
    #[error(
        "--data must be a folder with a folder of pictures for each class, as tests/data/emoji/train has; {reason}"
    )]
    Data {
        /// What is missing.
        reason: String,
    },
    /// A topic that failed.
    #[error("the topic {topic} failed")]
    Topic {
        /// Which one.
        topic: &'static str,
        /// Why.
        source: Box<GalleryError>,
    },
    /// A tensor operation failed.
    #[error("a tensor operation failed")]
    Tensor(#[from] candle_core::Error),
    /// A layer refused its settings.
    #[error("a layer refused its settings")]
    Layer(#[from] taper_nn::LayerError),
    /// A regularizer refused its settings.
    #[error("a regularizer refused its settings")]
    Regularize(#[from] taper_regularize::RegularizeError),
    /// A transform refused its settings.
    #[error("a transform refused its settings")]
    Augment(#[from] taper_augment::AugmentError),
    /// A network could not be made.
    #[error("a network could not be made")]
    Transfer(#[from] taper_transfer::TransferError),
    /// An optimizer failed.
    #[error("an optimizer failed")]
    Optim(#[from] OptimError),
    /// A path of an optimizer could not be followed.
    #[error("a path of an optimizer could not be followed")]
    Landscape(#[from] LandscapeError),
    /// A picture could not be drawn.
    #[error(transparent)]
    Draw(#[from] DrawError),
    /// A sheet of pictures could not be made.
    #[error(transparent)]
    Sheet(#[from] taper_report::preview::SheetError),
    /// Something about scenes failed.
    #[error("{what} failed")]
    Scenes {
        /// What.
        what: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A training ended before its end.
    #[error("the training of {what} was broken off")]
    Broken {
        /// Of what.
        what: &'static str,
    },
    /// A linear classifier could not be found.
    #[error("a linear classifier could not be found")]
    Probe {
        /// Why.
        source: Box<taper_trainer::Error>,
    },
    /// Pixels could not be encoded.
    #[error("pixels could not be encoded")]
    Pixels(#[from] image::ImageError),
    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl GalleryError {
    /// Whether the one who asked is to blame.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Slides { .. } | Self::Data { .. })
    }
}
