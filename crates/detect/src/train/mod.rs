//! Training a detector by a recipe, into a run folder.
//!
//! In reading order: a [`Recipe`] says everything that a run depends on; [`Task`] is that with its
//! pictures and its network; [`run`](run()) trains it from the beginning, [`resume`] from the last
//! checkpoint, and a [`Watcher`](taper_trainer::epochs::Watcher) looks on.

mod error;

mod recipe;

mod task;

mod measure;

mod training;

mod run;

pub use error::TrainError;
pub use measure::{Answers, answers};
pub use recipe::{OptimizeRecipe, PictureRecipe, Recipe};
pub use run::{Ended, Summary, resume, run};
pub use task::Task;
