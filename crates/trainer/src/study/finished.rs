//! A training that came to its end, and its summary.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use taper_transfer::Classifier;

use crate::build::model::ModelCard;
use crate::error::Result;
use crate::files::{self, json};
use crate::fit::Outcome;
use crate::fit::recorder::best;
use crate::objective::Figure;
use crate::recipe::Recipe;
use crate::store::checkpoint::Checkpoints;
use crate::store::identity::Identity;
use crate::store::pictures::Pictures;
use crate::store::summary::{Final, SUMMARY, Seconds, Summary, peak_memory_mb};

/// A training that came to its end, with the network it made, before its folder says so: the place
/// to draw it.
#[must_use = "a run without its summary is not at its end"]
pub struct Finished<'a> {
    pub(super) folder: PathBuf,
    pub(super) start: Instant,
    /// The recipe.
    pub recipe: &'a Recipe,
    /// The pictures.
    pub pictures: &'a Pictures,
    /// The summary, but for its total time.
    pub summary: Summary,
    /// What came out of the training.
    pub outcome: Outcome,
    /// Steps of an epoch.
    pub steps_per_epoch: usize,
    /// The network.
    pub classifier: Classifier,
    /// What it is.
    pub card: ModelCard,
}

impl fmt::Debug for Finished<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finished").field("folder", &self.folder).field("summary", &self.summary).finish_non_exhaustive()
    }
}

impl Finished<'_> {
    /// The run folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes the summary, after which the run is at its end, and removes what it could have gone
    /// on with. `output_lost` says where output could not be printed, and why.
    ///
    /// # Errors
    /// When a file cannot be written or removed.
    pub fn conclude(self, output_lost: Option<String>) -> Result<Summary> {
        let Self { folder, start, mut summary, .. } = self;
        summary.seconds.total = start.elapsed().as_secs_f64();
        summary.output_lost = output_lost;
        files::write(&folder.join(SUMMARY), &json(&summary)?)?;
        Checkpoints::clear(&folder)?;
        Ok(summary)
    }
}

/// The summary of a run; its total time comes last, when all else is written.
pub(super) fn summarize(
    recipe: &Recipe,
    card: &ModelCard,
    outcome: &Outcome,
    (pictures, identity): (&Pictures, &Identity),
    threads: usize,
) -> Summary {
    let last = outcome.history.last();
    Summary {
        schema: 1,
        command: verb(recipe).into(),
        model: card.model.clone(),
        plan: format!("{:?}", recipe.plan).to_lowercase(),
        optimizer: recipe.optimize.rule.name().into(),
        average: recipe.averaged().name().into(),
        seed: recipe.seed,
        threads,
        train_images: pictures.train.len(),
        val_images: pictures.val.len(),
        unreadable_images: pictures.unreadable,
        left_out: pictures.left_out.counts().clone(),
        pictures_sha256: identity.pictures.clone(),
        weights_sha256: identity.weights.clone(),
        classes: card.classes.clone(),
        epochs: outcome.history.len(),
        skipped_steps: outcome.skipped,
        best: best(&outcome.history),
        r#final: last.map_or_else(Final::default, |e| Final {
            train_loss: e.train_loss,
            penalty: outcome.penalty,
            val_loss: outcome.evaluation.loss,
            figure: Figure::new(card.objective.metric(), outcome.evaluation.figure()),
        }),
        seconds: Seconds {
            total: 0.0,
            train: outcome.train.as_secs_f64(),
            eval: outcome.eval.as_secs_f64(),
            data_wait: outcome.waited.as_secs_f64(),
        },
        images_per_second: outcome.pictures as f64 / outcome.train.as_secs_f64(),
        peak_memory_mb: peak_memory_mb(),
        output_lost: None,
    }
}

/// The verb that runs a recipe.
fn verb(recipe: &Recipe) -> &'static str {
    if recipe.pretrained { "fine-tune" } else { "train" }
}
