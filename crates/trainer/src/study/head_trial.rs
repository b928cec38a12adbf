//! How well a new head would do, without a picture to test it by.

use std::sync::Arc;

use taper_data::{Dataset, Subset};
use taper_nn::Mode;
use taper_tensor::Rng;
use taper_transfer::Part;

use crate::build::network::{Network, network};
use crate::build::pipeline::{eval_loader, train_loader};
use crate::error::Result;
use crate::evaluate::linear_probe::{FOLDS, folds};
use crate::fit::{BatchSource, FeatureStore, FitOptions, PhaseRun, Session, Shards, compute};
use crate::listener::Listener;
use crate::ranks::Alone;
use crate::recipe::{Plan, Recipe};

/// Which pictures a recipe's head gets right by cross-validation: of five parts, drawn class by
/// class by `rng`, each is answered by a head that was trained on the others, for as long as the
/// recipe says, over the network as it is. All of that `rounds` times, one after the other, with
/// parts of their own; what the network makes of the pictures is computed once.
///
/// # Errors
/// As for a training, and when the rule takes no steps (`lbfgs`).
pub(crate) fn cross_validated(
    recipe: &Recipe,
    pictures: &Arc<dyn Dataset>,
    (rng, rounds): (&Rng, usize),
    (threads, listener): (usize, &dyn Listener),
) -> Result<Vec<bool>> {
    let mut recipe = Recipe { plan: Plan::Probe, ..recipe.clone() };
    recipe.data.variants = Some(recipe.variants().max(1));
    // Stages are told apart by heads that saw each picture once in an epoch.
    recipe.data.passes = recipe.data.passes.or(Some(1));
    let recipe = &recipe;
    let Network { card, mut classifier, params, .. } = network(recipe, &**pictures, listener)?;
    let stages = classifier.backbone().stages().len();
    classifier.freeze(stages)?;
    let mut first = params.tensors();
    first.retain(|name, _| classifier.part(name) == Part::Head);
    for tensor in first.values_mut() {
        *tensor = tensor.copy()?;
    }

    let whole = train_loader(Arc::clone(pictures), recipe, card.input(), threads)?;
    let plain = eval_loader(Arc::clone(pictures), recipe.data.batch_size, card.input(), threads)?;
    let variants = compute((&classifier, &Alone), (&whole, &plain), recipe.variants(), (None, listener))?;
    let store = FeatureStore::new(Arc::new(variants));
    let labels: Vec<usize> = (0..pictures.len()).map(|i| pictures.label(i)).collect();
    let mut right = vec![false; rounds * pictures.len()];
    for (round, fold) in (0..rounds).flat_map(|round| (0..FOLDS).map(move |fold| (round, fold))) {
        let parts = folds(&labels, pictures.classes().len(), &rng.at(round as u64));
        let (held, kept): (Vec<usize>, Vec<usize>) = (0..pictures.len()).partition(|&i| parts[i] == fold);
        if held.is_empty() || kept.len() < 2 {
            continue;
        }
        params.load(&first)?;
        let loader =
            train_loader(Arc::new(Subset::new(Arc::clone(pictures), kept.clone())?), recipe, card.input(), threads)?;
        let mut session = Session::new((&mut classifier, &params), (&loader, &plain), recipe, FitOptions::default())?;
        let mut run = PhaseRun::begin(&mut session, 0)?;
        let source = BatchSource::Features(&loader, store.part(kept));
        let shards = Shards::new(recipe, &Alone)?;
        for epoch in run.epochs() {
            for batch in source.batches(epoch as u64, 0, shards) {
                run.step(batch?)?;
            }
            run.next_epoch();
        }
        let answers =
            classifier.forward_from(stages, &store.rows(0, &held)?, Mode::Eval)?.argmax(1)?.to_vec1::<u32>()?;
        let right = &mut right[round * pictures.len()..];
        held.into_iter().zip(answers).for_each(|(i, answer)| right[i] = answer as usize == labels[i]);
    }
    Ok(right)
}
