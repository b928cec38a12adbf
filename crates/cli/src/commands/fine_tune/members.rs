//! `--members N`: runs that differ in their seed, and what they say together.

use std::path::Path;

use anyhow::{Result, ensure};

use super::ending::{below_best, interrupted};
use super::telling::{Telling, Trained};
use crate::commands::networks::{Table, rows_of};
use crate::commands::parts::MEMBER;
use crate::output::{line, note};
use crate::remedy::find;
use crate::terminal::Terminal;
use taper_trainer::evaluate::views::Mean;
use taper_trainer::files::{self, json};
use taper_trainer::recipe::Recipe;
use taper_trainer::store::Changed;
use taper_trainer::store::checkpoint::Checkpoints;
use taper_trainer::store::claim::RunFolder;
use taper_trainer::store::ledger::Ledger;
use taper_trainer::store::pictures::Pictures;
use taper_trainer::store::summary::SUMMARY;
use taper_trainer::study::run::{Manner, Run};

/// Begins in the folder that `create` makes once the network of the first has been built.
pub(super) fn begin(
    recipe: &Recipe,
    pictures: &Pictures,
    manner: Manner<'_>,
    create: impl FnOnce() -> Result<RunFolder>,
    how: (Telling, bool),
) -> Result<i32> {
    Run::new(recipe, pictures, manner)?;
    let folder = create()?;
    folder.begin(recipe)?;
    train(recipe, pictures, manner, &folder, how)
}

/// Refuses a run that was begun with more members than its recipe has now.
pub(super) fn require_all(recipe: &Recipe, folder: &Path) -> Result<()> {
    let count = if recipe.members > 1 { recipe.members } else { 0 };
    let more = (count + 1..).take_while(|number| folder.join(format!("{MEMBER}{number}")).is_dir()).count();
    let what = format!("members: was {} or more, is {}", count + more, recipe.members);
    ensure!(more == 0, Changed::new(folder, recipe, vec![what]));
    Ok(())
}

/// The pictures of the first member that is not at its end, as they were when it was begun.
pub(super) fn ledger(recipe: &Recipe, folder: &Path) -> Option<Ledger> {
    (1..=recipe.members).find_map(|number| Ledger::read(&folder.join(format!("{MEMBER}{number}"))))
}

/// Trains those members that are not at their end, and measures all.
pub(super) fn train(
    recipe: &Recipe,
    pictures: &Pictures,
    manner: Manner<'_>,
    folder: &RunFolder,
    how: (Telling, bool),
) -> Result<i32> {
    let (telling, json_wanted) = how;
    let (mut names, folder) = (Vec::new(), folder.path());
    // It is the whole that is begun anew, and not a member of it.
    let whole = |error: anyhow::Error| match find::<Changed>(&error) {
        Some(Changed { what, .. }) => Changed::new(folder, recipe, what.clone()).into(),
        None => error,
    };
    for number in 0..recipe.members {
        let mut member = Recipe { seed: recipe.seed + number as u64, members: 1, ..recipe.clone() };
        // Whatever its seed, a member must not have learned what another is judged by.
        member.data.split_seed = Some(recipe.split_seed());
        let place = folder.join(format!("{MEMBER}{}", number + 1));
        names.push(place.clone());
        let run = Run::new(&member, pictures, manner)?;
        if place.join(SUMMARY).is_file() {
            run.require_finished(&place).map_err(|error| whole(error.into()))?;
            Checkpoints::clear(&place)?;
            continue;
        }
        note(format_args!("member {} of {}, seed {}", number + 1, recipe.members, member.seed));
        match telling.train(run, &RunFolder::take(&place, &Terminal)?).map_err(whole)? {
            Trained::Interrupted(done, epochs) => return Ok(interrupted(done, epochs, folder)),
            Trained::Done(summary) => below_best(&place, &summary),
        }
    }
    let table = Table { path: recipe.data.path.clone(), unreadable: pictures.unreadable, mean: Mean::Probabilities };
    let measured = rows_of(&names, &pictures.val, (&table, manner.threads), false)?;
    let summary = table.json(&names, &measured);
    files::write(&folder.join(SUMMARY), &json(&summary)?)?;
    telling.form(json_wanted).tell(&summary, || {
        table.tell(&measured)?;
        line(format_args!("the runs lie in {}", folder.display()))
    })?;
    Ok(0)
}
