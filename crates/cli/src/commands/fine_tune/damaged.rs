//! A picture that is damaged behind its header is found in the first epoch: then all are decoded,
//! and the training begins again without those that cannot be.
//!
//! What comes out is what would have if they had been left out from the first: it depends neither
//! on when they were found nor on how many steps were done until then.

use anyhow::Result;
use taper_data::Look;

use super::telling::Trained;
use super::together;
use crate::terminal::Terminal;
use taper_trainer::build::colors;
use taper_trainer::recipe::Recipe;
use taper_trainer::store::checkpoint::Checkpoints;
use taper_trainer::store::claim::RunFolder;
use taper_trainer::store::ledger::Ledger;
use taper_trainer::store::pictures::Pictures;
use taper_trainer::store::readable::Unreadable;
use taper_trainer::study::run::Run;
use taper_trainer::{Error, Listener, Notice};

/// How well pictures are looked at before a training of this recipe.
pub(super) fn look(recipe: &Recipe) -> Look {
    // Each member would begin again for itself.
    if recipe.members > 1 { Look::Decode } else { Look::Glance }
}

/// The recipe with what it wants measured of the training pictures; and the pictures, again and
/// without those that cannot be decoded where a glance took one for whole.
///
/// # Errors
/// When too many pictures cannot be decoded, or any may not be.
pub(super) fn measured(
    recipe: &Recipe,
    pictures: Pictures,
    policy: Unreadable,
    threads: usize,
) -> Result<(Recipe, Pictures)> {
    let measure = |pictures: &Pictures| Ok(colors::measured(recipe, &pictures.train, threads, &Terminal)?);
    let error = match measure(&pictures) {
        Err(error) if pictures.look == Look::Glance && is_damage(&error) => error,
        found => return Ok((found?, pictures)),
    };
    let anew = without_damaged(error, recipe, &pictures, policy)?;
    Ok((measure(&anew)?, anew))
}

/// The pictures that can be decoded, after one could not be.
fn without_damaged(error: anyhow::Error, recipe: &Recipe, pictures: &Pictures, policy: Unreadable) -> Result<Pictures> {
    Terminal.notice(&Notice::Undecodable { reason: crate::said(&error) });
    let anew = Pictures::open_again(recipe, policy, (&Ledger::default(), Look::Decode), &Terminal)?;
    if anew.unreadable == pictures.unreadable { Err(error) } else { Ok(anew) }
}

/// Trains by `train`, and once more where a picture cannot be decoded that a glance took for
/// whole; then the pictures without it come back too.
///
/// # Errors
/// As training has them; when too many pictures cannot be decoded, or any may not be.
pub(super) fn train(
    train: impl Fn(Run<'_>, &RunFolder) -> Result<Trained>,
    run: Run<'_>,
    folder: &RunFolder,
    (recipe, pictures, policy): (&Recipe, &Pictures, Unreadable),
) -> Result<(Trained, Option<Pictures>)> {
    let (manner, start) = (run.manner(), run.start());
    let error = match train(run, folder) {
        Err(error) if pictures.look == Look::Glance && is_damage(&error) => error,
        trained => return Ok((trained?, None)),
    };
    let anew = match without_damaged(error, recipe, pictures, policy) {
        Ok(anew) => anew,
        Err(error) => {
            together::dismiss(manner.ranks)?;
            return Err(error);
        }
    };
    Checkpoints::clear(folder.path())?;
    together::tell(manner.ranks, recipe, &anew)?;
    let trained = train(Run::new(recipe, &anew, manner)?.since(start), folder)?;
    Ok((trained, Some(anew)))
}

/// Whether it is about what is in the file of a picture.
fn is_damage(error: &anyhow::Error) -> bool {
    error.downcast_ref().is_some_and(Error::is_damage)
}
