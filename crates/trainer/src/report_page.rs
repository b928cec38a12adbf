//! What the report of a run shows.

use std::path::Path;

use anyhow::Result;
use taper_augment::Transform;
use taper_data::Dataset;
use taper_tensor::Rng;

use crate::files;
use crate::fit::Outcome;
use crate::recipe::Recipe;
use crate::report::{EpochRow, Mistake, Report};
use crate::run_folder::Summary;
use crate::transforms::eval_transform;

pub(crate) fn report(
    recipe: &Recipe,
    recipe_toml: &str,
    summary: &Summary,
    outcome: &Outcome,
    steps_per_epoch: usize,
    val: &dyn Dataset,
) -> Result<Report> {
    let history = outcome.history.iter().map(|e| EpochRow {
        epoch: e.epoch,
        phase: e.phase.into(),
        train_loss: e.train_loss,
        val_loss: e.val_loss,
        val_accuracy: e.val_accuracy,
    });
    let predictions = outcome.evaluation.predictions();
    let shown = eval_transform(recipe.data.image_size.min(160))?;
    let mut mistakes = Vec::new();
    for index in outcome.evaluation.worst().into_iter().take(24) {
        let picture = shown.apply(val.get(index)?, &mut Rng::new(0));
        mistakes.push(Mistake {
            path: relative(&val.name(index), &recipe.data.path),
            png: files::png(&picture)?,
            truth: val.classes()[val.label(index)].clone(),
            predicted: val.classes()[predictions[index]].clone(),
            confidence: f64::from(outcome.evaluation.probabilities[index][predictions[index]]),
        });
    }
    let weights = match summary.average.as_str() {
        "none" => "those of the last step".to_owned(),
        average => format!("their average ({average}), in every validation too"),
    };
    let last = &summary.r#final;
    let penalty = format!("{:.3} beside a training loss of {:.3}", last.penalty, last.train_loss);
    let penalty = (last.penalty > 0.0).then_some(("Penalty on weights", penalty));
    let facts = [
        ("Optimizer", format!("{}, {} steps left out", summary.optimizer, summary.skipped_steps)),
        ("Weights", weights),
        ("Trained on", format!("{} pictures", summary.train_images)),
        ("Validated on", format!("{} pictures", summary.val_images)),
        ("Left out", format!("{} unreadable pictures", summary.unreadable_images)),
        ("Training speed", format!("{:.0} pictures/s on {} threads", summary.images_per_second, summary.threads)),
        ("Time", format!("{:.0} s training, {:.0} s validation", summary.seconds.train, summary.seconds.eval)),
        ("Machine", format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)),
    ];
    Ok(Report {
        title: recipe.data.path.display().to_string(),
        command: format!("taper {} -c recipe.toml", summary.command),
        model: summary.model.clone(),
        plan: summary.plan.clone(),
        seed: summary.seed,
        facts: facts.into_iter().chain(penalty).map(|(name, value)| (name.to_owned(), value)).collect(),
        classes: summary.classes.clone(),
        history: history.collect(),
        rates: outcome.rates.clone(),
        steps_per_epoch,
        confusion: outcome.evaluation.confusion(),
        mistakes,
        recipe_toml: recipe_toml.to_owned(),
    })
}

fn relative(name: &str, root: &Path) -> String {
    Path::new(name).strip_prefix(root).map_or_else(|_| name.to_owned(), |path| path.display().to_string())
}
