//! One of several processes that `mpirun` or `srun` has started: which verbs they share, and how an
//! error of one ends all.

use anyhow::Result;
use taper_trainer::ranks::{Alone, Ranks, RanksError, Started, started};

use crate::verbs::Verb;

/// Does the work of a verb: alone, or as one of those that were started together, of which the
/// first alone speaks.
///
/// # Errors
/// Those of the work; where several were started, when the verb is one process' work or this binary
/// has no MPI.
pub fn within(verb: &Verb, work: impl FnOnce(&dyn Ranks) -> Result<i32>) -> Result<i32> {
    let Some(started) = started().filter(|started| started.size > 1) else { return work(&Alone) };
    let shared = matches!(
        verb,
        Verb::FineTune(_) | Verb::Train(_) | Verb::Resume(_) | Verb::Search(_) | Verb::Eval(_) | Verb::Features(_)
    );
    if !shared {
        let what = "this verb (fine-tune, train, resume, search, eval and features are)";
        return Err(RanksError::OneProcess { what, ranks: started.size }.into());
    }
    several(started, work)
}

#[cfg(not(feature = "mpi"))]
fn several(started: Started, _: impl FnOnce(&dyn Ranks) -> Result<i32>) -> Result<i32> {
    anyhow::bail!(
        "this is rank {} of {}, and this binary was built without MPI, so that each would train for itself: build it with \
         `cargo build --release -p taper --features mpi`, or start one process",
        started.rank,
        started.size
    )
}

#[cfg(feature = "mpi")]
fn several(started: Started, work: impl FnOnce(&dyn Ranks) -> Result<i32>) -> Result<i32> {
    use crate::output::{loudly, silence};
    use taper_trainer::ranks::Mpi;

    let mpi = Mpi::start(started)?;
    let rank = mpi.rank();
    if rank > 0 {
        silence();
    }
    match work(&mpi) {
        // All have it; the first tells. What ends with another code than 0 may end the first before
        // it has.
        Err(error) if of_all(&error) => {
            if rank == 0 {
                Err(error)
            } else {
                Ok(0)
            }
        }
        Err(error) => {
            loudly(format_args!("rank {rank}: error: {}", crate::said(&error)));
            mpi.abort(1)
        }
        Ok(code) => Ok(code),
    }
}

/// Whether each of several processes has come to this error.
#[cfg(feature = "mpi")]
fn of_all(error: &anyhow::Error) -> bool {
    use crate::remedy::find;
    use taper_trainer::fit::divergence::Diverged;

    let alike = find(error).is_some_and(|error| !matches!(error, RanksError::Lost { .. }));
    alike || find::<Diverged>(error).is_some()
}
