//! `taper predict`: what is on a picture.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use candle_core::{DType, Tensor};
use serde_json::Value;
use taper_regularize::Marginal;

use super::parts::parts;
use super::passes::passes;
use crate::answers::Answer;
use crate::asking::PrecisionFlag;
use crate::output::{ended, line, note};
use crate::terminal::Terminal;
use taper_trainer::build::model::{self, Model};
use taper_trainer::evaluate::{EvaluateError, marginal};
use taper_trainer::objective::Objective;

/// Name what is on pictures.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper predict squeezenet1_1 cat.jpg\n  taper predict runs/emoji-1 *.png --top 3 --json\n  taper predict runs/emoji-1 cat.png --mc 30\n  taper predict resnet18 cat.jpg --weights resnet18.pth\n\nOf a run with --members it is the mean of what they say. A run on several labels names those whose probability reaches the threshold\nthat was best on its validation pictures, one on numbers says these."
)]
pub struct PredictArgs {
    /// A run folder, or the name of a pretrained model
    #[arg(value_name = "RUN|MODEL")]
    model: PathBuf,
    /// The pictures
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// A file in place of the model's own weights (safetensors, or a state dict of PyTorch's)
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// How many classes to name; of several labels those that are there are all named
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    top: u16,
    /// Average over N passes with the noise of training on, such as dropout, and tell how far they
    /// differ
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    mc: Option<u16>,
    #[command(flatten)]
    precision: PrecisionFlag,
    /// Print a line of JSON for each picture
    #[arg(long)]
    json: bool,
}

/// The network, or those of a run that was several: their mean answers.
fn opened(what: &Path, weights: Option<&Path>) -> Result<Vec<Model>> {
    let members = if what.join("model.json").is_file() { Vec::new() } else { parts(what) };
    if members.is_empty() {
        return Ok(vec![model::open(what, weights, &Terminal)?]);
    }
    Ok(members.iter().map(|member| model::open(member, weights, &Terminal)).collect::<Result<_, _>>()?)
}

/// Runs the verb. A picture that cannot be read, or gets no answer, is reported, the others are
/// still named; the exit code is then 1.
///
/// # Errors
/// When the model cannot be read or does not fit.
pub fn predict(args: &PredictArgs) -> Result<i32> {
    let asking = args.precision.asking()?;
    let models = opened(&args.model, args.weights.as_deref())?;
    models.iter().try_for_each(|model| model.require_memory(1))?;
    let objectives: Vec<&Objective> = models.iter().map(|model| &model.card.objective).collect();
    let objective = Objective::together(&objectives).ok_or(EvaluateError::OtherLabels)?;
    let (model, together) = (&models[0], Together { objective, classes: &models[0].card.classes });
    let mut code = 0;
    for path in &args.images {
        let answers = model.prepare(path).map_err(Into::into).and_then(|(_, images)| {
            let answer = |model: &Model| {
                asking.run(|| marginal((&model.classifier, &model.card.objective), &images, passes(args.mc)))
            };
            let answers = models.iter().map(answer).collect::<Result<Vec<_>, _>>();
            answers.with_context(|| format!("{} by {}", path.display(), args.model.display()))
        });
        let seen = match answers {
            Ok(seen) => seen,
            Err(error) => {
                note(format_args!("error: {}", crate::said(&error)));
                code = 1;
                continue;
            }
        };
        if let Err(error) = tell(args, &together, path, &seen) {
            return ended(Err(error), code);
        }
    }
    Ok(code)
}

/// Names what is on a picture by the mean of what the networks have seen.
fn tell(args: &PredictArgs, model: &Together<'_>, path: &Path, seen: &[Marginal]) -> Result<()> {
    let mean = |of: fn(&Marginal) -> &Tensor| -> Result<Vec<f32>> {
        let all = Tensor::cat(&seen.iter().map(of).collect::<Vec<_>>(), 0)?;
        Ok(all.mean(0)?.to_dtype(DType::F32)?.to_vec1::<f32>()?)
    };
    let (values, deviations) = (mean(|seen| &seen.mean)?, mean(|seen| &seen.deviation)?);
    let Together { objective, classes } = model;
    let deviations = args.mc.map(|_| &*deviations);
    let (answer, top) = (Answer { objective, classes, values: &values, deviations }, usize::from(args.top));
    if args.json {
        let mut told = answer.json("predictions", top);
        told.insert("image".into(), path.to_string_lossy().into());
        return line(Value::Object(told));
    }
    line(path.display())?;
    answer.lines(top).iter().try_for_each(line)
}

/// What the mean of several networks' answers stands for.
struct Together<'a> {
    objective: Objective,
    classes: &'a [String],
}
