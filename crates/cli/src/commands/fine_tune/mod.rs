//! `taper fine-tune`, the main job, and `taper train`: the same with random weights.

mod args;
mod conflicts;
mod damaged;
mod ending;
mod flags;
mod lr_find;
mod members;
mod resume;
mod telling;
mod together;

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use taper_data::{Dataset, Look};

pub use self::args::{FineTuneArgs, TrainArgs};
pub use self::lr_find::{LrFindArgs, lr_find};
pub use self::resume::{ResumeArgs, resume};

pub(super) use self::args::RunArgs;
use self::damaged::look;
use self::ending::tell;
pub(super) use self::flags::preset;
use self::telling::Telling;
use crate::output::note;
use crate::terminal::Terminal;
use taper_trainer::fit::FeatureCache;
use taper_trainer::ranks::Ranks;
use taper_trainer::recipe::Recipe;
use taper_trainer::store::claim::{self, RunFolder};
use taper_trainer::store::ledger::Ledger;
use taper_trainer::store::pictures::Pictures;
use taper_trainer::study::advise::advise;
use taper_trainer::study::budget::{Length, within};
use taper_trainer::study::run::{Manner, Run};

/// Runs the verb.
///
/// # Errors
/// Says what was wrong, where, and what to do; a run folder that was begun keeps what was whole.
pub fn fine_tune(args: &FineTuneArgs, threads: usize, ranks: &dyn Ranks) -> Result<i32> {
    run(&args.run, &args.run.recipe(&args.preset.recipe(&Recipe::default()))?, threads, ranks)
}

/// Runs the verb.
///
/// # Errors
/// As [`fine_tune`].
pub fn train(args: &TrainArgs, threads: usize, ranks: &dyn Ranks) -> Result<i32> {
    run(&args.run, &args.run.recipe(&Recipe::from_scratch())?, threads, ranks)
}

fn run(args: &RunArgs, recipe: &Recipe, threads: usize, ranks: &dyn Ranks) -> Result<i32> {
    let start = Instant::now();
    let manner = Telling::manner(threads, args.checkpoint_every.unwrap_or_default());
    let manner = Manner { ranks, mixed: args.mixed, ..manner };
    let recipe = &together::sharded(recipe, ranks, args.max_time.is_some())?;
    if ranks.rank() > 0 {
        return together::assist(manner, args.strict.policy());
    }
    // What measures before it trains is not begun again for a damaged picture.
    let glance = !args.auto() && args.max_time.is_none();
    let look = if glance { look(recipe) } else { Look::Decode };
    let known = Ledger::default();
    let pictures = Pictures::open_again(recipe, args.strict.policy(), (&known, look), &Terminal)?;
    let (measured, pictures) = damaged::measured(recipe, pictures, args.strict.policy(), threads)?;
    let recipe = &measured;
    let advised = args.auto().then(|| advised(recipe, &pictures.train, threads)).transpose()?;
    let recipe = advised.as_ref().unwrap_or(recipe);
    recipe.check()?;
    let cache = FeatureCache::default();
    let left = args.max_time.map(|Length(time)| time.saturating_sub(start.elapsed()));
    let fitted = left.map(|left| within(left, recipe, &pictures, threads, (&cache, &Terminal))).transpose()?;
    let recipe = fitted.as_ref().unwrap_or(recipe);
    let create = || Ok(RunFolder::create(args.out.as_deref(), &claim::name(recipe), &Terminal)?);
    if recipe.members > 1 {
        return members::begin(recipe, &pictures, manner, create, (args.telling, args.json));
    }
    together::tell(ranks, recipe, &pictures)?;
    let mut run = Run::new(recipe, &pictures, manner)?.since(start);
    if fitted.is_some() {
        // What was computed to measure the time is not computed again.
        run = run.sharing(&cache);
    }
    let folder = create()?;
    let of = (recipe, &pictures, args.strict.policy());
    let (trained, anew) = damaged::train(|run, folder| args.telling.train(run, folder), run, &folder, of)?;
    tell(&trained, folder.path(), anew.as_ref().unwrap_or(&pictures), args.telling.form(args.json))
}

/// The recipe with the plan that its pictures ask for; tells why.
fn advised(recipe: &Recipe, train: &Arc<dyn Dataset>, threads: usize) -> Result<Recipe> {
    let advice = advise(recipe, train, threads, &Terminal)?;
    for reason in advice.reasons() {
        note(reason);
    }
    note(format_args!("so: {}", advice.flags()));
    Ok(advice.follow(recipe))
}
