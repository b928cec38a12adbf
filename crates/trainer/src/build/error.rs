//! What can go wrong between a recipe, or the card of a model, and what it names.

use std::path::PathBuf;

use taper_transfer::{ReadReport, TransferError, WeightsError};

use crate::recipe::OutOfRange;

/// A network that cannot be built, or weights that are not its own.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A file is no `model.json`.
    #[error("{} is not a model card", path.display())]
    NoCard {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: CardError,
    },
    /// A folder is no run that finished.
    #[error("{what} is a folder without model.json: a run that finished has one")]
    Unfinished {
        /// The folder.
        what: String,
    },
    /// Weights are given for a run, which has its own.
    #[error("{what} is a run, which has weights of its own")]
    OwnWeights {
        /// The run.
        what: String,
    },
    /// The name is not that of a model.
    #[error("{what} is neither a run folder nor a pretrained model")]
    NoModel {
        /// What was named.
        what: String,
        /// The models that there are.
        source: TransferError,
    },
    /// A card and a file of weights are of different networks.
    #[error("{} and {} do not fit together", card.display(), weights.display())]
    Apart {
        /// The card.
        card: PathBuf,
        /// The weights.
        weights: PathBuf,
        /// In what.
        source: TransferError,
    },
    /// A model takes pictures of a size that no picture has.
    #[error("pictures of {side} pixels are too large")]
    InputSize {
        /// Side, pixels.
        side: usize,
    },
    /// Weights lack a parameter of the head.
    #[error(
        "{} hold no {parameter}, which the own head of {model} is to begin with: choose another head",
        of(file, model)
    )]
    NoHead {
        /// The model.
        model: String,
        /// The file; none for the model's own weights.
        file: Option<PathBuf>,
        /// The parameter.
        parameter: String,
    },
    /// Weights have a parameter of the head in another shape.
    #[error("{} hold {parameter} of the shape {got:?}, the own head of {model} has {wanted:?}", of(file, model))]
    OtherHead {
        /// The model.
        model: String,
        /// The file; none for the model's own weights.
        file: Option<PathBuf>,
        /// The parameter.
        parameter: String,
        /// The shape in the file.
        got: Vec<usize>,
        /// The shape in the network.
        wanted: Vec<usize>,
    },
    /// Weights are not those of a network.
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

/// Whose weights are missing something.
fn of(file: &Option<PathBuf>, model: &str) -> String {
    file.as_ref().map_or(format!("the weights of {model}"), |path| path.display().to_string())
}

/// Weights that are not those of a network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[error("{}", unfit(self))]
pub struct Unfit {
    /// The model.
    pub model: String,
    /// The file; none for the model's own weights.
    pub file: Option<PathBuf>,
    /// What lay around the weights in the file.
    pub read: ReadReport,
    /// The classes of the model, where all of it was to be read; none where it gets a new head.
    pub classes: Option<usize>,
    /// Whether a recipe may take what fits.
    pub may_be_partial: bool,
    /// In what.
    pub source: WeightsError,
}

fn unfit(Unfit { model, file, read, classes, .. }: &Unfit) -> String {
    let classes = classes.map_or_else(String::new, |classes| format!(" with its {classes} classes"));
    match file {
        Some(path) if read.is_empty() => format!("{} holds no weights of {model}{classes}", path.display()),
        Some(path) => format!("{} ({read}) holds no weights of {model}{classes}", path.display()),
        None => format!("the weights of {model} are not its own"),
    }
}

/// Text that is no `model.json`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CardError {
    /// It is not the JSON that is expected.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A number is outside the range of its setting.
    #[error(transparent)]
    Number(#[from] OutOfRange),
    /// What is said of the outputs does not fit them.
    #[error("objective must have {wanted}")]
    Objective {
        /// What is wanted, and what is there.
        wanted: String,
    },
    /// There are no classes.
    #[error("classes must be a name or more; got none")]
    NoClasses,
}
