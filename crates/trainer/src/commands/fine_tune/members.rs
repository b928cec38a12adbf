//! `--members N`: runs that differ in their seed, and what they say together.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::telling::Form;
use super::{below_best, interrupted};
use crate::commands::ensemble::{Table, rows_of};
use crate::files;
use crate::output::{line, note};
use crate::pictures::Pictures;
use crate::recipe::Recipe;
use crate::run::{Ended, Manner, Run, SUMMARY, json};
use crate::run_folder;
use crate::views::Mean;

/// Begins in the folder that `create` makes once the network of the first has been built.
pub(super) fn begin(
    recipe: &Recipe,
    pictures: &Pictures,
    manner: Manner,
    create: impl FnOnce() -> Result<PathBuf>,
    form: Form,
) -> Result<i32> {
    Run::new(recipe, pictures, manner)?;
    let folder = create()?;
    files::write(&folder.join("recipe.toml"), toml::to_string(recipe)?.as_bytes())?;
    train(recipe, pictures, manner, &folder, form)
}

/// Trains those members that are not at their end, and measures all.
pub(super) fn train(recipe: &Recipe, pictures: &Pictures, manner: Manner, folder: &Path, form: Form) -> Result<i32> {
    let mut names = Vec::new();
    for number in 0..recipe.members {
        let mut member = Recipe { seed: recipe.seed + number as u64, members: 1, ..recipe.clone() };
        // Whatever its seed, a member must not have learned what another is judged by.
        member.data.split_seed = Some(recipe.split_seed());
        let place = folder.join(format!("{MEMBER}{}", number + 1));
        names.push(place.display().to_string());
        if place.join(SUMMARY).is_file() {
            continue;
        }
        note(format_args!("member {} of {}, seed {}", number + 1, recipe.members, member.seed));
        let run = Run::new(&member, pictures, manner)?;
        let ended = if place.join("recipe.toml").is_file() {
            run.go_on(&place)?
        } else {
            run_folder::create(Some(&place), "")?;
            run.begin(&place)?
        };
        match ended {
            Ended::Interrupted(done, epochs) => return Ok(interrupted(done, epochs, folder)),
            Ended::Done(summary) => below_best(&place, &summary),
        }
    }
    let table = Table { path: recipe.data.path.clone(), unreadable: pictures.unreadable, mean: Mean::Probabilities };
    let measured = rows_of(&names, &pictures.val, (&table, manner.threads), false)?;
    let summary = table.json(&names, &measured);
    files::write(&folder.join(SUMMARY), &json(&summary)?)?;
    form.tell(&summary, || {
        table.tell(&measured)?;
        line(format_args!("the runs lie in {}", folder.display()))
    })?;
    Ok(0)
}

/// What the folder of a member is called, and its number.
pub(crate) const MEMBER: &str = "member-";
