//! What the command line cannot show: gradients at the end of a run, steps.

use std::ops::ControlFlow;
use std::path::Path;

use candle_core::{DType, Device, Tensor, Var};
use taper_data::Loader;
use taper_nn::Params;
use taper_regularize::smooth_labels;
use taper_tensor::{Rng, cross_entropy, linear};
use taper_trainer::build::framing::Framing;
use taper_trainer::build::pipeline::{Input, eval_loader, plain_loader, train_loader};
use taper_trainer::fit::{FitOptions, Observer, PhaseRun, Session, StepInfo, fit};
use taper_trainer::recipe::{AugmentRecipe, HeadRecipe, LbfgsRecipe, Plan, Recipe, Rule};
use taper_trainer::study::range_test::range_test;
use taper_transfer::{Classifier, Fit, Head, load_weights};

use crate::support::small;

const INPUT: Input =
    Input { size: 64, framing: Framing::USUAL, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

fn params() -> Params {
    Params::new(Rng::new(0), DType::F32, Device::Cpu)
}

/// Loaders of a few pictures in batches of `batch_size`.
fn loaders(folder: &Path, count: usize, batch_size: usize) -> (Recipe, Loader, Loader) {
    let mut recipe = Recipe { augment: AugmentRecipe::none(), ..Recipe::default() };
    (recipe.data.path, recipe.data.batch_size, recipe.data.image_size) = (small(folder, count), batch_size, INPUT.size);
    // Steps and pictures are counted.
    recipe.data.passes = Some(1);
    let splits = taper_data::open(&recipe.data.path, &taper_data::OpenConfig::default(), &Rng::new(0)).unwrap();
    let train = train_loader(splits.train, &recipe, INPUT, 2).unwrap();
    let val = eval_loader(splits.val, batch_size, INPUT, 2).unwrap();
    (recipe, train, val)
}

/// SqueezeNet as it comes, with a linear head, and its parameters.
fn squeezenet(classes: usize) -> (Classifier, Params) {
    let (params, pretrained) = (params(), taper_transfer::model("squeezenet1_1").unwrap());
    let classifier = pretrained.classifier(&params, Head::Linear, classes).unwrap();
    load_weights(&params, &pretrained.weights().unwrap(), Fit::NewHead(&Head::PREFIXES)).unwrap();
    (classifier, params)
}

fn bits(params: &Params) -> Vec<(String, Vec<u32>)> {
    let bits = |tensor: Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    params.tensors().into_iter().map(|(name, t)| (name, bits(t).into_iter().map(f32::to_bits).collect())).collect()
}

/// The greatest element of the gradient of the penalized mean loss over all pictures, in float64;
/// and how much of it may come from weights that are rounded to float32.
///
/// With f the features, rounding moves a logit by ε/2 (Σ|f w| + |b|) at most, a probability by half
/// of the greatest such move, and an element of the gradient by that times |f|.
fn gradient(classifier: &Classifier, params: &Params, recipe: &Recipe, pictures: &Loader) -> (f64, f64) {
    let wide = |tensor: &Tensor| tensor.to_dtype(DType::F64).unwrap();
    let batches: Vec<_> = pictures.epoch(0).map(|loaded| loaded.unwrap().batch).collect();
    let features: Vec<_> = batches.iter().map(|batch| classifier.frozen_features(&batch.images).unwrap()).collect();
    let features = wide(&Tensor::cat(&features, 0).unwrap());
    let targets: Vec<_> = batches.iter().map(|batch| batch.targets.clone()).collect();
    let targets =
        smooth_labels(&Tensor::cat(&targets, 0).unwrap(), recipe.label_smoothing(taper_data::LabelKind::One)).unwrap();

    let [weight, bias] = ["fc.weight", "fc.bias"].map(|name| Var::from_tensor(&wide(&params.tensors()[name])).unwrap());
    let loss = cross_entropy(&linear(&features, &weight, Some(&bias)).unwrap(), &wide(&targets)).unwrap();
    let penalty = (weight.sqr().unwrap().sum_all().unwrap() * (0.5 * recipe.regularize.weight_decay)).unwrap();
    let grads = (loss + penalty).unwrap().backward().unwrap();
    let greatest = |tensor: &Tensor| tensor.abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
    let gradient = [&weight, &bias].map(|var| greatest(grads.get(var).unwrap()));

    let moved = linear(&features.abs().unwrap(), &weight.abs().unwrap(), Some(&bias.abs().unwrap())).unwrap();
    let rounding = 0.25 * f64::from(f32::EPSILON) * greatest(&moved) * greatest(&features).max(1.0);
    (gradient[0].max(gradient[1]), rounding)
}

#[test]
fn the_head_that_lbfgs_leaves_is_the_minimum_over_all_pictures() {
    let place = tempfile::tempdir().unwrap();
    let (mut recipe, train, val) = loaders(place.path(), 5, 4);
    (recipe.plan, recipe.head) = (Plan::Probe, HeadRecipe::linear());
    // As far as the gradient leads, however little the loss still falls.
    let lbfgs = LbfgsRecipe { iterations: 50, tolerance_change: 0.0, ..LbfgsRecipe::default() };
    recipe.optimize.rule = Rule::Lbfgs(lbfgs);
    recipe.check().unwrap();
    let (mut classifier, params) = squeezenet(3);
    classifier.freeze(classifier.backbone().stages().len()).unwrap();
    // All 15 pictures: the training loader would leave out the last three.
    let pictures = plain_loader(&train, &val).unwrap();
    let (before, _) = gradient(&classifier, &params, &recipe, &pictures);
    let outcome = fit(&mut classifier, &params, (&train, &val), &recipe, &mut []).unwrap();
    let (after, rounding) = gradient(&classifier, &params, &recipe, &pictures);
    let iterations = outcome.lrs.len();
    assert!(after < rounding && rounding < 1e-5 * before, "{before}, then {after} of {rounding} after {iterations}");
    assert_eq!(outcome.pictures, 15);

    // The history measures what an evaluation measures.
    let evaluation =
        taper_trainer::evaluate::evaluate((&classifier, &taper_trainer::objective::Objective::One), &val).unwrap();
    assert_eq!(
        (outcome.history.last().unwrap().val_loss, outcome.evaluation.labels),
        (evaluation.loss, evaluation.labels)
    );
}

#[test]
fn lbfgs_refuses_a_head_that_is_not_linear() {
    let place = tempfile::tempdir().unwrap();
    let (mut recipe, train, val) = loaders(place.path(), 4, 4);
    recipe.optimize.rule = Rule::named("lbfgs").unwrap();
    let (params, pretrained) = (params(), taper_transfer::model("squeezenet1_1").unwrap());
    let mut classifier = pretrained.classifier(&params, Head::default(), 3).unwrap();
    let said = fit(&mut classifier, &params, (&train, &val), &recipe, &mut []).unwrap_err().to_string();
    assert!(said.contains("head.hidden") && said.contains("512"), "{said}");
}

#[test]
fn a_range_test_leaves_the_network_as_it_was() {
    let place = tempfile::tempdir().unwrap();
    let (mut recipe, train, val) = loaders(place.path(), 6, 6);
    recipe.optimize.head_epochs = 0;
    let (mut classifier, params) = squeezenet(3);
    classifier.freeze(2).unwrap();
    let before = bits(&params);
    let found = range_test(&mut classifier, &params, (&train, &val), &recipe, (1e-6, 10.0, 150)).unwrap();
    assert!(bits(&params) == before && classifier.frozen() == 2);
    // It breaks before its end, and the rate that is named lies below the one with the lowest loss.
    let (named, lowest) = (found.named().unwrap(), found.lowest().unwrap());
    assert!(found.rates.len() < 150 && 1e-5 < named && named <= lowest && lowest < 1.0, "{named} {lowest}");
    let again = range_test(&mut classifier, &params, (&train, &val), &recipe, (1e-6, 10.0, 150)).unwrap();
    assert_eq!((found.losses, found.rates), (again.losses, again.rates));
    for range in [(0.0, 1.0, 60), (1.0, 0.5, 60), (1e-3, f64::NAN, 60), (1e-3, 1.0, 3)] {
        assert!(range_test(&mut classifier, &params, (&train, &val), &recipe, range).is_err());
    }
}

/// Remembers the steps of a run.
#[derive(Default)]
struct Steps(Vec<StepInfo>);

impl Observer for Steps {
    fn step(&mut self, info: &StepInfo) -> ControlFlow<()> {
        self.0.push(info.clone());
        ControlFlow::Continue(())
    }
}

#[test]
fn every_picture_is_trained_on_in_every_epoch_be_it_as_a_picture_or_as_features() {
    let place = tempfile::tempdir().unwrap();
    for plan in [Plan::Probe, Plan::Full] {
        let (mut recipe, train, val) = loaders(place.path(), 5, 4);
        (recipe.plan, recipe.optimize.head_epochs, recipe.optimize.epochs) = (plan, 1, 1);
        let (mut classifier, params) = squeezenet(3);
        let mut steps = Steps::default();
        fit(&mut classifier, &params, (&train, &val), &recipe, &mut [&mut steps]).unwrap();
        let seen: Vec<_> = steps.0.iter().map(|step| (step.epoch, step.pictures)).collect();
        assert_eq!(seen, [(1, 3), (1, 4), (1, 4), (1, 4), (2, 3), (2, 4), (2, 4), (2, 4)], "{plan:?}");
    }
}

#[test]
fn accumulated_batches_make_one_step_and_the_last_takes_what_is_left() {
    let place = tempfile::tempdir().unwrap();
    let (mut recipe, train, val) = loaders(place.path(), 5, 3);
    recipe.plan = Plan::Probe;
    (recipe.optimize.head_epochs, recipe.optimize.epochs, recipe.optimize.accumulate) = (1, 1, 2);
    let (mut classifier, params) = squeezenet(3);
    let mut steps = Steps::default();
    let outcome = fit(&mut classifier, &params, (&train, &val), &recipe, &mut [&mut steps]).unwrap();
    let seen: Vec<_> = steps.0.iter().map(|step| (step.epoch, step.step, step.pictures)).collect();
    assert_eq!(seen, [(1, 1, 6), (1, 2, 6), (1, 3, 3), (2, 4, 6), (2, 5, 6), (2, 6, 3)]);
    assert!(steps.0.iter().all(|step| step.steps_per_epoch == 3));
    // The schedule counts steps and not batches: its last one is the last of the run.
    assert!(outcome.lrs[5] < 1e-6 && outcome.lrs[4] > 1e-5, "{:?}", outcome.lrs);
    let mean = (2.0 * steps.0[0].loss + 2.0 * steps.0[1].loss + steps.0[2].loss) / 5.0;
    assert!((outcome.history[0].train_loss - mean).abs() < 1e-12);
}

#[test]
fn a_loop_written_by_hand_over_a_session_is_the_same_training() {
    let place = tempfile::tempdir().unwrap();
    let (mut recipe, train, val) = loaders(place.path(), 5, 4);
    (recipe.optimize.head_epochs, recipe.optimize.epochs) = (1, 1);
    let (mut classifier, params) = squeezenet(3);
    let whole = fit(&mut classifier, &params, (&train, &val), &recipe, &mut []).unwrap();
    let (mut other, copied) = squeezenet(3);
    let mut session = Session::new((&mut other, &copied), (&train, &val), &recipe, FitOptions::default()).unwrap();
    for phase in session.phases() {
        let mut run = PhaseRun::begin(&mut session, phase).unwrap();
        let data = run.data().unwrap();
        for epoch in run.epochs() {
            for batch in data.batches(epoch, 0) {
                run.step(batch.unwrap()).unwrap();
            }
            assert!(run.validate(&data, &mut []).unwrap().is_continue());
        }
        run.end(&data).unwrap();
    }
    let by_hand = session.into_outcome();
    assert_eq!((by_hand.lrs, by_hand.evaluation.loss), (whole.lrs, whole.evaluation.loss));
    assert!(bits(&params) == bits(&copied));
}
