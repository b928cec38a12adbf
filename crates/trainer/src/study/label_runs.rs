//! Whole runs on pictures with several labels and with numbers.

use std::path::Path;
use std::sync::Arc;

use taper_data::{LabelKind, LeftOut, Look};
use taper_nn::Mode;

use crate::build::labeled::labeled;
use crate::build::labels::target;
use crate::build::model;
use crate::evaluate::number_metrics::number_scores;
use crate::files;
use crate::listener::Silent;
use crate::objective::{Figure, Metric, Objective};
use crate::recipe::{AugmentRecipe, NormalizeRecipe, Recipe};
use crate::store::claim::RunFolder;
use crate::store::ledger::Ledger;
use crate::store::pictures::Pictures;
use crate::store::summary::{SUMMARY, Summary};
use crate::study::finished::Finished;
use crate::study::run::{Ended, Manner, Run};

fn pictures(kind: LabelKind) -> Pictures {
    Pictures {
        train: Arc::new(labeled(kind, 64)),
        val: Arc::new(labeled(kind, 48)),
        unreadable: 0,
        left_out: LeftOut::default(),
        findings: Vec::new(),
        ledger: Arc::new(Ledger::default()),
        look: Look::Decode,
    }
}

fn recipe(more: &str) -> Recipe {
    let mut recipe = Recipe::from_scratch();
    recipe.augment = AugmentRecipe::none();
    recipe.data.normalize = NormalizeRecipe::Network {};
    (recipe.data.image_size, recipe.data.batch_size, recipe.data.passes) = (16, 16, Some(4));
    let more = toml::from_str(more).unwrap();
    recipe.with(more, Path::new("test")).unwrap()
}

/// Trains, and shows what came out, with the folder.
fn run(kind: LabelKind, more: &str, see: impl FnOnce(&Finished<'_>, &Path)) {
    let (recipe, pictures, place) = (recipe(more), pictures(kind), tempfile::tempdir().unwrap());
    let folder = RunFolder::take(&place.path().join("run"), &Silent).unwrap();
    let run = Run::new(&recipe, &pictures, Manner { threads: 1, quiet: true, ..Manner::default() }).unwrap();
    let Ended::Done(finished) = run.train(&folder, &mut []).unwrap() else { panic!("interrupted") };
    see(&finished, folder.path());
    finished.conclude(None).unwrap();
    let summary = Summary::read(&folder.path().join(SUMMARY)).unwrap();
    assert_eq!(summary.r#final.figure.metric() == Metric::Accuracy, kind == LabelKind::One);
}

#[test]
fn several_labels_are_learned_with_thresholds() {
    for more in
        ["", "[data]\nbalance = \"weights\"\nlabels = \"many\"\n[regularize]\nlabel_smoothing = 0.1\nmixup = 0.2"]
    {
        run(LabelKind::Many, more, |finished, folder| {
            let Figure::Map(map) = finished.summary.r#final.figure else { panic!("no mAP") };
            assert!(map > 0.95, "{more}: {map}");
            let history = files::read_text(&folder.join("history.csv")).unwrap();
            assert!(history.starts_with("epoch,phase,rate,train_loss,val_loss,val_map\n"));
            // The card has the thresholds that are best on the validation pictures.
            let card = model::card(folder).unwrap();
            assert_eq!(card.objective, finished.outcome.evaluation.with_thresholds());
            let Objective::Many { thresholds } = &card.objective else { panic!("{:?}", card.objective) };
            assert!(thresholds.iter().all(|share| *share > 0.0 && *share < 1.0), "{thresholds:?}");
        });
    }
}

#[test]
fn numbers_are_learned_and_told_in_their_units() {
    for loss in ["\"l2\"", "\"l1\"", "{ name = \"huber\", delta = 0.5 }"] {
        run(LabelKind::Number, &format!("[optimize]\nnumber_loss = {loss}"), |finished, folder| {
            let Figure::R2(r2) = finished.summary.r#final.figure else { panic!("no R2") };
            assert!(r2 > 0.8, "{loss}: {r2}");
            let scores =
                number_scores(&finished.outcome.evaluation.probabilities, &finished.outcome.evaluation.targets);
            assert!(scores.iter().all(|score| score.rmse < 40.0), "{loss}: {scores:?}");
            // Opened again, the model says the same numbers.
            let model = model::open(folder, None, &Silent).unwrap();
            let picture = finished.pictures.val.get(0).unwrap();
            let (_, pixels) = model.card.prepare(picture).unwrap();
            let logits = model.classifier.forward(&pixels, Mode::Eval).unwrap();
            let said = model.card.objective.answers(&logits).unwrap().to_vec2::<f64>().unwrap();
            let validated = &finished.outcome.evaluation.probabilities[0];
            assert!(
                said[0].iter().zip(validated).all(|(a, b)| (a - f64::from(*b)).abs() < 0.01),
                "{said:?} {validated:?}"
            );
            let truth = target(&*finished.pictures.val, 0).unwrap();
            assert!(said[0].iter().zip(&truth).all(|(a, b)| (a - f64::from(*b)).abs() < 150.0), "{said:?} {truth:?}");
        });
    }
}

#[test]
fn a_linear_head_is_solved_for_several_labels() {
    let more = "plan = \"probe\"\n[optimize]\nrule = \"lbfgs\"\nhead_epochs = 1\nepochs = 1\n[regularize]\nlabel_smoothing = 0.0";
    run(LabelKind::Many, more, |finished, _| {
        let Figure::Map(map) = finished.summary.r#final.figure else { panic!("no mAP") };
        assert!(map > 0.6, "{map}");
    });
}
