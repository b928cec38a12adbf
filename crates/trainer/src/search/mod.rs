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
use crate::fit::FeatureCache;
use crate::identity::Changed;
use crate::interrupt::Interrupt;
use crate::pictures::Pictures;
use crate::recipe::{Recipe, RecipeError};
use crate::run::{Ended, Manner, Run};

/// How long a process waits that finds all trials taken by others.
const PAUSE: Duration = Duration::from_millis(500);

/// Trains trials until none is left, beside other processes if there are any. `tell` hears of each at its end. Returns whether it
/// came to the end of the search; otherwise the user has ended it.
///
/// # Errors
/// When the folder fails, or lacks a picture. A training that diverges, that this machine has no memory for, or whose settings do not go
/// together is a bad result and no error: why is told by [`SearchFolder::why`].
pub fn search(
    folder: &SearchFolder,
    (space, base): (&Space, &Recipe),
    pictures: &Pictures,
    manner: Manner,
    mut tell: impl FnMut(Trial, &Scores) -> Result<()>,
) -> Result<bool> {
    let (interrupt, cache) = (Interrupt::listen()?, FeatureCache::default());
    loop {
        let mut scores = folder.scores(space)?;
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
        let place = folder.trial(trial);
        let trained = RunFolder::take(&place).and_then(|place| {
            let recipe = recipe_of(space, base, trial, &space.settings_of(trial, &scores))?;
            Run::new(&recipe, pictures, manner)?.sharing(&cache).train(&place)
        });
        match trained {
            Ok(Ended::Done(_)) => {}
            Ok(Ended::Interrupted(..)) => return Ok(false),
            Err(error) if error.is::<Diverged>() || error.is::<RecipeError>() => {
                folder.diverged(trial, &error.to_string())?
            }
            Err(error) => {
                let error = match error.downcast() {
                    Ok(changed) => Changed { way_out: "choose another --out".into(), ..changed }.into(),
                    Err(error) => error,
                };
                return Err(error.context(format!("the trial {}", place.display())));
            }
        }
        scores = folder.scores(space)?;
        folder.thin(space, &scores)?;
        tell(trial, &scores)?;
    }
}
