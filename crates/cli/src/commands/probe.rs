//! `taper probe`: what a linear classifier makes of each stage.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};
use serde_json::json;
use taper_data::OpenConfig;
use taper_tensor::Rng;
use taper_transfer::Stage;

use super::chart_files::ChartFiles;
use super::strict::Strict;
use crate::output::line;
use crate::terminal::Terminal;
use taper_report::stage_features_picture::draw;
use taper_trainer::build::network::{FeatureExtractor, Reach, backbone};
use taper_trainer::evaluate::linear_probe::{Probe, probe};
use taper_trainer::evaluate::metrics::interval;
use taper_trainer::evaluate::stage_features::StageFeatures;
use taper_trainer::store::hub_data::local;
use taper_trainer::store::pictures::tell;
use taper_trainer::store::readable::readable;

/// Train a linear classifier on each stage of a network that stays as it is.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper probe pictures\n  taper probe pictures --model vgg16 --stages conv3,conv4,conv5 --png stages.png\n  taper probe pictures --model runs/pictures-1\n\nThe features are the mean of each channel, standardized; the classifier is L2-regularized logistic regression, its strength chosen on\na fifth of the training pictures. A later stage that does no better says that the pictures are unlike those of the network's training:\n`taper fine-tune --cut STAGE` uses the network up to an earlier one."
)]
pub struct ProbeArgs {
    /// The folder of pictures, as for fine-tune
    data: PathBuf,
    /// A pretrained model, or a run folder
    #[arg(long, default_value = "squeezenet1_1", value_name = "MODEL|RUN")]
    model: String,
    /// The stages, by name with commas between them
    #[arg(long, default_value = "all", value_name = "NAMES", value_delimiter = ',')]
    stages: Vec<String>,
    /// A file in place of the model's own weights (safetensors, or a state dict of PyTorch's)
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Side of the square that the network sees, pixels [default: the model's]
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..=4096))]
    image_size: Option<u32>,
    /// Seed of the split, and of the part that the strength is chosen by
    #[arg(long, default_value_t = 0)]
    seed: u64,
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
/// When the pictures or the model cannot be read, or there is no stage of a name.
pub fn probe_stages(args: &ProbeArgs, threads: usize) -> Result<i32> {
    args.files.check()?;
    let reach = if args.stages == ["all"] { Reach::All } else { Reach::Stages(&args.stages) };
    let FeatureExtractor { classifier, params, input } =
        backbone(&args.model, args.weights.as_deref(), (args.image_size, reach), &Terminal)?;
    let all = classifier.backbone().stages();
    let chosen = chosen(all, &args.stages)?;
    let rng = Rng::new(args.seed);
    let splits = taper_data::open(local(&args.data, &Terminal)?, &OpenConfig::default(), &rng.fork("split"))?;
    tell(&splits.left_out, &Terminal);
    let [train, val] = [splits.train, splits.val].map(|side| readable(side, args.strict.policy(), &Terminal));
    let (train, val) = (train?.dataset, val?.dataset);
    let start = Instant::now();
    let stages = chosen.iter().max().map_or(0, |last| last + 1);
    let learned = StageFeatures::of((&classifier, &params), stages, &train, input, threads)?;
    let tested = StageFeatures::of((&classifier, &params), stages, &val, input, threads)?;
    let features = start.elapsed().as_secs_f64();
    let classes = train.classes().len();
    let mut rows = Vec::new();
    for &i in &chosen {
        let sides = ((&learned.stages[i], &*learned.labels), (&tested.stages[i], &*tested.labels));
        rows.push((&all[i], probe(sides.0, sides.1, classes, &rng)?));
    }
    if args.files.wanted() {
        let bars: Vec<_> = rows.iter().map(|(stage, found)| (stage.name, found.accuracy)).collect();
        let title = format!("{} on {}: a linear classifier on each stage", args.model, args.data.display());
        args.files.write(&draw(&title, &bars, tested.labels.len())?, &table(&rows))?;
    }
    if args.json {
        let row = |(stage, found): &(&Stage, Probe)| {
            json!({
                "stage": stage.name, "channels": stage.channels, "accuracy": found.accuracy,
                "interval": interval(found.accuracy, tested.labels.len()), "strength": found.strength,
            })
        };
        line(json!({
            "schema": 1, "command": "probe", "model": args.model, "data": args.data.to_string_lossy(), "image_size": input.size,
            "classes": train.classes(), "train_images": learned.labels.len(), "val_images": tested.labels.len(),
            "stages": rows.iter().map(row).collect::<Vec<_>>(), "feature_seconds": features,
            "seconds": start.elapsed().as_secs_f64(),
        }))?;
        return Ok(0);
    }
    tell_rows((&learned, &tested), classes, &rows, (features, start))?;
    args.files.tell()?;
    Ok(0)
}

/// The rows as a table.
fn tell_rows(
    (learned, tested): (&StageFeatures, &StageFeatures),
    classes: usize,
    rows: &[(&Stage, Probe)],
    (features, start): (f64, Instant),
) -> Result<()> {
    line(format_args!(
        "{} pictures to learn, {} to test, {classes} classes; features in {features:.1} s, all in {:.1} s",
        learned.labels.len(),
        tested.labels.len(),
        start.elapsed().as_secs_f64()
    ))?;
    line("stage         channels  accuracy   95 % interval    strength")?;
    for (stage, found) in rows {
        let [low, high] = interval(found.accuracy, tested.labels.len()).map(|end| 100.0 * end);
        line(format_args!(
            "{:<12}  {:>8}  {:>6.1} %   {low:>5.1} to {high:>5.1} %  {:>8}",
            stage.name,
            stage.channels,
            100.0 * found.accuracy,
            found.strength
        ))?;
    }
    Ok(())
}

/// The numbers of stages by name.
fn chosen(stages: &[Stage], names: &[String]) -> Result<Vec<usize>> {
    if names == ["all"] {
        return Ok((0..stages.len()).collect());
    }
    names.iter().map(|name| stage_number(stages, name)).collect()
}

/// The number of the stage of this name.
pub(super) fn stage_number(stages: &[Stage], name: &str) -> Result<usize> {
    match stages.iter().position(|stage| stage.name == name) {
        Some(number) => Ok(number),
        None => {
            let known: Vec<_> = stages.iter().map(|stage| stage.name).collect();
            bail!("there is no stage {name:?}; there are {}", known.join(", "))
        }
    }
}

fn table(rows: &[(&Stage, Probe)]) -> String {
    let mut csv = "stage,channels,accuracy,strength\n".to_owned();
    for (stage, found) in rows {
        // Writing into a string cannot fail.
        let _ = writeln!(csv, "{},{},{},{}", stage.name, stage.channels, found.accuracy, found.strength);
    }
    csv
}
