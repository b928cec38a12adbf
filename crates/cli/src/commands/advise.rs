//! `taper advise`: which layers to train for these pictures.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use serde_json::json;

use super::strict::Strict;
use crate::output::{line, shell};
use crate::terminal::Terminal;
use taper_trainer::recipe::Recipe;
use taper_trainer::store::pictures::splits;
use taper_trainer::store::readable::readable;
use taper_trainer::study::advise::{Advice, StageScore, advise};

/// Tell which layers to train for these pictures, from what the stages of a network make of them.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper advise pictures\n  taper advise pictures --model resnet18\n  taper fine-tune pictures --plan auto\n\nA linear classifier is tried on every stage, and a new head on the last and on the best of the others, by cross-validation over\ntraining pictures, a thousand at the most. Where the last stage serves best the pictures are like those of the network's training. Pictures that validate are not looked at.\n\nlittle data, similar pictures: a new head; different ones: a new head on an earlier stage.\nmuch data, similar pictures: few layers, or many where the last stage is not ahead by more than chance; different ones: many layers up to\nan earlier stage."
)]
pub struct AdviseArgs {
    /// The folder of pictures, as for fine-tune
    data: PathBuf,
    /// A pretrained model
    #[arg(long, default_value = "squeezenet1_1")]
    model: String,
    /// A file in place of the model's own weights (safetensors, or a state dict of PyTorch's)
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Side of the square that the network sees, pixels
    #[arg(long, default_value_t = Recipe::default().data.image_size, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..=4096))]
    image_size: u32,
    /// Seed of the split, and of the parts of the cross-validation
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    strict: Strict,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
///
/// # Errors
/// When the pictures or the model cannot be read.
pub fn advise_plan(args: &AdviseArgs, threads: usize) -> Result<i32> {
    let start = Instant::now();
    let mut recipe =
        Recipe { model: args.model.clone(), weights: args.weights.clone(), seed: args.seed, ..Recipe::default() };
    recipe.data.image_size = args.image_size;
    recipe.data.path.clone_from(&args.data);
    recipe.check()?;
    let splits = splits(&recipe, &Terminal)?;
    let train = readable(splits.train, args.strict.policy(), &Terminal)?.dataset;
    let advice = advise(&recipe, &train, threads, &Terminal)?;
    let command = command(args, &advice);
    if args.json {
        let stage = |s: &StageScore| json!({"stage": s.name, "accuracy": s.accuracy, "interval": s.interval});
        line(json!({
            "schema": 1, "command": "advise", "model": args.model, "data": args.data.to_string_lossy(), "classes": train.classes(),
            "train_images": train.len(), "per_class": advice.per_class, "tried": advice.tried,
            "stages": advice.stages.iter().map(stage).collect::<Vec<_>>(), "earlier": advice.stages[advice.earlier].name,
            "heads": advice.heads, "lead": advice.lead,
            "similar": advice.similar(), "much": advice.much(), "plan": advice.plan().name(), "flags": advice.flags(), "run": command,
            "seconds": start.elapsed().as_secs_f64(),
        }))?;
        return Ok(0);
    }
    line(format_args!(
        "{} training pictures, {} classes; {} tried in {:.1} s",
        train.len(),
        train.classes().len(),
        advice.tried,
        start.elapsed().as_secs_f64()
    ))?;
    line("a linear classifier on each stage:")?;
    line("stage         accuracy   95 % interval")?;
    for stage in &advice.stages {
        let [low, high] = stage.interval.map(|end| 100.0 * end);
        line(format_args!("{:<12}  {:>6.1} %   {low:>5.1} to {high:>5.1} %", stage.name, 100.0 * stage.accuracy))?;
    }
    for reason in advice.reasons() {
        line(reason)?;
    }
    line(format_args!("so {}:", advice.words()))?;
    line(format_args!("  {command}"))?;
    Ok(0)
}

/// What to type.
fn command(args: &AdviseArgs, advice: &Advice) -> String {
    let mut words = vec!["taper fine-tune".to_owned(), shell(&args.data)];
    let usual = Recipe::default();
    if args.model != usual.model {
        words.push(format!("--model {}", args.model));
    }
    words.extend(args.weights.as_deref().map(|file| format!("--weights {}", shell(file))));
    if args.image_size != usual.data.image_size {
        words.push(format!("--image-size {}", args.image_size));
    }
    words.push(advice.flags());
    words.join(" ")
}
