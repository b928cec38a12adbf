//! The training loop.
//!
//! Read [`fit_with`] first: it is the loop whole. A [`Session`] is a training and what has come out
//! of it, a [`PhaseRun`] the phase that it is in; `step` is what happens to a batch, `sharpness`
//! takes its second gradient where a recipe wants one, `shard_sum` adds up what the `shards` of a
//! batch give, on several processes or on one. `batches` is where the batches come from,
//! `feature_store` what frozen stages made of the pictures, computed once ([`FeatureCache`]: once
//! for several trainings). `full_batch` solves the head of a probe without steps. [`Observer`]s
//! look on (`recorder` and `snapshots` write into a run folder), [`Outcome`] is what is left.

mod error;

mod epoch_info;

mod outcome;

mod observer;

mod shared_maps;

mod feature_store;

mod feature_cache;

mod shards;

mod validation;

mod batches;

mod sharpness;

mod shard_sum;

mod step;

mod patience;

mod session;

mod phase_run;

mod saved;

mod full_batch;

mod keeping;

pub mod divergence;

pub mod recorder;

pub mod snapshots;

use taper_data::Loader;
use taper_nn::Params;
use taper_transfer::Classifier;

use crate::build::optimize::{Method, method};
use crate::error::Result;
use crate::ranks::RanksError;
use crate::recipe::Recipe;

pub(crate) use self::batches::BatchSource;
pub use self::batches::Batches;
pub use self::epoch_info::EpochInfo;
pub use self::error::FitError;
pub use self::feature_cache::FeatureCache;
pub(crate) use self::feature_store::{FeatureStore, compute};
pub use self::keeping::Keeping;
pub use self::observer::{Begin, Observer, StepInfo};
pub use self::outcome::Outcome;
pub use self::phase_run::{PhaseData, PhaseRun};
pub use self::session::{FitOptions, Session};
pub(crate) use self::shards::Shards;
pub(crate) use self::step::Rates;

/// Trains a classifier as a recipe says. With an average of the weights it is the average that is
/// validated, shown to observers after an epoch, and left in `params`.
///
/// # Errors
/// When a picture cannot be read, a loss or gradient is not finite, or an observer fails.
pub fn fit(
    classifier: &mut Classifier,
    params: &Params,
    pictures: (&Loader, &Loader),
    recipe: &Recipe,
    observers: &mut [&mut dyn Observer],
) -> Result<Outcome> {
    fit_with((classifier, params), pictures, recipe, observers, FitOptions::default())
}

/// [`fit`] with checkpoints. A training that goes on with one ends as if it had never stopped, to
/// the bit; its observers see no step and no epoch twice. What an epoch of `lbfgs` does is not
/// written down: such a training begins again, and ends the same.
///
/// # Errors
/// As there; when a checkpoint cannot be written, or is of another recipe.
pub fn fit_with<'a>(
    network: (&'a mut Classifier, &'a Params),
    pictures: (&'a Loader, &'a Loader),
    recipe: &'a Recipe,
    observers: &mut [&mut dyn Observer],
    options: FitOptions<'a>,
) -> Result<Outcome> {
    let epochs = recipe.optimize.head_epochs + recipe.optimize.epochs;
    let begin = Begin { folder: options.scratch, epochs, pictures: pictures.0.dataset().len() };
    observers.iter_mut().try_for_each(|observer| observer.begin(&begin))?;
    if let Method::FullBatch(lbfgs) = method(&recipe.optimize, epochs as u64)? {
        let ranks = options.ranks().size();
        if ranks > 1 {
            return Err(RanksError::OneProcess { what: "a rule that solves the head in full batch", ranks }.into());
        }
        let (classifier, params) = network;
        classifier.freeze(classifier.backbone().stages().len())?;
        return full_batch::fit(&lbfgs, (classifier, params), pictures, recipe, observers);
    }
    let resumed = options.resume.is_some();
    let mut session = Session::new(network, pictures, recipe, options)?;
    if resumed {
        observers.iter_mut().for_each(|observer| observer.resumed(session.outcome()));
    }
    for phase in session.phases() {
        let mut run = PhaseRun::begin(&mut session, phase)?;
        let data = run.data()?;
        for epoch in run.epochs() {
            let mut batches = data.batches(epoch, run.batches_done());
            for batch in batches.by_ref() {
                let Some(info) = run.step(batch?)? else { continue };
                if run.observe(&info, observers)?.is_break() {
                    run.waited(batches.waited());
                    return Ok(session.into_outcome());
                }
            }
            run.waited(batches.waited());
            if run.validate(&data, observers)?.is_break() {
                break;
            }
        }
        if run.is_stopped() {
            return Ok(session.into_outcome());
        }
        run.end(&data)?;
    }
    Ok(Outcome { stopped: false, ..session.into_outcome() })
}
