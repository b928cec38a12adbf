//! The training loop.
//!
//! Read [`fit_with`] first: it is the loop whole. A [`Session`] is a training and what has come out
//! of it, a [`PhaseRun`] the phase that it is in; `step` is what happens to a batch, `sharpness`
//! takes its second gradient where a recipe wants one, `shard_sum` adds up what the `shards` of a
//! batch give, on several processes or on one, which send gradients in an agreed `course` while a
//! backward pass goes on (`overlap`). `batches` is where the batches come from,
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

mod loss_graph;

mod course;

mod overlap;

mod shard_sum;

mod step;

mod patience;

mod session;

mod phase_data;

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
use crate::ranks::require_one;
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
pub use self::phase_data::PhaseData;
pub use self::phase_run::PhaseRun;
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
        require_one("a rule that solves the head in full batch", options.ranks())?;
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use image::{Rgb, RgbImage};
    use taper_data::{DataError, Dataset};

    use super::*;
    use crate::build::network::{Network, network};
    use crate::build::pipeline::{eval_loader, train_loader};
    use crate::listener::Silent;
    use crate::ranks::{Alone, Ranks, Threads};
    use crate::recipe::Plan;

    /// Pictures of three colors.
    struct Colors([String; 3]);

    impl Dataset for Colors {
        fn len(&self) -> usize {
            41
        }
        fn get(&self, index: usize) -> Result<RgbImage, DataError> {
            let color = |x: u32, y: u32| ((x * 7 + y * 13) as usize * (index + 1) % 97) as u8;
            let paint = |x, y| {
                let mut pixel = [color(x, y); 3];
                pixel[index % 3] += 100;
                Rgb(pixel)
            };
            Ok(RgbImage::from_fn(32, 32, paint))
        }
        fn label(&self, index: usize) -> usize {
            index % 3
        }
        fn classes(&self) -> &[String] {
            &self.0
        }
        fn name(&self, index: usize) -> String {
            index.to_string()
        }
    }

    /// What a training leaves: the bits of its weights and statistics, and of its last loss.
    fn trained(recipe: &Recipe, ranks: &dyn Ranks) -> (Vec<(String, Vec<u32>)>, u64) {
        let set: Arc<dyn Dataset> = Arc::new(Colors(["a".into(), "b".into(), "c".into()]));
        let Network { card, mut classifier, params, .. } = network(recipe, &*set, &Silent).unwrap();
        let train = train_loader(Arc::clone(&set), recipe, card.input(), 2).unwrap();
        let val = eval_loader(set, 9, card.input(), 2).unwrap();
        let options = FitOptions { ranks: Some(ranks), ..FitOptions::default() };
        let outcome = fit_with((&mut classifier, &params), (&train, &val), recipe, &mut [], options).unwrap();
        let bits = |(name, tensor): (String, candle_core::Tensor)| {
            let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            (name, values.into_iter().map(f32::to_bits).collect())
        };
        (params.tensors().into_iter().map(bits).collect(), outcome.evaluation.loss.to_bits())
    }

    fn recipe(text: &str) -> Recipe {
        let usual = "model = \"resnet18_narrow\"\n[data]\nimage_size = 32\nbatch_size = 27\npasses = 1\n\
                     normalize = \"imagenet\"\n[augment]\ntrain = [\"hflip\"]\n[optimize]\nepochs = 1\nshards = 12\n";
        Recipe::parse_over(&Recipe::from_scratch(), &format!("{usual}{text}"), "r.toml".as_ref()).unwrap()
    }

    #[test]
    fn several_ranks_leave_the_bits_of_one() {
        let noisy = recipe("average = \"ema\"\naccumulate = 2\n[regularize]\nmixup = 0.2\nstochastic_depth = 0.5\n");
        let sharp = recipe("sam.rho = 0.05\nschedule = \"reduce_on_plateau\"\ncheckpoint_activations = true\n");
        let mut features = Recipe { plan: Plan::Probe, ..recipe("head_epochs = 2\n") };
        features.optimize.epochs = 0;
        for (recipe, sizes) in [(noisy, vec![2, 3]), (sharp, vec![4]), (features, vec![2])] {
            recipe.check().unwrap();
            let alone = trained(&recipe, &Alone);
            for size in sizes {
                std::thread::scope(|scope| {
                    let all: Vec<_> = Threads::new(size)
                        .into_iter()
                        .map(|ranks| {
                            scope.spawn({
                                let recipe = &recipe;
                                move || trained(recipe, &ranks)
                            })
                        })
                        .collect();
                    for (rank, one) in all.into_iter().enumerate() {
                        assert!(one.join().unwrap() == alone, "{rank} of {size}: {recipe:?}");
                    }
                });
            }
        }
    }

    #[test]
    fn shards_differ_from_a_batch_in_one_piece_by_batch_norm_alone() {
        let whole = |shards: usize, model: &str| {
            let mut recipe = recipe("average = \"none\"\nrule = \"sgd\"\nlr = 0.05\n");
            recipe.optimize.shards = shards;
            recipe.model = model.into();
            trained(&recipe, &Alone).0
        };
        let apart = |model: &str| -> f32 {
            let values = |all: Vec<(String, Vec<u32>)>| all.into_iter().flat_map(|(_, bits)| bits).map(f32::from_bits);
            values(whole(0, model)).zip(values(whole(4, model))).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        };
        let (plain, normed) = (apart("squeezenet1_1"), apart("resnet18_narrow"));
        assert!(plain < 1e-5 && normed > 1e-4, "{plain} {normed}");
    }
}
