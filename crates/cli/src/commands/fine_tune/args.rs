//! Flags over a recipe.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::builder::PossibleValuesParser;

use super::conflicts::{leaves_a_choice, snapshots_end_with_epochs};
use super::telling::Telling;
use crate::choices;
use taper_trainer::files;
use taper_trainer::recipe::{
    AugmentRecipe, AverageRecipe, Balance, HeadKind, MOST_SEED, OptimizeRecipe, Plan, PrecisionRecipe, Preset, Recipe,
    RecipeError, Rule, ScheduleRecipe, TransformRecipe,
};
use taper_trainer::store::checkpoint::Every;
use taper_trainer::store::origin;
use taper_trainer::study::budget::Length;

/// Fine-tune a pretrained network on a folder of pictures.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper fine-tune pictures\n  taper fine-tune pictures --preset quick --out runs/first\n  taper fine-tune pictures --model resnet50 --head own\n  taper fine-tune -c runs/first/recipe.toml --seed 1\n  taper fine-tune pictures --set optimize.warmup=0.1 --set optimize.schedule=cosine\n  taper fine-tune pictures --optimizer lion --schedule cosine_restarts --average ema\n  taper fine-tune pictures --plan probe --optimizer lbfgs\n\nDATA holds train/<class>/* and val/<class>/*, or <class>/* to be split by --seed.\nJPEG, PNG, WebP, GIF, BMP, TIFF, ICO, QOI and PNM are read.\n\nA recipe has the settings of optimizer, schedule and average: rule = { name = \"lion\", beta2 = 0.98 } in [optimize].\nlbfgs solves the head of --plan probe in full batch, on pictures that are not augmented."
)]
pub struct FineTuneArgs {
    /// How long it may take; recipe and flags change it
    #[arg(long, value_parser = choices::preset(), default_value = "default")]
    pub(super) preset: Preset,
    #[command(flatten)]
    pub(super) run: RunArgs,
}

