//! `taper detect train` and `taper detect resume`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use taper_detect::model::Pooling;
use taper_detect::train::{self, Ended, Recipe};
use taper_trainer::store::checkpoint::Every;

use super::told::{lines, measured};
use crate::commands::epochs_flags::{set, set_rule};
use crate::commands::told::Told;
use crate::interrupt::{EXIT_CODE, Interrupt};
use crate::output::{line, note, regardless, shell};
use crate::terminal::Terminal;

/// Train Faster R-CNN on pictures with boxes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper detect train scenes\n  taper detect train scenes --short 192 --epochs 20 --freeze 1\n  taper detect train coco --model resnet18 --optimizer momentum --schedule multi_step --lr 0.005\n  taper detect train scenes --proposals boxes.json\n  taper detect train -c runs/detect-scenes-1/recipe.toml --seed 1\n\nDATA has train and val in the form of COCO (train.json + train/, annotations/instances_train.json or train/_annotations.coco.json),\nof YOLO (images/train, labels/train and data.yaml) or of Pascal VOC (Annotations, JPEGImages, ImageSets/Main)."
)]
pub(super) struct TrainArgs {
    /// The folder of pictures with boxes
    #[arg(required_unless_present = "config")]
    data: Option<PathBuf>,
    /// A recipe of a detector; flags change it
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The backbone
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// The stage of it whose map is read [default: the last with a cell for 16 pixels or fewer]
    #[arg(long, value_name = "STAGE")]
    stage: Option<String>,
    /// Begin with random weights
    #[arg(long)]
    no_pretrained: bool,
    /// A file in place of the backbone's own weights
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Boxes from a file in place of the region proposal network (Fast R-CNN): JSON, for the name
    /// of each picture a list of [x1, y1, x2, y2]
    #[arg(long, value_name = "FILE")]
    proposals: Option<PathBuf>,
    /// How a region is read
    #[arg(long, value_enum, value_name = "HOW")]
    pooling: Option<How>,
    /// Short side of a picture as the network sees it, pixels; the long one is 5/3 of it at most
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(32..=4096))]
    short: Option<u32>,
    /// Sides of anchors, pixels with commas between them [default: measured of the boxes]
    #[arg(long, value_name = "PIXELS", value_delimiter = ',')]
    anchors: Option<Vec<f32>>,
    /// Stages of the backbone that keep their weights
    #[arg(long, value_name = "STAGES")]
    freeze: Option<usize>,
    /// Outputs of each of the head's two layers
    #[arg(long, value_name = "N")]
    hidden: Option<usize>,
    /// Passes over the training pictures
    #[arg(long, value_name = "EPOCHS")]
    epochs: Option<usize>,
    /// Pictures of a step
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// The update rule, such as adamw or momentum
    #[arg(long, value_name = "NAME")]
    optimizer: Option<String>,
    /// The course of the learning rate, such as cosine or multi_step
    #[arg(long, value_name = "NAME")]
    schedule: Option<String>,
    /// Peak learning rate
    #[arg(long, value_name = "LR")]
    lr: Option<f64>,
    /// What all that is random follows from
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The folder of the run, new or empty [default: the next free runs/detect-NAME-N]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Write down where the training stands after so many steps (200) or minutes (5m), beside the
    /// ends of epochs
    #[arg(long, value_name = "STEPS|MINUTESm")]
    checkpoint_every: Option<Every>,
    /// Print summary.json at the end
    #[arg(long)]
    json: bool,
}

/// Go on with the training of a detector that was broken off: it ends as if it had never stopped.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  taper detect resume runs/detect-scenes-1")]
pub(super) struct ResumeArgs {
    /// A run folder
    run: PathBuf,
    /// Write down where the training stands after so many steps (200) or minutes (5m), beside the
    /// ends of epochs
    #[arg(long, value_name = "STEPS|MINUTESm")]
    checkpoint_every: Option<Every>,
    /// Print summary.json at the end
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum How {
    /// Between its pixels (RoIAlign)
    Align,
    /// The maxima of its pixels (RoI max pooling)
    Max,
}

impl TrainArgs {
    /// The recipe of a file, or the usual one, changed by the flags.
    fn recipe(&self) -> Result<Recipe> {
        let mut recipe = match &self.config {
            Some(path) => Recipe::read(path)?,
            None => Recipe::default(),
        };
        set(&mut recipe.data, &self.data);
        set(&mut recipe.model, &self.model);
        set(&mut recipe.seed, &self.seed);
        set(&mut recipe.hidden, &self.hidden);
        set(&mut recipe.training.frozen, &self.freeze);
        set(&mut recipe.anchors.sizes, &self.anchors);
        set(&mut recipe.optimize.epochs, &self.epochs);
        set(&mut recipe.optimize.batch_size, &self.batch_size);
        for (to, from) in [(&mut recipe.weights, &self.weights), (&mut recipe.proposals, &self.proposals)] {
            *to = from.clone().or(to.take());
        }
        recipe.stage = self.stage.clone().or(recipe.stage);
        recipe.pretrained &= !self.no_pretrained;
        if let Some(how) = self.pooling {
            recipe.pooling = if let How::Max = how { Pooling::Max } else { Pooling::Align };
        }
        if let Some(short) = self.short {
            (recipe.pictures.short, recipe.pictures.long) = (short, short * 5 / 3);
        }
        let how = &mut recipe.optimize;
        let of = (&mut how.rule, &mut how.schedule, &mut how.lr);
        set_rule(of, (&self.optimizer, &self.schedule, self.lr))?;
        Ok(recipe)
    }
}

/// Runs the verb.
///
/// # Errors
/// When a setting, the pictures or the weights are not to be had.
pub(super) fn train(args: &TrainArgs, threads: usize) -> Result<i32> {
    let mut told = Told::new(Interrupt::listen()?, measured);
    let folder = (args.out.as_deref(), args.checkpoint_every.unwrap_or_default());
    tell(train::run(&args.recipe()?, folder, threads, &Terminal, &mut told)?, args.json)
}

/// Runs the verb.
///
/// # Errors
/// When the folder is no run, or its pictures are others.
pub(super) fn resume(args: &ResumeArgs, threads: usize) -> Result<i32> {
    if !args.run.is_dir() {
        bail!("there is no folder {}", args.run.display());
    }
    let mut told = Told::new(Interrupt::listen()?, measured);
    let every = args.checkpoint_every.unwrap_or_default();
    tell(train::resume(&args.run, every, threads, &Terminal, &mut told)?, args.json)
}

/// Says how a training ended.
fn tell(ended: Ended, json: bool) -> Result<i32> {
    let summary = match ended {
        Ended::Done(summary) => summary,
        Ended::Interrupted { run } => {
            note(format_args!("interrupted; to go on: taper detect resume {}", shell(&run)));
            return Ok(EXIT_CODE);
        }
    };
    if json {
        regardless(line(serde_json::to_string(&*summary)?))?;
        return Ok(0);
    }
    for text in lines(&summary.last, &summary.classes) {
        regardless(line(text))?;
    }
    let seconds = summary.seconds.total;
    regardless(line(format_args!("{:.0} s, {:.1} pictures/s in training", seconds, summary.images_per_second)))?;
    regardless(line(format_args!("the run: {}", summary.run.display())))?;
    Ok(0)
}
