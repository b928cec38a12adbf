//! One training of several processes: the first opens the pictures and makes the recipe, and tells
//! the others, which train with it and write nothing.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use taper_data::Look;
use taper_trainer::ranks::{Ranks, RanksError, broadcast, require_one};
use taper_trainer::recipe::Recipe;
use taper_trainer::store::ledger::Ledger;
use taper_trainer::store::pictures::Pictures;
use taper_trainer::store::readable::Unreadable;
use taper_trainer::study::run::{Manner, Run};

use crate::interrupt::Interrupt;
use crate::output::note;
use crate::terminal::Terminal;

/// Shards of a batch that several processes take where none are asked for.
const SHARDS: usize = 8;

/// What the others need of the first.
#[derive(Deserialize, Serialize)]
struct Setup {
    /// As TOML.
    recipe: String,
    /// What is in the files of pictures, which need not be read again where they are the same.
    ledger: Ledger,
}

/// The recipe with batches in shards, where several processes are to train. Refuses what one does
/// alone.
pub(super) fn sharded(recipe: &Recipe, ranks: &dyn Ranks, max_time: bool) -> Result<Recipe> {
    let (mut recipe, size) = (recipe.clone(), ranks.size());
    require_shared(&recipe, ranks)?;
    if max_time {
        require_one("--max-time, which measures how long one takes,", ranks)?;
    }
    if size > 1 && recipe.optimize.shards == 0 {
        recipe.optimize.shards = SHARDS;
        recipe.check()?;
    }
    Ok(recipe)
}

/// Refuses what one process does alone.
pub(super) fn require_shared(recipe: &Recipe, ranks: &dyn Ranks) -> Result<(), RanksError> {
    if recipe.members > 1 { require_one("a run of several members", ranks) } else { Ok(()) }
}

/// Tells the others what is to be trained on what.
pub(super) fn tell(ranks: &dyn Ranks, recipe: &Recipe, pictures: &Pictures) -> Result<()> {
    if ranks.size() > 1 {
        note(format_args!("{} ranks, {} shards of a batch", ranks.size(), recipe.optimize.shards));
        let setup = Setup { recipe: toml::to_string(recipe)?, ledger: Ledger::clone(&pictures.ledger) };
        broadcast(ranks, serde_json::to_vec(&setup)?)?;
    }
    Ok(())
}

/// Tells the others that there is nothing to do.
pub(super) fn dismiss(ranks: &dyn Ranks) -> Result<()> {
    if ranks.size() > 1 {
        broadcast(ranks, Vec::new())?;
    }
    Ok(())
}

/// Trains what the first process says, with it; and again where a picture is damaged.
pub(super) fn assist(manner: Manner<'_>, policy: Unreadable) -> Result<i32> {
    loop {
        let told = broadcast(manner.ranks, Vec::new())?;
        if told.is_empty() {
            return Ok(0);
        }
        let Setup { recipe, ledger } = serde_json::from_slice(&told).context("what rank 0 says is no recipe")?;
        let recipe = Recipe::parse(&recipe, "the recipe of rank 0".as_ref())?;
        let pictures = Pictures::open_again(&recipe, policy, (&ledger, Look::Glance), &Terminal)?;
        match Run::new(&recipe, &pictures, manner)?.assist(&mut [&mut Interrupt]) {
            Err(error) if error.is_damage() => {}
            assisted => return Ok(assisted.map(|()| 0)?),
        }
    }
}
