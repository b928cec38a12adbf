//! `taper resume`: a run goes on where it was broken off.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::damaged::{self, look};
use super::ending::tell;
use super::members;
use super::telling::Telling;
use super::together;
use crate::commands::strict::Strict;
use crate::output::{line, regardless};
use crate::terminal::Terminal;
use taper_trainer::ranks::Ranks;
use taper_trainer::store::checkpoint::{Checkpoints, Every};
use taper_trainer::store::claim::RunFolder;
use taper_trainer::store::ledger::Ledger;
use taper_trainer::store::origin;
use taper_trainer::store::pictures::Pictures;
use taper_trainer::store::summary::SUMMARY;
use taper_trainer::study::run::{Manner, Run};

/// Go on with a run that was broken off: it ends as if it had never stopped, to the bit.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper resume runs/pictures-1\n  taper resume runs/pictures-1 --checkpoint-every 5m\n\nRecipe, weights and pictures must be those that it was begun with, wherever they lie. A run goes on from its last whole checkpoint; without\none it begins again."
)]
pub struct ResumeArgs {
    /// A run folder
    run: PathBuf,
    /// Write down where the training stands after so many steps (200) or minutes (5m), beside the
    /// ends of epochs
    #[arg(long, value_name = "STEPS|MINUTESm")]
    checkpoint_every: Option<Every>,
    /// Let ranks of one training have other instruction sets; the bits are then not promised
    #[arg(long)]
    mixed: bool,
    #[command(flatten)]
    telling: Telling,
    #[command(flatten)]
    strict: Strict,
    /// Print summary.json at the end
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
///
/// # Errors
/// When the folder is no run's, or the pictures are others; and as for a run.
pub fn resume(args: &ResumeArgs, threads: usize, ranks: &dyn Ranks) -> Result<i32> {
    let (start, folder) = (Instant::now(), &args.run);
    let manner = Telling::manner(threads, args.checkpoint_every.unwrap_or_default());
    let manner = Manner { ranks, mixed: args.mixed, ..manner };
    if ranks.rank() > 0 {
        return together::assist(manner, args.strict.policy());
    }
    if !folder.join("recipe.toml").is_file() {
        bail!(
            "{} is no run: it has no recipe.toml; where one was to be begun there, the command that begins it can be given again",
            folder.display()
        );
    }
    let ended = || folder.join(SUMMARY).is_file();
    // One at its end may lie where nothing can be written.
    let taken = if ended() { None } else { Some(RunFolder::take(folder, &Terminal)?) };
    let Some(taken) = taken.filter(|_| !ended()) else {
        Checkpoints::clear(folder)?;
        together::dismiss(ranks)?;
        regardless(line(format_args!("{} is at its end: there is nothing to go on with", folder.display())))?;
        return Ok(0);
    };
    let recipe = &origin::recipe(folder)?;
    recipe.check().with_context(|| folder.join("recipe.toml").display().to_string())?;
    members::require_all(recipe, folder)?;
    together::require_shared(recipe, ranks)?;
    origin::require_pictures(folder, recipe)?;
    let known = Ledger::read(folder).or_else(|| members::ledger(recipe, folder)).unwrap_or_default();
    let pictures = Pictures::open_again(recipe, args.strict.policy(), (&known, look(recipe)), &Terminal)?;
    if recipe.members > 1 {
        return members::train(recipe, &pictures, manner, &taken, (args.telling, args.json));
    }
    together::tell(ranks, recipe, &pictures)?;
    let run = Run::new(recipe, &pictures, manner)?.since(start);
    let of = (recipe, &pictures, args.strict.policy());
    let (trained, anew) = damaged::train(|run, folder| args.telling.train(run, folder), run, &taken, of)?;
    tell(&trained, folder, anew.as_ref().unwrap_or(&pictures), args.telling.form(args.json))
}
