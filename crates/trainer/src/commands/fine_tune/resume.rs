//! `taper resume`: a run goes on where it was broken off.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::telling::Telling;
use super::{members, tell};
use crate::checkpoint::{Checkpoints, Every};
use crate::output::{line, regardless};
use crate::pictures::Pictures;
use crate::recipe::Recipe;
use crate::run::{Run, SUMMARY};

/// Go on with a run that was broken off: it ends as if it had never stopped, to the bit.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper resume runs/pictures-1\n  taper resume runs/pictures-1 --checkpoint-every 5m\n\nThe pictures must lie where they lay, and be the same. A run goes on from its last whole checkpoint; without one it begins again."
)]
pub struct ResumeArgs {
    /// A run folder
    run: PathBuf,
    /// Write down where the training stands after so many steps (200) or minutes (5m), beside the ends of epochs
    #[arg(long, value_name = "STEPS|MINUTESm")]
    checkpoint_every: Option<Every>,
    #[command(flatten)]
    telling: Telling,
    /// Stop at the first picture that cannot be read
    #[arg(long)]
    strict: bool,
    /// Print summary.json at the end
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
///
/// # Errors
/// When the folder is no run's, or the pictures are others; and as for a run.
pub fn resume(args: &ResumeArgs, threads: usize) -> Result<i32> {
    let (start, folder) = (Instant::now(), &args.run);
    if !folder.join("recipe.toml").is_file() {
        bail!("{} is no run: it has no recipe.toml", folder.display());
    }
    let every = args.checkpoint_every.unwrap_or_default();
    if folder.join(SUMMARY).is_file() {
        Checkpoints::new(folder, every, String::new()).clear()?;
        regardless(line(format_args!("{} is at its end: there is nothing to go on with", folder.display())))?;
        return Ok(0);
    }
    let recipe = &Recipe::read(&folder.join("recipe.toml"))?;
    recipe.check().with_context(|| folder.join("recipe.toml").display().to_string())?;
    let pictures = Pictures::open(recipe, args.strict)?;
    let manner = args.telling.manner(threads, every);
    if recipe.members > 1 {
        return members::train(recipe, &pictures, manner, folder, args.telling.form(args.json));
    }
    tell(
        &Run::new(recipe, &pictures, manner)?.since(start).go_on(folder)?,
        folder,
        &pictures,
        args.telling.form(args.json),
    )
}
