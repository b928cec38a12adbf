//! `taper predict`: what is on a picture.

use std::path::PathBuf;

use anyhow::Result;
use candle_core::{DType, Tensor};
use serde_json::json;

use crate::evaluate::{marginal, passes, ranked};
use crate::model;
use crate::output::line;

/// Name what is on pictures.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper predict squeezenet1_1 cat.jpg\n  taper predict runs/emoji-1 *.png --top 3 --json\n  taper predict runs/emoji-1 cat.png --mc 30"
)]
pub struct PredictArgs {
    /// A run folder, or the name of a pretrained model
    #[arg(value_name = "RUN|MODEL")]
    model: String,
    /// The pictures
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// How many classes to name
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    top: u16,
    /// Average over N passes with the noise of training on, such as dropout, and tell how far they differ
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    mc: Option<u16>,
    /// Print a line of JSON for each picture
    #[arg(long)]
    json: bool,
}

/// Runs the verb. A picture that cannot be read is reported, the others are still named; the exit code is then 1.
///
/// # Errors
/// When the model cannot be read or does not fit.
pub fn predict(args: &PredictArgs) -> Result<i32> {
    let model = model::open(&args.model)?;
    let mut code = 0;
    for path in &args.images {
        let images = match model.prepare(path) {
            Ok((_, images)) => images,
            Err(error) => {
                eprintln!("error: {error}");
                code = 1;
                continue;
            }
        };
        let seen = marginal(&model.classifier, &images, passes(args.mc))?;
        let row = |t: &Tensor| Ok::<_, anyhow::Error>(t.to_dtype(DType::F32)?.squeeze(0)?.to_vec1::<f32>()?);
        let (probabilities, deviations) = (row(&seen.mean)?, row(&seen.deviation)?);
        let top = ranked(&probabilities).into_iter().take(usize::from(args.top));
        let named = top.map(|class| (model.card.classes[class].as_str(), class, probabilities[class]));
        if args.json {
            let class = |(name, index, p): (&str, usize, f32)| match args.mc {
                None => json!({"class": name, "index": index, "probability": p}),
                Some(_) => json!({"class": name, "index": index, "probability": p, "deviation": deviations[index]}),
            };
            line(json!({"image": path, "predictions": named.map(class).collect::<Vec<_>>()}))?;
        } else {
            line(path.display())?;
            for (name, class, p) in named {
                match args.mc {
                    None => line(format_args!("  {:>5.1} %  {name}", 100.0 * p))?,
                    Some(_) => {
                        line(format_args!("  {:>5.1} ± {:>4.1} %  {name}", 100.0 * p, 100.0 * deviations[class]))?
                    }
                }
            }
        }
    }
    Ok(code)
}
