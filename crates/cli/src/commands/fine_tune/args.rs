//! Flags over a recipe.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::conflicts::{Given, refuse, with};
use super::flags::{Flags, preset};
use super::telling::Telling;
use taper_trainer::build::network::frozen_stages;
use taper_trainer::files;
use taper_trainer::recipe::{Preset, Read, Recipe, RecipeError, ScheduleRecipe, TransformRecipe};
use taper_trainer::store::checkpoint::Every;
use taper_trainer::store::origin;
use taper_trainer::study::budget::Length;

use crate::output::note;

const FEW_EXAMPLES: &str = "\
Examples:
  taper fine-tune pictures
  taper fine-tune pictures --preset quick --out runs/first
--help tells of more flags, and more about these.";

const EXAMPLES: &str = "\
Examples:
  taper fine-tune pictures
  taper fine-tune pictures --preset quick --out runs/first
  taper fine-tune pictures --model resnet50 --head own --freeze none
  taper fine-tune -c runs/first/recipe.toml --seed 1
  taper fine-tune pictures --optimizer lion --schedule cosine --average ema
  taper fine-tune pictures --set optimize.clip=none --set augment.train=[]
  taper fine-tune pictures --plan probe --optimizer lbfgs

DATA holds train/<class>/* and val/<class>/*, or <class>/* to be split by --seed. JPEG, PNG, WebP, GIF, \
BMP, TIFF, ICO, QOI and PNM are read.

A recipe has the settings of optimizer, schedule and average: rule = { name = \"lion\", beta2 = 0.98 } in \
[optimize]. lbfgs solves the head of --plan probe in full batch, on pictures that are not augmented.";

const FEW_EXAMPLES_FROM_SCRATCH: &str = "\
Examples:
  taper train fashion-mnist
  taper train pictures --model resnet18 --image-size 96 --epochs 60
--help tells of more flags, and more about these.";

const EXAMPLES_FROM_SCRATCH: &str = "\
Examples:
  taper train fashion-mnist
  taper train pictures --model resnet18 --image-size 96 --epochs 60
  taper train -c runs/fashion-mnist-1/recipe.toml --seed 1

DATA holds the four IDX files of MNIST or Fashion-MNIST (train-images-idx3-ubyte, ..., plain or .gz), or \
class folders as for fine-tune. The defaults are for pictures of 28x28; for such there are the models \
small_cnn, resnet18_small and resnet18_narrow, for larger ones all that `taper models list` names.";

/// Fine-tune a pretrained network on a folder of pictures.
#[derive(Debug, clap::Args)]
#[command(after_help = FEW_EXAMPLES, after_long_help = EXAMPLES)]
pub struct FineTuneArgs {
    /// How long it may take; recipe and flags change it
    #[arg(long, value_name = "PRESET", value_parser = preset(), default_value = Preset::Default.name())]
    pub(super) preset: Preset,
    #[command(flatten)]
    pub(super) run: RunArgs,
}

/// Train a network with random weights: on a data set that is large enough for it.
#[derive(Debug, clap::Args)]
#[command(after_help = FEW_EXAMPLES_FROM_SCRATCH, after_long_help = EXAMPLES_FROM_SCRATCH)]
pub struct TrainArgs {
    #[command(flatten)]
    pub(super) run: RunArgs,
}

// No documentation, which would take the place of that of the verb.
#[derive(Debug, clap::Args)]
pub(in crate::commands) struct RunArgs {
    /// The folder of pictures; may come from the recipe instead
    data: Option<PathBuf>,
    /// A recipe to start from; flags change it
    #[arg(short = 'c', long = "recipe", value_name = "FILE")]
    recipe: Option<PathBuf>,
    /// One setting of the recipe by its place, such as optimize.epochs=20 or augment.train=[]; over recipe and flags, in the order given
    #[arg(long, value_name = "PLACE=VALUE", hide_short_help = true)]
    set: Vec<String>,
    #[command(flatten)]
    flags: Flags,
    /// Shorten the training so that it takes no longer, such as 90s, 10m, 2h; the recipe in the run folder has the epochs that fit
    #[arg(long, value_name = "TIME", help_heading = "Plan", hide_short_help = true)]
    pub(in crate::commands) max_time: Option<Length>,
    /// Let the rate fall to zero M times in the last phase and keep each of these networks: an ensemble from one training
    #[arg(long, value_name = "M", help_heading = "Schedule", hide_short_help = true, conflicts_with_all = with("snapshots"), value_parser = clap::value_parser!(u64).range(2..))]
    snapshots: Option<u64>,
    /// Probability that a rectangle of a picture is erased [default: 0]
    #[arg(long, value_name = "P", help_heading = "Augmentation", hide_short_help = true)]
    erasing: Option<f64>,
    /// Side of a square that is cut out of every picture [default: none]
    #[arg(long, value_name = "PIXELS", help_heading = "Augmentation", hide_short_help = true)]
    cutout: Option<u32>,
    /// Stop at the first picture that cannot be read
    #[arg(long, help_heading = "Data", hide_short_help = true)]
    pub(in crate::commands) strict: bool,
    /// The run folder [default: the first free runs/NAME-N]
    #[arg(long, value_name = "RUN", help_heading = "Output")]
    pub(in crate::commands) out: Option<PathBuf>,
    /// Write down where the training stands after so many steps (200) or minutes (5m), beside the ends of epochs: what `taper resume` goes
    /// on with [default: at the ends of epochs that are ten seconds apart]
    #[arg(long, value_name = "STEPS|MINUTESm", help_heading = "Output", hide_short_help = true)]
    pub(in crate::commands) checkpoint_every: Option<Every>,
    #[command(flatten)]
    pub(in crate::commands) telling: Telling,
    /// Print summary.json at the end
    #[arg(long, help_heading = "Output")]
    pub(in crate::commands) json: bool,
}

impl RunArgs {
    /// Whether the pictures are to say which layers are trained.
    pub(in crate::commands) fn auto(&self) -> bool {
        self.flags.auto()
    }

    /// Refuses what only a run has a use for.
    pub(in crate::commands) fn makes_no_run(&self) -> Result<(), RecipeError> {
        for (refused, field, got) in [
            (self.out.is_some(), "--out", "a folder"),
            (self.auto(), "plan", "auto"),
            (self.max_time.is_some(), "--max-time", "a time"),
        ] {
            if refused {
                return Err(RecipeError::Field { field, wanted: "left out: no run is made", got: got.into() });
            }
        }
        Ok(())
    }

    /// The recipe of the file with the flags over it; what neither says is as in `usual`. Tells what is called by an old
    /// name.
    pub(in crate::commands) fn recipe(&self, usual: &Recipe) -> Result<Recipe> {
        let Read { recipe: begun, renamed } = self.begun(usual)?;
        renamed.iter().for_each(note);
        let Read { mut recipe, renamed } = self.over(&begun, None)?;
        renamed.iter().for_each(note);
        if let Some(stage) = self.flags.name("optimize.frozen_stages") {
            recipe = self.over(&begun, Some(frozen_stages(&recipe, stage)?))?.recipe;
        }
        if recipe.data.path.as_os_str().is_empty() {
            let (field, wanted) = ("data.path", "a folder of pictures, behind the verb: DATA");
            return Err(RecipeError::Field { field, wanted, got: "nothing".into() }.into());
        }
        match &self.recipe {
            Some(path) => recipe.check().with_context(|| format!("{} with these flags", path.display()))?,
            None => recipe.check()?,
        }
        refuse(&self.given(), &recipe)?;
        Ok(recipe)
    }

    /// What the flags are laid over.
    fn begun(&self, usual: &Recipe) -> Result<Read> {
        // Asked for by flag, full batch turns off what noise nobody has asked for.
        let quiet = self.flags.name("optimize.rule") == Some("lbfgs");
        let usual = if quiet { &usual.quiet() } else { usual };
        let Some(path) = &self.recipe else { return Ok(Read { recipe: usual.clone(), renamed: Vec::new() }) };
        let mut read = Read::over(usual, &files::text(path).map_err(RecipeError::Unreadable)?, path)?;
        if let Some(folder) = path.parent() {
            origin::settle(folder, &mut read.recipe);
        }
        Ok(read)
    }

    /// The recipe with all flags over it, in which so many stages are frozen.
    fn over(&self, begun: &Recipe, frozen_stages: Option<usize>) -> Result<Read, RecipeError> {
        let mut recipe = self.flags.over(begun)?;
        if let Some(path) = &self.data {
            recipe.data.path.clone_from(path);
        }
        if let Some(cycles) = self.snapshots {
            recipe.optimize.schedule = ScheduleRecipe::SnapshotCycles { cycles };
        }
        for hidden in [self.erasing.map(TransformRecipe::erasing), self.cutout.map(TransformRecipe::cutout)] {
            hidden.into_iter().for_each(|transform| recipe.augment.put(transform));
        }
        recipe.optimize.frozen_stages = frozen_stages.unwrap_or(recipe.optimize.frozen_stages);
        self.set.iter().try_fold(Read { recipe, renamed: Vec::new() }, |before, setting| {
            let mut read = Read::set(&before.recipe, setting)?;
            read.renamed.splice(0..0, before.renamed);
            Ok(read)
        })
    }

    /// The flags that want something of the recipe.
    fn given(&self) -> Vec<Given> {
        let given = [
            (Given::Auto, self.auto()),
            (Given::Schedule, self.flags.name("optimize.schedule").is_some()),
            (Given::Snapshots, self.snapshots.is_some()),
        ];
        given.into_iter().filter(|(_, is)| *is).map(|(given, _)| given).collect()
    }
}