/// Train a network with random weights: on a data set that is large enough for it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper train fashion-mnist\n  taper train pictures --model resnet18 --image-size 96 --epochs 60\n  taper train -c runs/fashion-mnist-1/recipe.toml --seed 1\n\nDATA holds the four IDX files of MNIST or Fashion-MNIST (train-images-idx3-ubyte, ..., plain or .gz), or class folders as\nfor fine-tune. The defaults are for pictures of 28x28; for such there are the models small_cnn, resnet18_small and\nresnet18_narrow, for larger ones all that `taper models list` names."
)]
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
    #[arg(long, value_name = "PLACE=VALUE")]
    set: Vec<String>,
    /// The network [default: squeezenet1_1; from scratch small_cnn]
    #[arg(long)]
    model: Option<String>,
    /// A file in place of the model's own weights: safetensors, or a state dict of PyTorch's
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Take of that file what fits, and begin the rest anew
    #[arg(long)]
    partial: bool,
    /// The last stage of the network that is used, by name [default: all]
    #[arg(long, value_name = "STAGE")]
    cut: Option<String>,
    /// Which layers are trained after the head; auto does as taper advise says [default: full]
    #[arg(long, value_name = "PLAN", value_parser = PlanChoice::parser())]
    plan: Option<PlanChoice>,
    /// Show the frozen stages N variants of each picture, once: the picture and augmented ones; 0 for new ones in every epoch [default: 1
    /// with --plan probe, else 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=1000))]
    variants: Option<u32>,
    /// Seed of every random stream [default: 0]
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=MOST_SEED))]
    seed: Option<u64>,
    /// Train N networks, with seeds from SEED on, and measure them together [default: 1]
    #[arg(long, value_name = "N")]
    members: Option<usize>,
    /// Let the rate fall to zero M times in the last phase and keep each of these networks: an ensemble from one training
    #[arg(long, value_name = "M", conflicts_with = "schedule", value_parser = clap::value_parser!(u64).range(2..))]
    snapshots: Option<u64>,
    /// Epochs with the head alone
    #[arg(long)]
    head_epochs: Option<usize>,
    /// Epochs after that
    #[arg(long)]
    epochs: Option<usize>,
    /// The update rule [default: adamw]
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(Rule::NAMES))]
    optimizer: Option<String>,
    /// The course of the learning rate over each phase [default: one_cycle]
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(ScheduleRecipe::NAMES))]
    schedule: Option<String>,
    /// The average of the weights that is validated and left [default: none]
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(AverageRecipe::NAMES))]
    average: Option<String>,
    /// Batches whose mean gradient makes one step [default: 1]
    #[arg(long, value_name = "K")]
    accumulate: Option<usize>,
    /// What convolutions are computed in [default: f32]
    #[arg(long, value_parser = choices::precision(), value_name = "TYPE")]
    precision: Option<PrecisionRecipe>,
    /// Peak learning rate of the head [default: what is usual for the optimizer]
    #[arg(long, value_name = "RATE")]
    rate: Option<f64>,
    /// Mix pictures with mixup: its alpha, 0.2 is usual [default: 0]
    #[arg(long, value_name = "ALPHA")]
    mixup: Option<f64>,
    /// Mix pictures with CutMix: its alpha, 1 is usual [default: 0]
    #[arg(long, value_name = "ALPHA")]
    cutmix: Option<f64>,
    /// What is done to pictures in training: names with their defaults, or none [default: as in a recipe]
    #[arg(long, value_name = "NAMES")]
    augment: Option<AugmentRecipe>,
    /// Probability that a rectangle of a picture is erased [default: 0]
    #[arg(long, value_name = "P")]
    erasing: Option<f64>,
    /// Side of a square that is cut out of every picture [default: none]
    #[arg(long, value_name = "PIXELS")]
    cutout: Option<u32>,
    /// Part of the target spread over all classes [default: 0.1]
    #[arg(long, value_name = "FRACTION")]
    label_smoothing: Option<f64>,
    /// Decay of weights [default: 0.01]
    #[arg(long, value_name = "DECAY")]
    weight_decay: Option<f64>,
    /// L1 penalty, by a proximal step [default: 0]
    #[arg(long, value_name = "FACTOR")]
    l1: Option<f64>,
    /// L2 penalty, in the gradient [default: 0]
    #[arg(long, value_name = "FACTOR")]
    l2: Option<f64>,
    /// The longest that the weights of a unit may be [default: any length]
    #[arg(long, value_name = "LENGTH")]
    max_norm: Option<f64>,
    /// What the head is made of [default: concat_pool]
    #[arg(long, value_parser = choices::head(), value_name = "KIND")]
    head: Option<HeadKind>,
    /// How many of the last linear layers of the network's own head begin anew [default: 1]
    #[arg(long, value_name = "N")]
    fresh: Option<usize>,
    /// Dropout of the head before the classes [default: 0.5]
    #[arg(long, value_name = "P")]
    dropout: Option<f64>,
    /// Probability that a weight of the head's hidden layer is forgotten (DropConnect) [default: 0]
    #[arg(long, value_name = "P")]
    drop_connect: Option<f64>,
    /// Probability that the last residual block is left out, 0.5 is usual; for the ResNets [default: 0]
    #[arg(long, value_name = "P")]
    stochastic_depth: Option<f64>,
    /// Pool over random regions, by a ratio of 1 to 2; for small_cnn [default: max pooling]
    #[arg(long, value_name = "RATIO")]
    fractional_pooling: Option<f64>,
    /// Epochs without a lower validation loss after which a phase ends with its best network [default: never]
    #[arg(long, value_name = "EPOCHS")]
    patience: Option<usize>,
    /// What is done about classes of different sizes [default: none]
    #[arg(long, value_parser = choices::balance(), value_name = "HOW")]
    balance: Option<Balance>,
    /// Pictures in a batch
    #[arg(long)]
    batch_size: Option<usize>,
    /// Side of the square that the network sees, pixels
    #[arg(long, value_name = "PIXELS")]
    image_size: Option<u32>,
    /// Shorten the training so that it takes no longer, such as 90s, 10m, 2h; the recipe in the run folder has the epochs that fit
    #[arg(long, value_name = "TIME")]
    pub(in crate::commands) max_time: Option<Length>,
    /// Write down where the training stands after so many steps (200) or minutes (5m), beside the ends of epochs: what `taper resume` goes
    /// on with [default: at the ends of epochs that are ten seconds apart]
    #[arg(long, value_name = "STEPS|MINUTESm")]
    pub(in crate::commands) checkpoint_every: Option<Every>,
    /// The run folder [default: the first free runs/NAME-N]
    #[arg(long, value_name = "RUN")]
    pub(in crate::commands) out: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::commands) telling: Telling,
    /// Stop at the first picture that cannot be read
    #[arg(long)]
    pub(in crate::commands) strict: bool,
    /// Print summary.json at the end
    #[arg(long)]
    pub(in crate::commands) json: bool,
}

/// A setting as a line of TOML; a value that is none is text.
fn said(setting: &str) -> Result<String> {
    let Some((place, value)) = setting.split_once('=') else {
        bail!(RecipeError::Field {
            field: "--set",
            wanted: "PLACE=VALUE, such as optimize.rate=1e-3",
            got: setting.into()
        });
    };
    let plain = format!("{place} = {value}");
    let is_value = format!("x = {value}").parse::<toml::Table>().is_ok();
    Ok(if is_value { plain } else { format!("{place} = {}", toml::Value::String(value.trim().to_owned())) })
}

/// A plan, or the one that the pictures ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PlanChoice {
    Auto,
    Of(Plan),
}

impl PlanChoice {
    fn parser() -> impl clap::builder::TypedValueParser<Value = Self> {
        choices::plan((Self::Auto, "As `taper advise` says"), Self::Of)
    }
}

