//! `taper eval`: how good a model is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::chart_files::ChartFiles;
use super::eval_labels::Scores;
use super::networks::{Table, rows_of};
use super::parts::parts;
use super::passes::passes;
use super::strict::Strict;
use super::test_pictures::{pictures, recipe};
use crate::asking::PrecisionFlag;
use crate::output::line;
use crate::terminal::Terminal;
use taper_data::Dataset;
use taper_report::reliability_diagram::{draw, table};
use taper_trainer::build::model;
use taper_trainer::build::need::decoded_once;
use taper_trainer::build::pipeline::{BATCH, Input, eval_loader};
use taper_trainer::evaluate::known_classes::{missing, relabeled, said};
use taper_trainer::evaluate::metrics::{
    ClassScore, Reliability, class_scores, interval, mean_score, reliability, temperature, tempered, top,
};
use taper_trainer::evaluate::views::{Mean, Views, evaluate_views};
use taper_trainer::evaluate::{Evaluation, evaluate_marginal};
use taper_trainer::objective::Objective;
use taper_trainer::ranks::{Alone, Ranks, require_one, require_same_answers};
use taper_trainer::recipe::Recipe;
use taper_trainer::store::readable::{Readable, readable};
use taper_transfer::Classifier;

/// Measure a trained model on pictures.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper eval runs/emoji-1\n  taper eval runs/emoji-1 other/pictures --json\n  taper eval runs/emoji-1 --marginalize 16\n  taper eval runs/emoji-1 --tta ten-crop\n  taper eval runs/emoji-1 --compare\n  taper eval runs/emoji-1 --png reliability.png\n\nWithout DATA it is the validation part of the data that the run was trained on.\nDATA holds val/<class>/*, or <class>/*, all of which is used; of the run's classes some may be missing.\nThe picture shows how often answers of each probability are right."
)]
pub struct EvalArgs {
    /// A run folder, or a pretrained model
    run: PathBuf,
    /// The folder of pictures [default: the validation pictures of the run]
    data: Option<PathBuf>,
    /// A file in place of the model's own weights (safetensors, or a state dict of PyTorch's)
    #[arg(long, value_name = "FILE", conflicts_with = "compare")]
    weights: Option<PathBuf>,
    /// Average the probabilities over N passes with the noise of training on, such as dropout
    /// [default: one pass without]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    marginalize: Option<u16>,
    /// See each picture several times and average: flips, ten-crop, multi-scale, or N random views
    /// as in training
    #[arg(long, value_name = "VIEWS")]
    tta: Option<Views>,
    /// What is averaged over the views
    #[arg(long, value_name = "WHAT", value_parser = crate::choices::mean(), default_value = "probabilities", requires = "tta")]
    tta_mean: Mean,
    /// Beside the network that the run left: its best epoch, its snapshots or members together, and
    /// what several views are worth
    #[arg(long, conflicts_with_all = ["marginalize", "tta", "precision", "svg", "png", "csv"])]
    compare: bool,
    #[command(flatten)]
    precision: PrecisionFlag,
    #[command(flatten)]
    strict: Strict,
    #[command(flatten)]
    files: ChartFiles,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
///
/// # Errors
/// When the model or the pictures cannot be read, or these have classes that it was not trained
/// for.
pub fn eval(args: &EvalArgs, threads: usize, ranks: &dyn Ranks) -> Result<i32> {
    args.files.check()?;
    if args.compare {
        require_one("eval --compare", ranks)?;
        return compare(args, threads);
    }
    let asking = args.precision.asking()?;
    let model = model::open(&args.run, args.weights.as_deref(), &Terminal)?;
    let (dataset, path) = pictures(&args.run, args.data.as_deref())?;
    let dataset = relabeled(dataset, &path, (&args.run, &model.card))?;
    let network = (&model.classifier, &model.card.objective);
    // Each is decoded once: to see that it can be, and for the network.
    let need = model.card.need();
    let dataset = if args.tta.is_some() { dataset } else { decoded_once(dataset, need) };
    let Readable { dataset, unreadable, .. } = readable(dataset, args.strict.policy(), &Terminal)?;
    model.require_memory(BATCH.min(dataset.len()))?;
    require_same_answers(ranks, &model.params, &*dataset)?;
    let data = (&dataset, model.card.input(), threads);
    let (result, without) = asking.run(|| measured(args, network, data, ranks))?;
    if ranks.rank() > 0 {
        return Ok(0);
    }
    let without = without.as_ref().map(|(views, plain)| (views, plain));
    if let Some(scores) = Scores::of(&result) {
        return other_labels(args, &scores, &result, (&path, unreadable, without), &model.card.classes);
    }
    let (scores, reliability) = (class_scores(&result), reliability(&result));
    if args.files.wanted() {
        let title = format!("{} on {}", args.run.display(), path.display());
        args.files.write(&draw(&title, &reliability)?, &table(&reliability))?;
    }
    let (missing, classes) = (missing(&*dataset), &*model.card.classes);
    let (scores, reliability) = (&*scores, &reliability);
    let told = Told { args, result: &result, scores, reliability, classes, missing: &missing };
    if args.json {
        let views = without.map(|(views, plain)| {
            json!({
                "views": views.count(), "mean": format!("{:?}", args.tta_mean).to_lowercase(),
                "without": {"accuracy": plain.accuracy(), "loss": plain.loss, "seconds": plain.took.as_secs_f64()},
            })
        });
        line(told.json(&path, unreadable, views))?;
        return Ok(0);
    }
    told.text(&path, without)?;
    args.files.tell()?;
    Ok(0)
}

/// The answers as they are asked for; where a picture is seen several times, beside them those
/// without.
fn measured(
    args: &EvalArgs,
    network: (&Classifier, &Objective),
    (dataset, input, threads): (&Arc<dyn Dataset>, Input, usize),
    ranks: &dyn Ranks,
) -> Result<(Evaluation, Option<(Views, Evaluation)>)> {
    let how = passes(args.marginalize);
    let plain = || {
        let loader = eval_loader(dataset.clone(), BATCH, input, threads)?;
        evaluate_marginal(network, &loader, how, (&Terminal, ranks))
    };
    let Some(views) = args.tta else { return Ok((plain()?, None)) };
    let recipe = if let Views::Random(_) = views { recipe(&args.run)? } else { Recipe::default() };
    let (data, kind) = ((dataset, input, threads), (views, args.tta_mean));
    let seen = evaluate_views(network, data, kind, (&recipe, how), (&Terminal, ranks))?;
    Ok((seen, Some((views, plain()?))))
}

/// Tells what was measured of several labels or of numbers.
fn other_labels(
    args: &EvalArgs,
    scores: &Scores,
    result: &Evaluation,
    (path, unreadable, without): (&Path, usize, Option<(&Views, &Evaluation)>),
    classes: &[String],
) -> Result<i32> {
    ensure!(
        !args.files.wanted(),
        "a reliability diagram is drawn of probabilities of one class: this model has several labels or numbers"
    );
    let metric = result.objective.metric();
    if args.json {
        let views = without.map(|(views, plain)| {
            json!({
                "views": views.count(), "mean": format!("{:?}", args.tta_mean).to_lowercase(),
                "without": {metric.name().to_lowercase(): plain.figure(), "loss": plain.loss, "seconds": plain.took.as_secs_f64()},
            })
        });
        let mut told = json!({
            "schema": 1, "command": "eval", "run": args.run.to_string_lossy(), "data": path.to_string_lossy(), "images": result.labels.len(),
            "unreadable_images": unreadable, "classes": classes, "marginalize": args.marginalize, "loss": result.loss,
            "seconds": result.took.as_secs_f64(), "tta": views,
        });
        scores.json().into_iter().for_each(|(field, value)| told[field] = value);
        line(told)?;
        return Ok(0);
    }
    line(format_args!(
        "{}, loss {:.3} on {} pictures of {}",
        scores.headline(),
        result.loss,
        result.labels.len(),
        path.display()
    ))?;
    if let Some((views, plain)) = without {
        let (count, name) = (views.count(), metric.name());
        line(format_args!(
            "  over {count} views; without them {name} {}, loss {:.3}",
            metric.value(plain.figure()),
            plain.loss
        ))?;
    }
    scores.table(classes)?;
    Ok(0)
}

/// What can be made of a run without training again, each with what it costs.
fn compare(args: &EvalArgs, threads: usize) -> Result<i32> {
    let parts = parts(&args.run);
    // Of several members the first stands for one.
    let whole = args.run.join("model.json").is_file();
    let single = parts.first().filter(|_| !whole).unwrap_or(&args.run).clone();
    let (dataset, path) = pictures(&single, args.data.as_deref())?;
    let Readable { dataset, unreadable, .. } = readable(dataset, args.strict.policy(), &Terminal)?;
    let table = Table { path, unreadable, mean: Mean::Probabilities };
    let best = single.join("checkpoint/best.safetensors");
    let mut names = vec![single.clone()];
    names.extend(best.is_file().then_some(best));
    let mut measured = rows_of(&names, &dataset, (&table, threads), false)?;
    let rows = &mut measured.rows;
    rows.truncate(names.len());
    if parts.len() > 1 {
        let all = rows_of(&parts, &dataset, (&table, threads), false)?.rows;
        rows.extend(all.into_iter().skip(usize::from(parts[0] == single)));
    }
    let model = model::open(&single, None, &Terminal)?;
    let dataset = relabeled(dataset, &table.path, (&single, &model.card))?;
    let network = (&model.classifier, &model.card.objective);
    let input = model.card.input();
    for (name, views) in [("flips", Views::Flips), ("ten crops", Views::TenCrop)] {
        let data = (&dataset, input, threads);
        let how = (views, Mean::Probabilities);
        let seen = evaluate_views(network, data, how, (&Recipe::default(), passes(None)), (&Terminal, &Alone))?;
        rows.push((format!("{}, {name}", single.display()), seen));
    }
    if args.json {
        line(table.json(&parts, &measured))?;
    } else {
        table.tell(&measured)?;
    }
    Ok(0)
}

/// What was measured.
struct Told<'a> {
    args: &'a EvalArgs,
    result: &'a Evaluation,
    scores: &'a [ClassScore],
    reliability: &'a Reliability,
    classes: &'a [String],
    missing: &'a [String],
}

