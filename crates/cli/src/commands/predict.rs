//! `taper predict`: what is on a picture.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use candle_core::{DType, Tensor};
use serde_json::json;
use taper_regularize::Marginal;

use super::parts::parts;
use super::passes::passes;
use crate::asking::PrecisionFlag;
use crate::output::{ended, line, note};
use crate::terminal::Terminal;
use taper_trainer::build::model::{self, Model};
use taper_trainer::evaluate::{marginal, ranked};

/// Name what is on pictures.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper predict squeezenet1_1 cat.jpg\n  taper predict runs/emoji-1 *.png --top 3 --json\n  taper predict runs/emoji-1 cat.png --mc 30\n  taper predict resnet18 cat.jpg --weights resnet18.pth\n\nOf a run with --members it is the mean of what they say."
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
    /// How many classes to name
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
    let model = &models[0];
    let mut code = 0;
    for path in &args.images {
        let answers = model.prepare(path).map_err(Into::into).and_then(|(_, images)| {
            let answer = |model: &Model| asking.run(|| marginal(&model.classifier, &images, passes(args.mc)));
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
        if let Err(error) = tell(args, &model.card.classes, path, &seen) {
            return ended(Err(error), code);
        }
    }
    Ok(code)
}

/// Names what is on a picture by the mean of what the networks have seen.
fn tell(args: &PredictArgs, classes: &[String], path: &Path, seen: &[Marginal]) -> Result<()> {
    let mean = |of: fn(&Marginal) -> &Tensor| -> Result<Vec<f32>> {
        let all = Tensor::cat(&seen.iter().map(of).collect::<Vec<_>>(), 0)?;
        Ok(all.mean(0)?.to_dtype(DType::F32)?.to_vec1::<f32>()?)
    };
    let (probabilities, deviations) = (mean(|seen| &seen.mean)?, mean(|seen| &seen.deviation)?);
    let top = ranked(&probabilities).into_iter().take(usize::from(args.top));
    let named = top.map(|class| (classes[class].as_str(), class, probabilities[class]));
    if args.json {
        let class = |(name, index, p): (&str, usize, f32)| match args.mc {
            None => json!({"class": name, "index": index, "probability": p}),
            Some(_) => json!({"class": name, "index": index, "probability": p, "deviation": deviations[index]}),
        };
        return line(json!({"image": path.to_string_lossy(), "predictions": named.map(class).collect::<Vec<_>>()}));
    }
    line(path.display())?;
    for (name, class, p) in named {
        match args.mc {
            None => line(format_args!("  {:>5.1} %  {name}", 100.0 * p))?,
            Some(_) => line(format_args!("  {:>5.1} ± {:>4.1} %  {name}", 100.0 * p, 100.0 * deviations[class]))?,
        }
    }
    Ok(())
}
