//! Recipes for fine-tuning on several data sets, so that a default carries over to pictures that
//! nobody tuned it on.
//!
//! [`wanted`] is what a call asks for; [`sets`] and [`recipes`] are the tables of what there is,
//! [`trainings`] trains and tests, [`peers`] does the same in other programs, with an [`outcome`]
//! each, and [`report`] writes what came out. Choices are made on
//! validation parts; the test parts are looked at once, when all choices have been made.

mod outcome;
mod peers;
mod recipes;
mod report;
mod sets;
mod trainings;
mod wanted;

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::table::mean;
use outcome::{Measured, Part, Trained};
use peers::Peers;
use recipes::{Kind, Recipe};
use report::{Row, in_precisions, tested, validated};
use sets::Set;
use trainings::{PRECISIONS, Trainings};

pub(super) use wanted::Wanted;

/// Trains what is not there yet, and returns the tables. A call that is broken off goes on with the
/// next.
///
/// # Errors
/// When there is no set or recipe of a name, pictures cannot be made, or a training fails.
pub(super) fn tables(root: &Path, wanted: &Wanted<'_>, tell: impl Fn(String)) -> Result<String> {
    let sets = sets::chosen(wanted.sets)?;
    let recipes = recipes::chosen(wanted.recipes)?;
    let folders: Vec<PathBuf> = sets.iter().map(|set| set.folder(root, wanted)).collect::<Result<_>>()?;
    let trainings = Trainings::new(root, wanted)?;
    let peers = wanted.peers.map(|python| Peers::new(root, python, wanted));
    let (others, recipes): (Vec<&Recipe>, Vec<_>) = recipes.into_iter().partition(|recipe| recipe.kind == Kind::Peer);
    let mut rows = Vec::new();
    for recipe in &recipes {
        let of = |(set, folder): (&&Set, &PathBuf)| trainings.all(set, folder, recipe, &tell);
        rows.push(Row::of(recipe, sets.iter().zip(&folders).map(of).collect::<Result<_>>()?));
    }
    let chosen = choice(&rows);
    let mut text = report::setting(&sets, wanted.seeds);
    let mut shown = Vec::new();
    for (i, row) in rows.iter().enumerate().filter(|(i, row)| row.recipe.kind == Kind::Preset || Some(*i) == chosen) {
        let of = |((set, folder), trained): ((&&Set, &PathBuf), &Vec<Trained>)| {
            let parts = trained.iter().map(|trained| trainings.test(folder, trained, Part::Test));
            tell(format!("{} on the test part of {}", recipes[i].name, set.name));
            parts.collect::<Result<Vec<_>>>()
        };
        shown.push((row.recipe, sets.iter().zip(&folders).zip(&row.trained).map(of).collect::<Result<Vec<_>>>()?));
    }
    if let Some(peers) = &peers {
        for peer in others {
            let of = |(set, folder): (&&Set, &PathBuf)| peers.all(peer, set, folder, &tell);
            let both = sets.iter().zip(&folders).map(of).collect::<Result<Vec<_>>>()?;
            let tests = both.iter().map(|seeds| seeds.iter().map(|outcome| outcome.test).collect()).collect();
            let trained = both.into_iter().map(|seeds| seeds.into_iter().map(|outcome| outcome.trained).collect());
            rows.push(Row::of(peer, trained.collect()));
            shown.push((peer, tests));
        }
    }
    text += &validated(&sets, &rows, chosen);
    text += &tested(&sets, &rows, &shown);
    if let Some(row) = rows.iter().find(|row| row.recipe.name == "default") {
        text += &in_precisions(&sets, &answers(&trainings, row, &folders)?);
    }
    Ok(text)
}

/// What the networks of a recipe answer in each precision on the test parts: by precision, set and
/// seed.
fn answers(trainings: &Trainings<'_>, row: &Row<'_>, folders: &[PathBuf]) -> Result<Vec<Vec<Vec<Measured>>>> {
    let in_one = |precision: &&str| {
        let of = |(trained, folder): (&Vec<Trained>, &PathBuf)| {
            trained.iter().map(|one| trainings.test_in(precision, folder, one, Part::Test)).collect()
        };
        row.trained.iter().zip(folders).map(of).collect()
    };
    PRECISIONS.iter().map(in_one).collect()
}

/// The recipe, of those that are no presets, with the best mean over the validation parts; none
/// where there is none that was trained.
fn choice(rows: &[Row<'_>]) -> Option<usize> {
    let score = |row: &Row<'_>| mean(&row.accuracies());
    let variants = rows.iter().enumerate().filter(|(_, row)| row.recipe.kind == Kind::Variant);
    variants.max_by(|(_, a), (_, b)| score(a).total_cmp(&score(b))).map(|(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::recipes::named;
    use super::*;

    #[test]
    fn a_choice_is_made_on_validation_parts_among_what_is_no_preset() {
        let trained = |accuracy| {
            let val = Measured { accuracy, balanced: accuracy, images: 100 };
            vec![vec![Trained { folder: PathBuf::new(), val, seconds: 2.0 }]]
        };
        let rows = |all: &[(&str, f64)]| -> Option<String> {
            let rows: Vec<Row<'_>> = all.iter().map(|(name, score)| Row::of(named(name), trained(*score))).collect();
            choice(&rows).map(|i| rows[i].recipe.name.to_owned())
        };
        assert_eq!(rows(&[("default", 0.9), ("mixup", 0.7), ("cutmix", 0.8)]).as_deref(), Some("cutmix"));
        assert_eq!(rows(&[("default", 0.9), ("quick", 0.7)]), None);
    }
}
