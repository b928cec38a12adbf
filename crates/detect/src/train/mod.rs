//! Training a detector by a recipe, into a run folder.
//!
//! In reading order: a [`Recipe`] says everything that a run depends on; [`Task`] is that with its
//! pictures and its network; [`run`](run()) trains it from the beginning or from the
//! [`State`] of a checkpoint, and a [`Watcher`] looks on.

mod error;

mod recipe;

mod history;

mod state;

mod task;

mod watcher;

mod folder;

mod measure;

mod step;

mod fit;

mod run;

pub use error::TrainError;
pub use history::EpochRecord;
pub use measure::{Answers, answers};
pub use recipe::{OptimizeRecipe, PictureRecipe, Recipe};
pub use run::{Ended, Summary, resume, run};
pub use state::State;
pub use task::Task;
pub use watcher::{Silent, Watcher};
