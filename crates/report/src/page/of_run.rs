//! What the report of a run shows.

use std::collections::BTreeMap;

use image::imageops::{FilterType, resize};
use taper_augment::Transform;
use taper_data::{Dataset, LabelKind, Need, RgbImage, folder_of};
use taper_tensor::Rng;

use super::contents::{EpochRow, Mistake, NumberAnswers, Report, Thumb};
use taper_trainer::build::need::train_need;
use taper_trainer::build::transforms::{eval_transform, train_transform};
use taper_trainer::evaluate::explain::grad_cam;
use taper_trainer::evaluate::label_metrics::{LabelScores, label_scores};
use taper_trainer::evaluate::metrics::{class_scores, reliability};
use taper_trainer::evaluate::number_metrics::number_scores;
use taper_trainer::evaluate::{Evaluation, ranked};
use taper_trainer::files;
use taper_trainer::fit::EpochInfo;
use taper_trainer::objective::Objective;
use taper_trainer::recipe::Recipe;
use taper_trainer::store::ledger::relative;
use taper_trainer::store::summary::Summary;
use taper_trainer::study::finished::Finished;
use taper_trainer::{Error, Result};

/// Mistakes that are shown large; pictures of a cell of the confusion matrix, and of all; training
/// pictures, and what became of each.
const MISTAKES: usize = 24;
const OF_A_CELL: usize = 12;
const OF_ALL_CELLS: usize = 150;
const AUGMENTED: [usize; 2] = [4, 7];

/// The report of a training that came to its end.
///
/// # Errors
/// When a picture cannot be read again or the network does not take it.
pub fn report(run: &Finished<'_>) -> Result<Report> {
    let Finished { recipe, summary, outcome, steps_per_epoch, pictures, .. } = run;
    let (evaluation, recipe_toml) = (&outcome.evaluation, toml::to_string(recipe)?);
    let one = evaluation.objective.is_one();
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
        ("Left out", left_out(summary)),
        ("Training speed", format!("{:.0} pictures/s on {} threads", summary.images_per_second, summary.threads)),
        ("Time", format!("{:.0} s training, {:.0} s validation", summary.seconds.train, summary.seconds.eval)),
        ("Machine", machine()),
    ];
    Ok(Report {
        title: recipe.data.path.display().to_string(),
        command: format!("taper {} -c recipe.toml", summary.command),
        model: summary.model.clone(),
        plan: summary.plan.clone(),
        seed: summary.seed,
        facts: facts.into_iter().chain(penalty).map(|(name, value)| (name.to_owned(), value)).collect(),
        classes: summary.classes.clone(),
        history: outcome.history.iter().map(row).collect(),
        rates: outcome.lrs.clone(),
        steps_per_epoch: *steps_per_epoch,
        metric: run.card.objective.metric(),
        confusion: if one { evaluation.confusion() } else { Vec::new() },
        scores: if one { class_scores(evaluation) } else { Vec::new() },
        reliability: one.then(|| reliability(evaluation)),
        labels: labels(run),
        numbers: numbers(evaluation),
        updates: updates(&outcome.history),
        mistakes: mistakes(run)?,
        confused: if one { confused(run)? } else { BTreeMap::new() },
        augmented: augmented(recipe, &*pictures.train)?,
        recipe_toml,
    })
}

/// The scores of several labels, by the thresholds that the run leaves.
fn labels(run: &Finished<'_>) -> Option<LabelScores> {
    let (Evaluation { probabilities, targets, .. }, objective) = (&run.outcome.evaluation, &run.card.objective);
    let Objective::Many { thresholds } = objective else { return None };
    Some(label_scores(probabilities, targets, thresholds))
}

/// Numbers, and what was said of each picture.
fn numbers(evaluation: &Evaluation) -> Vec<NumberAnswers> {
    let Evaluation { objective, probabilities, targets, .. } = evaluation;
    if objective.kind() != LabelKind::Number {
        return Vec::new();
    }
    let pair = |i: usize| probabilities.iter().zip(targets).map(move |(y, t)| [t[i], y[i]].map(f64::from)).collect();
    let scores = number_scores(probabilities, targets);
    scores.into_iter().enumerate().map(|(i, score)| NumberAnswers { score, points: pair(i) }).collect()
}

/// The numbers of an epoch.
fn row(e: &EpochInfo) -> EpochRow {
    EpochRow {
        epoch: e.epoch,
        phase: e.phase.into(),
        train_loss: e.train_loss,
        val_loss: e.val_loss,
        val_accuracy: e.val_accuracy,
    }
}

/// The updates of every part of the network, from the head down.
fn updates(history: &[EpochInfo]) -> Vec<(String, Vec<(f64, f64)>)> {
    let mut parts: Vec<(String, Vec<(f64, f64)>)> = Vec::new();
    for e in history {
        for (part, ratio) in &e.health.updates {
            let point = (e.epoch as f64, *ratio);
            match parts.iter_mut().find(|(name, _)| name == part) {
                Some((_, points)) => points.push(point),
                None => parts.push((part.clone(), vec![point])),
            }
        }
    }
    parts
}

