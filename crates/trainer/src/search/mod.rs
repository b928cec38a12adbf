//! Which settings of a recipe serve best: trials, each a run, found at random, on a grid, from coarse to fine, or by successive
//! halving.
//!
//! A search is a [folder](SearchFolder); what is to be done next follows from what lies in it ([`Space`]), so that it goes on where it
//! was broken off, and any number of processes, also on several machines, work in one folder.

mod folder;
mod importance;
mod order;
mod picture;
mod range;
mod space;

use std::time::Duration;

use anyhow::Result;

pub use self::folder::{SearchFolder, recipe_of};
pub use self::importance::{Importance, importance};
pub use self::order::{Score, Scores, Trial};
pub use self::picture::{Dots, draw, side_by_side};
pub use self::range::{POINTS, Range};
pub use self::space::{Halving, Method, Objective, Space, Stage};

use crate::claim::RunFolder;
use crate::divergence::Diverged;
use crate::identity::Changed;
use crate::interrupt::Interrupt;
use crate::pictures::Pictures;
use crate::recipe::{Recipe, RecipeError};
use crate::run::{Ended, Manner, Run};
use crate::stored::FeatureCache;

/// How long a process waits that finds all trials taken by others.
const PAUSE: Duration = Duration::from_millis(500);

/// Trains trials until none is left, beside other processes if there are any. `tell` hears of each at its end. Returns whether it
/// came to the end of the search; otherwise the user has ended it.
///
/// # Errors
/// When a recipe of a trial is none, or the folder fails. A training that diverges, or that this machine has no memory for, is a bad
/// result and no error.
pub fn search(
    folder: &SearchFolder,
    (space, base): (&Space, &Recipe),
    pictures: &Pictures,
    manner: Manner,
    mut tell: impl FnMut(Trial, &Scores) -> Result<()>,
) -> Result<bool> {
    let (interrupt, cache) = (Interrupt::listen()?, FeatureCache::default());
    loop {
        let mut scores = folder.scores()?;
        let wanted = space.wanted(&scores);
        if wanted.is_empty() {
            return Ok(true);
        }
        if interrupt.asked() {
            return Ok(false);
        }
        let mut mine = None;
        for trial in wanted {
            if let Some(lock) = folder.take(trial)?
                // Another process may have come to its end since the results were read.
                && folder.score(trial)?.is_none()
            {
                mine = Some((trial, lock));
                break;
            }
        }
        let Some((trial, _lock)) = mine else {
            std::thread::sleep(PAUSE);
            continue;
        };
        let recipe = recipe_of(space, base, trial, &space.settings_of(trial, &scores))?;
        let place = folder.trial(trial);
        let run = Run::new(&recipe, pictures, manner).map(|run| run.sharing(&cache));
        match RunFolder::take(&place).and_then(|place| run?.train(&place)) {
            Ok(Ended::Done(_)) => {}
            Ok(Ended::Interrupted(..)) => return Ok(false),
            Err(error) if error.is::<Diverged>() || is_memory(&error) => folder.diverged(trial, &error.to_string())?,
            Err(error) => {
                let error = match error.downcast() {
                    Ok(changed) => Changed { way_out: "choose another --out".into(), ..changed }.into(),
                    Err(error) => error,
                };
                return Err(error.context(format!("the trial {}", place.display())));
            }
        }
        scores = folder.scores()?;
        folder.thin(space, &scores)?;
        tell(trial, &scores)?;
    }
}

/// Whether a trial is one that this machine has no memory for.
fn is_memory(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(RecipeError::Memory { .. }))
}