impl Told<'_> {
    fn json(&self, path: &Path, unreadable: usize, views: Option<Value>) -> Value {
        let Self { args, result, scores, reliability, classes, missing } = self;
        let recall: Vec<f64> = scores.iter().map(|score| score.recall).collect();
        json!({
            "schema": 1, "command": "eval", "run": args.run.to_string_lossy(), "data": path.to_string_lossy(), "images": result.labels.len(),
            "unreadable_images": unreadable, "classes": classes, "missing_classes": missing, "marginalize": args.marginalize,
            "accuracy": result.accuracy(), "interval": interval(result.accuracy(), result.labels.len()), "top5": top(result, 5), "loss": result.loss,
            "recall": recall, "scores": scores, "mean": mean_score(scores), "confusion": result.confusion(),
            "calibration_error": reliability.error, "reliability": reliability.bins, "temperature": temperature(result),
            "seconds": result.took.as_secs_f64(), "tta": views,
        })
    }

    fn text(&self, path: &Path, without: Option<(&Views, &Evaluation)>) -> Result<()> {
        let Self { result, scores, classes, missing, .. } = self;
        let [low, high] = interval(result.accuracy(), result.labels.len()).map(|end| 100.0 * end);
        line(format_args!(
            "accuracy {:.1} % (95 % interval {low:.1} to {high:.1} %), loss {:.3} on {} pictures of {}",
            100.0 * result.accuracy(),
            result.loss,
            result.labels.len(),
            path.display()
        ))?;
        said(missing).map(line).transpose()?;
        if let Some((views, plain)) = without {
            line(format_args!(
                "  over {} views, in {:.1} times the time; without them accuracy {:.1} %, loss {:.3}",
                views.count(),
                result.took.as_secs_f64() / plain.took.as_secs_f64(),
                100.0 * plain.accuracy(),
                plain.loss
            ))?;
        }
        if classes.len() > 5 {
            line(format_args!("top 5: {:.1} %", 100.0 * top(result, 5)))?;
        }
        let best = temperature(result);
        let softer = tempered(result, best);
        // At an end of the range there is no best one: all answers are right, or none.
        let fitted = if (0.051..19.6).contains(&best) {
            let error = 100.0 * reliability(&softer).error;
            format!(
                "with logits divided by {best:.2}, fitted on these pictures, {error:.1} % and a loss of {:.3}",
                softer.loss
            )
        } else {
            "no division of the logits by 0.05 to 20 makes it least on these pictures".to_owned()
        };
        line(format_args!("calibration error {:.1} %; {fitted}", 100.0 * self.reliability.error))?;
        let width = classes.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("mean of classes".len());
        line(format_args!("{:width$}  precision   recall       F1      AUC  pictures", "class"))?;
        for (class, score) in classes.iter().zip(*scores) {
            self.row(width, class, score)?;
        }
        self.row(width, "mean of classes", &mean_score(scores))
    }

    fn row(&self, width: usize, name: &str, score: &ClassScore) -> Result<()> {
        // Of a class without pictures nothing is known.
        let share = |share: f64| if score.pictures == 0 { "-".to_owned() } else { format!("{:.1} %", 100.0 * share) };
        let [precision, recall, f1] = [score.precision, score.recall, score.f1].map(share);
        let auc = score.auc.map_or("-".to_owned(), |auc| format!("{auc:.3}"));
        line(format_args!("{name:width$}    {precision:>7}  {recall:>7}  {f1:>7}  {auc:>7}  {:>8}", score.pictures))
    }
}