/// The worst mistakes, each with what speaks for it.
fn mistakes(run: &Finished<'_>) -> Result<Vec<Mistake>> {
    let Finished { recipe, outcome, classifier, card, pictures, .. } = run;
    let evaluation = Evaluation { objective: card.objective.clone(), ..outcome.evaluation.clone() };
    let val = &pictures.val;
    let shown = eval_transform(recipe.data.image_size.min(160))?;
    let mistake = |index: usize| {
        let picture = val.get_needed(index, card.need())?;
        let small = shown.apply(picture.clone(), &mut Rng::new(0));
        let (_, pixels) = card.prepare(picture)?;
        let Told { truth, predicted, confidence, class } = told(&evaluation, val.classes(), index);
        let heat =
            class.map(|class| files::jpeg(&grad_cam(classifier, &pixels, class)?.over(&small)).map_err(Error::from));
        Ok(Mistake {
            path: relative(&val.name(index), &folder_of(&recipe.data.path)),
            heat: heat.transpose()?.unwrap_or_default(),
            jpeg: files::jpeg(&small)?,
            truth,
            predicted,
            confidence,
        })
    };
    evaluation.worst().into_iter().take(MISTAKES).map(mistake).collect()
}

/// What a picture is and what was said of it.
struct Told {
    truth: String,
    predicted: String,
    confidence: Option<f64>,
    /// The class of which it is shown what speaks for it.
    class: Option<usize>,
}

fn told(evaluation: &Evaluation, names: &[String], index: usize) -> Told {
    let answers = &evaluation.probabilities[index];
    let listed = |chosen: &dyn Fn(usize) -> bool| {
        let names: Vec<&str> = (0..names.len()).filter(|&i| chosen(i)).map(|i| names[i].as_str()).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    match &evaluation.objective {
        Objective::One => {
            let class = ranked(answers)[0];
            let (truth, predicted) = (names[evaluation.labels[index]].clone(), names[class].clone());
            Told { truth, predicted, confidence: Some(f64::from(answers[class])), class: Some(class) }
        }
        Objective::Many { thresholds } => {
            let targets = &evaluation.targets[index];
            let far = |label: &usize| (answers[*label] - targets[*label]).abs();
            // What is shown is the label that is the most wrong.
            let class = (0..names.len()).max_by(|a, b| far(a).total_cmp(&far(b)));
            let (truth, predicted) = (listed(&|i| targets[i] > 0.5), listed(&|i| answers[i] >= thresholds[i]));
            Told { truth, predicted, confidence: None, class }
        }
        Objective::Number { .. } => {
            let said = |values: &[f32]| {
                let pair = |(name, value): (&String, &f32)| format!("{name} {value:.4}");
                names.iter().zip(values).map(pair).collect::<Vec<_>>().join(", ")
            };
            let (truth, predicted) = (said(&evaluation.targets[index]), said(answers));
            Told { truth, predicted, confidence: None, class: None }
        }
    }
}

/// Small pictures of what was named wrongly, the surest first.
fn confused(run: &Finished<'_>) -> Result<BTreeMap<(usize, usize), Vec<Thumb>>> {
    let Finished { recipe, outcome, pictures, .. } = run;
    let (predictions, val) = (outcome.evaluation.predictions(), &pictures.val);
    let mut cells: BTreeMap<(usize, usize), Vec<Thumb>> = BTreeMap::new();
    for index in outcome.evaluation.worst().into_iter().take(OF_ALL_CELLS) {
        let cell = cells.entry((val.label(index), predictions[index])).or_default();
        if cell.len() < OF_A_CELL {
            let picture = val.get_needed(index, Need::ShortSide(SMALL))?;
            cell.push(thumb(relative(&val.name(index), &folder_of(&recipe.data.path)), &picture)?);
        }
    }
    Ok(cells)
}

/// Some training pictures, and what augmentation makes of them; none where there is no
/// augmentation.
fn augmented(recipe: &Recipe, train: &dyn Dataset) -> Result<Vec<Vec<Thumb>>> {
    if recipe.augment.train.is_empty() {
        return Ok(Vec::new());
    }
    let [rows, columns] = AUGMENTED;
    let size = recipe.data.image_size;
    let (transform, need) = (train_transform(&recipe.augment, size)?, train_need(&recipe.augment, size));
    let rng = Rng::new(recipe.seed).fork("report");
    let mut chosen: Vec<usize> = (0..train.len()).collect();
    rng.fork("chosen").shuffle(&mut chosen);
    let row = |index: usize| {
        let picture = train.get_needed(index, need)?;
        let name = relative(&train.name(index), &folder_of(&recipe.data.path));
        let mut seen = vec![thumb(name.clone(), &picture)?];
        for column in 0..columns {
            let made = transform.apply(picture.clone(), &mut rng.at(index as u64).at(column as u64));
            seen.push(thumb(format!("{name}, augmented"), &made)?);
        }
        Ok(seen)
    };
    chosen.into_iter().take(rows).map(row).collect()
}

/// Longest side of a small picture, pixels.
const SMALL: u32 = 96;

fn thumb(name: String, picture: &RgbImage) -> Result<Thumb> {
    let longest = picture.width().max(picture.height()).max(1);
    let scaled = |side: u32| (u64::from(side) * u64::from(SMALL.min(longest)) / u64::from(longest)).max(1) as u32;
    let small = resize(picture, scaled(picture.width()), scaled(picture.height()), FilterType::Triangle);
    Ok(Thumb { name, jpeg: files::jpeg(&small)? })
}

/// What the folders of pictures had besides those trained and validated on.
fn left_out(summary: &Summary) -> String {
    let others = summary.left_out.iter().map(|(kind, count)| format!(", {count} {kind}"));
    format!("{} unreadable pictures{}", summary.unreadable_images, others.collect::<String>())
}

/// Processor, where the system tells, and what it runs.
fn machine() -> String {
    let system = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    let told = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = told.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    match name {
        Some((_, name)) => format!("{}, {system}", name.trim()),
        None => system,
    }
}
