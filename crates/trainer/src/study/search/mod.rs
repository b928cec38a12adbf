//! Which settings of a recipe serve best: trials, each a run, found at random, on a grid, from
//! coarse to fine, or by successive halving.
//!
//! A search is a [folder](SearchFolder); what is to be done next follows from what lies in it
//! ([`Space`]), so that it goes on where it was broken off, and any number of processes, also on
//! several machines, work in one folder.

mod folder;
mod importance;
mod order;
mod range;
mod space;

use std::ops::ControlFlow;
use std::time::Duration;

pub use self::folder::{SearchFolder, recipe_of};
pub use self::importance::{Importance, alike, importance};
pub use self::order::{Score, Scores, Trial};
pub use self::range::{POINTS, Range};
pub use self::space::{Halving, Method, Objective, Space, Stage};

use crate::build::colors::measured;
use crate::chain::chain;
use crate::error::{Error, ObserverError, Result};
use crate::fit::{FeatureCache, Observer};
use crate::recipe::Recipe;
use crate::store::claim::RunFolder;
use crate::store::pictures::Pictures;
use crate::store::{Changed, WayOut};
use crate::study::finished::Finished;
use crate::study::run::{Ended, Manner, Run};

/// How long a process waits that finds all trials taken by others.
const PAUSE: Duration = Duration::from_millis(500);

/// Somebody who looks on at a search.
pub trait Watch {
    /// Before a trial: `Break` ends the search.
    fn go_on(&mut self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// Who looks on at the training of a trial.
    fn observer(&mut self) -> Box<dyn Observer + '_>;

    /// A trial has been trained.
    ///
    /// # Errors
    /// End the search.
    fn finish(&mut self, finished: Finished<'_>) -> Result<(), ObserverError> {
        Ok(finished.conclude(None).map(drop)?)
    }

    /// A trial is at its end, also one that failed.
    ///
    /// # Errors
    /// End the search.
    fn trial(&mut self, trial: Trial, scores: &Scores) -> Result<(), ObserverError>;
}

/// Trains trials until none is left, beside other processes if there are any. Returns whether it
/// came to the end of the search; otherwise `watch` has ended it.
///
/// # Errors
/// When the folder fails, or lacks a picture. A training that diverges, that this machine has no
/// memory for, or whose settings do not go together is a bad result and no error: why is told by
/// [`SearchFolder::why`].
pub fn search(
    folder: &SearchFolder,
    (space, base): (&Space, &Recipe),
    pictures: &Pictures,
    manner: Manner<'_>,
    watch: &mut dyn Watch,
) -> Result<bool> {
    let cache = FeatureCache::default();
    loop {
        let mut scores = folder.scores(space)?;
        let wanted = space.wanted(&scores);
        if wanted.is_empty() {
            return Ok(true);
        }
        if watch.go_on().is_break() {
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
        let trained = RunFolder::take(&place, manner.listener).and_then(|place| {
            let recipe = recipe_of(space, base, trial, &space.settings_of(trial, &scores))?;
            let recipe = measured(&recipe, &pictures.train, manner.threads, manner.listener)?;
            let run = Run::new(&recipe, pictures, manner)?.sharing(&cache);
            let ended = run.train(&place, &mut [&mut *watch.observer()])?;
            match ended {
                Ended::Done(finished) => Ok(watch.finish(*finished).map(|()| true)?),
                Ended::Interrupted(..) => Ok(false),
            }
        });
        match trained {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(error @ (Error::Diverged(_) | Error::Recipe(_))) => folder.diverged(trial, &chain(&error))?,
            Err(error) => {
                let error = match error {
                    Error::Changed(changed) => Changed { way_out: WayOut::AnotherFolder, ..*changed }.into(),
                    error => error,
                };
                return Err(Error::Trial { path: place, source: Box::new(error) });
            }
        }
        scores = folder.scores(space)?;
        folder.thin(space, &scores)?;
        watch.trial(trial, &scores)?;
    }
}
