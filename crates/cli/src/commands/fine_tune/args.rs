//! Flags over a recipe.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::conflicts::{Given, refuse, with};
use super::flags::{Flags, preset};
use super::telling::Telling;
use taper_trainer::files;
use taper_trainer::recipe::{Preset, Read, Recipe, RecipeError, ScheduleRecipe, TransformRecipe};
use taper_trainer::store::checkpoint::Every;
use taper_trainer::store::origin;
use taper_trainer::study::budget::Length;

use crate::commands::strict::Strict;
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
    /// One setting of the recipe by its place, such as optimize.epochs=20 or augment.train=[]; over
    /// recipe and flags, in the order given
    #[arg(long, value_name = "PLACE=VALUE", hide_short_help = true)]
    set: Vec<String>,
    #[command(flatten)]
    flags: Flags,
    /// Shorten the training so that it takes no longer, such as 90s, 10m, 2h; the recipe in the run
    /// folder has the epochs that fit
    #[arg(long, value_name = "TIME", help_heading = "Plan", hide_short_help = true)]
    pub(in crate::commands) max_time: Option<Length>,
    /// Let the rate fall to zero M times in the last phase and keep each of these networks: an
    /// ensemble from one training
    #[arg(long, value_name = "M", help_heading = "Schedule", hide_short_help = true, conflicts_with_all = with("snapshots"), value_parser = clap::value_parser!(u64).range(2..))]
    snapshots: Option<u64>,
    /// Probability that a rectangle of a picture is erased [default: 0]
    #[arg(long, value_name = "P", help_heading = "Augmentation", hide_short_help = true)]
    erasing: Option<f64>,
    /// Side of a square that is cut out of every picture [default: none]
    #[arg(long, value_name = "PIXELS", help_heading = "Augmentation", hide_short_help = true)]
    cutout: Option<u32>,
    #[command(flatten, next_help_heading = "Data")]
    pub(in crate::commands) strict: Strict,
    /// The run folder [default: the first free runs/NAME-N]
    #[arg(long, value_name = "RUN", help_heading = "Output")]
    pub(in crate::commands) out: Option<PathBuf>,
    /// Write down where the training stands after so many steps (200) or minutes (5m), beside the
    /// ends of epochs: what `taper resume` goes on with
    /// [default: at the ends of epochs that are ten seconds apart]
    #[arg(long, value_name = "STEPS|MINUTESm", help_heading = "Output", hide_short_help = true)]
    pub(in crate::commands) checkpoint_every: Option<Every>,
    /// Let ranks of one training (mpirun, srun) have other instruction sets; the bits are then not
    /// promised
    #[arg(long, help_heading = "Plan", hide_short_help = true)]
    pub(in crate::commands) mixed: bool,
    #[command(flatten)]
    pub(in crate::commands) telling: Telling,
    /// Print summary.json at the end
    #[arg(long, help_heading = "Output", hide_short_help = true)]
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

    /// The recipe of the file with the flags over it; what neither says is as in `usual`. Tells
    /// what is called by an old name.
    pub(in crate::commands) fn recipe(&self, usual: &Recipe) -> Result<Recipe> {
        let Read { recipe: begun, renamed } = self.begun(usual)?;
        renamed.iter().for_each(note);
        let Read { recipe, renamed } = self.over(&begun)?;
        renamed.iter().for_each(note);
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
        // A run that was begun before there was a setting did what `Recipe::default` has for it.
        let whole = path.parent().is_some_and(origin::is_run);
        let usual = if whole { &Recipe::default() } else { usual };
        let mut read = Read::over(usual, &files::text(path).map_err(RecipeError::Unreadable)?, path)?;
        if let Some(folder) = path.parent() {
            origin::settle(folder, &mut read.recipe);
        }
        Ok(read)
    }

    /// The recipe with all flags over it.
    fn over(&self, begun: &Recipe) -> Result<Read, RecipeError> {
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::verbs::{Cli, Verb};
    use taper_trainer::recipe::{Takes, fields, settings};

    /// The recipe that a line asks for.
    fn asked(line: &str) -> Result<Recipe> {
        let cli = Cli::try_parse_from(["taper"].into_iter().chain(line.split(' ')))?;
        match cli.verb {
            Verb::FineTune(args) => args.run.recipe(&args.preset.recipe(&Recipe::default())),
            Verb::Train(args) => args.run.recipe(&Recipe::from_scratch()),
            _ => unreachable!(),
        }
    }

    fn refused(line: &str) -> String {
        format!("{:#}", asked(line).unwrap_err())
    }

    #[test]
    fn every_flag_sets_its_setting() {
        let usual = asked("fine-tune x").unwrap();
        let mut seen = 0;
        for field in fields() {
            let Some(flag) = field.flag() else { continue };
            let value = match field.takes {
                Takes::Choice(choices) => choices.last().unwrap().name,
                // Not what is usual.
                Takes::Named(names) => names[if field.place == "optimize.average" { 1 } else { 2 }],
                Takes::Transforms => "hflip,jpeg",
                Takes::Clip => "value",
                Takes::Stages(_) => "none",
                Takes::Text | Takes::Path => "fire4-5",
                Takes::Switch => continue,
                Takes::Number(_) | Takes::LrScale => match field.place {
                    place if place.starts_with("data.") || place == "optimize.epochs" => "48",
                    "optimize.head_lr_scale" => "0.0005",
                    _ if field.range().is_some_and(|range| range.takes(&toml::Value::Float(0.25))) => "0.25",
                    _ => "3",
                },
            };
            let value = if field.place == "data.val_fraction" { "0.25" } else { value };
            let cli = Cli::try_parse_from(["taper", "fine-tune", "x", &format!("--{flag}"), value]).unwrap();
            let Verb::FineTune(args) = cli.verb else { unreachable!() };
            let told = |recipe: &Recipe| settings(&toml::Table::try_from(recipe).unwrap());
            let (before, now) = (told(&usual), told(&args.run.over(&usual).unwrap().recipe));
            let changed = now.into_iter().filter(|setting| !before.contains(setting)).map(|(place, _)| place);
            let changed: Vec<String> = changed.collect();
            // A rule that is named brings its rate.
            let expected = |place: &String| place == field.place || place == "optimize.lr" && flag == "optimizer";
            assert!(
                changed.contains(&field.place.to_owned()) && changed.iter().all(expected),
                "--{flag} {value}: {changed:?}"
            );
            seen += 1;
        }
        assert!(seen > 35, "{seen}");
    }

    #[test]
    fn learning_rates_become_scales() {
        let o = asked("fine-tune x --lr 0.5 --head-lr 0.25 --backbone-lr 0.125").unwrap().optimize;
        assert_eq!((o.lr, o.head_lr_scale, o.backbone_lr_scale), (0.5, 0.5, 0.25));
        let lion = asked("fine-tune x --optimizer lion --head-lr 0.0005").unwrap().optimize;
        assert_eq!((lion.lr, lion.head_lr_scale), (lion.rule.usual_lr(), 1.0));
        // The name of before.
        assert_eq!(asked("fine-tune x --rate 0.5").unwrap().optimize.lr, 0.5);
        assert!(refused("fine-tune x --rate=-1").contains("optimize.lr must be a positive number"));
    }

    #[test]
    fn stages_are_frozen_by_name() {
        let frozen = |line: &str| asked(line).unwrap().optimize.frozen_stages.to_string();
        for (line, wanted) in [
            ("fine-tune x --head-epochs 1", "1"),
            ("fine-tune x --freeze none", "none"),
            ("fine-tune x --freeze fire4-5", "fire4-5"),
            ("fine-tune x --freeze fire4-5 --set optimize.frozen_stages=2", "2"),
            // Of the network that is asked for, as far as it is used.
            ("train x --model resnet18 --freeze layer1", "layer1"),
            ("fine-tune x --model vgg16 --head own --freeze fc6", "fc6"),
            ("fine-tune x --model vgg16 --cut fc6 --freeze fc6", "fc6"),
        ] {
            assert_eq!(frozen(line), wanted, "{line}");
        }
        let said = refused("fine-tune x --freeze fire4");
        assert!(said.contains("optimize.frozen_stages must be a stage of the network, nearest first one of fire4-5, "));
        assert!(!refused("fine-tune x --cut fire2-3 --freeze fire4-5").contains("fire4-5,"));
        // Without its own head the network ends in the map before them.
        assert!(refused("fine-tune x --model vgg16 --freeze fc6").contains("one of conv"));
        let said = refused("fine-tune x --set optimize.frozen_stages=9");
        assert!(said.contains("at most 4, the stages of the network (stem, "), "{said}");
    }

    #[test]
    fn gradients_are_clipped_by_a_number_or_a_name() {
        use taper_trainer::recipe::ClipRecipe::{GlobalNorm, None, Value};
        let clip = |text: &str| asked(&format!("fine-tune x --clip {text}")).unwrap().optimize.clip;
        assert_eq!(
            (clip("2"), clip("none"), clip("value")),
            (GlobalNorm { limit: 2.0 }, None {}, Value { limit: 0.5 })
        );
        assert!(refused("fine-tune x --clip sometimes").contains("adaptive"));
        assert!(refused("fine-tune x --clip 0").contains("optimize.clip.limit must be a positive number"));
    }

    #[test]
    fn flags_that_leave_nothing_to_do_are_refused() {
        for (line, words) in [
            ("--snapshots 2 --schedule cosine", ["--snapshots", "--schedule"]),
            ("--snapshots 4 --epochs 6", ["optimize.epochs", "epochs = 6, snapshots = 4"]),
            ("--plan auto --head own", ["head.kind", "--plan auto"]),
            ("--plan auto --cut stem", ["cut", "finds the stage"]),
            ("--plan probe --optimizer lbfgs --schedule one_cycle", ["optimize.schedule", "line search"]),
            ("--members 0", ["--members", "members must be from 1 to 1000"]),
            ("--seed 9223372036854775808", ["seed", "9223372036854775807"]),
            ("--epochs some", ["--epochs", "no whole number"]),
        ] {
            let said = refused(&format!("fine-tune x {line}"));
            assert!(words.iter().all(|word| said.contains(word)), "{line}: {said}");
        }
        assert!(refused("train x --plan auto").contains("one of its own"));
    }
}
