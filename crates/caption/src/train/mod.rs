//! Training a captioner by a recipe, into a run folder.
//!
//! In reading order: a [`Recipe`] says everything that a run depends on; [`Task`] is that with its
//! pictures and its network; [`run`](run()) trains it from the beginning, [`resume`] from the last
//! checkpoint, and a [`Watcher`](taper_trainer::epochs::Watcher) looks on. First the language model
//! learns on stored features of the pictures, then, where the recipe asks for it, the backbone
//! along with it. [`judgment`] is what a network says of a data set, and how good that is.

mod error;

mod recipe;

mod task;

mod measure;

mod training;

mod run;

pub use error::TrainError;
pub use measure::{Judgment, judgment};
pub use recipe::{FineTuneRecipe, OptimizeRecipe, Recipe, WordRecipe};
pub use run::{Ended, Summary, resume, run};
pub use task::Task;