impl RunArgs {
    /// Whether the pictures are to say which layers are trained.
    pub(in crate::commands) fn auto(&self) -> bool {
        self.plan == Some(PlanChoice::Auto)
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

    /// The recipe of the file with the flags over it; what neither says is as in `usual`.
    pub(in crate::commands) fn recipe(&self, usual: &Recipe) -> Result<Recipe> {
        let (text, path) = match &self.recipe {
            None => (String::new(), Path::new("")),
            Some(path) => (files::text(path).map_err(RecipeError::Unreadable)?, path.as_path()),
        };
        // Asked for by flag, full batch turns off what noise nobody has asked for.
        let usual = if self.optimizer.as_deref() == Some("lbfgs") { &usual.quiet() } else { usual };
        let mut recipe = Recipe::parse_over(usual, &text, path)?;
        if let Some(folder) = path.parent() {
            origin::settle(folder, &mut recipe);
        }
        self.choose(&mut recipe.optimize)?;
        fn put<T: Clone>(field: &mut T, flag: &Option<T>) {
            if let Some(value) = flag {
                *field = value.clone();
            }
        }
        put(&mut recipe.data.path, &self.data);
        put(&mut recipe.model, &self.model);
        if let Some(PlanChoice::Of(plan)) = self.plan {
            recipe.plan = plan;
        }
        put(&mut recipe.seed, &self.seed);
        put(&mut recipe.members, &self.members);
        if let Some(cycles) = self.snapshots {
            recipe.optimize.schedule = ScheduleRecipe::SnapshotCycles { cycles };
        }
        put(&mut recipe.optimize.head_epochs, &self.head_epochs);
        put(&mut recipe.optimize.epochs, &self.epochs);
        put(&mut recipe.optimize.accumulate, &self.accumulate);
        put(&mut recipe.optimize.precision, &self.precision);
        put(&mut recipe.optimize.rate, &self.rate);
        put(&mut recipe.head.kind, &self.head);
        put(&mut recipe.head.fresh, &self.fresh);
        put(&mut recipe.head.dropout, &self.dropout);
        put(&mut recipe.head.drop_connect, &self.drop_connect);
        put(&mut recipe.augment, &self.augment);
        for hidden in [self.erasing.map(TransformRecipe::erasing), self.cutout.map(TransformRecipe::cutout)] {
            hidden.into_iter().for_each(|transform| recipe.augment.put(transform));
        }
        let r = &mut recipe.regularize;
        for (field, flag) in [
            (&mut r.mixup, &self.mixup),
            (&mut r.cutmix, &self.cutmix),
            (&mut r.label_smoothing, &self.label_smoothing),
            (&mut r.weight_decay, &self.weight_decay),
            (&mut r.l1, &self.l1),
            (&mut r.l2, &self.l2),
            (&mut r.max_norm, &self.max_norm),
            (&mut r.stochastic_depth, &self.stochastic_depth),
            (&mut r.fractional_pooling, &self.fractional_pooling),
        ] {
            put(field, flag);
        }
        put(&mut r.patience, &self.patience);
        put(&mut recipe.data.balance, &self.balance);
        put(&mut recipe.data.batch_size, &self.batch_size);
        put(&mut recipe.data.image_size, &self.image_size);
        recipe.cut = self.cut.clone().or(recipe.cut);
        recipe.data.variants = self.variants.or(recipe.data.variants);
        recipe.weights = self.weights.clone().or(recipe.weights);
        recipe.partial |= self.partial;
        for setting in &self.set {
            recipe = Recipe::parse_over(&recipe, &said(setting)?, Path::new("--set"))?;
        }
        if recipe.data.path.as_os_str().is_empty() {
            let (field, wanted) = ("data.path", "a folder of pictures, behind the verb: DATA");
            return Err(RecipeError::Field { field, wanted, got: "nothing".into() }.into());
        }
        match &self.recipe {
            Some(path) => recipe.check().with_context(|| format!("{} with these flags", path.display()))?,
            None => recipe.check()?,
        }
        if self.snapshots.is_some() {
            snapshots_end_with_epochs(&recipe)?;
        }
        if self.auto() {
            leaves_a_choice(&recipe)?;
        }
        Ok(recipe)
    }

    /// Puts what the flags name in the place of what the recipe has, unless it has that already, with settings.
    fn choose(&self, o: &mut OptimizeRecipe) -> Result<()> {
        if let Some(name) = self.optimizer.as_ref().filter(|name| *name != o.rule.name()) {
            o.rule = Rule::named(name)?;
            // A rate suits the rule that it was chosen for.
            o.rate = o.rule.usual_rate();
        }
        if let Some(name) = self.schedule.as_ref().filter(|name| *name != o.schedule.name()) {
            o.schedule = ScheduleRecipe::named(name)?;
        }
        if let Some(name) = self.average.as_ref().filter(|name| *name != o.average.name()) {
            o.average = AverageRecipe::named(name)?;
        }
        if let (Rule::Lbfgs(_), Some(name)) = (o.rule, &self.schedule) {
            let wanted = "left alone with the rule lbfgs: a line search finds the length of its steps";
            return Err(RecipeError::Field { field: "optimize.schedule", wanted, got: name.clone() }.into());
        }
        Ok(())
    }
}
