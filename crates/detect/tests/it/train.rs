//! What has to hold of a training.

use std::ops::ControlFlow;
use std::path::Path;

use taper_detect::data::{Framing, Loading, Side, open_side};
use taper_detect::model::{DetectorCard, open as open_model};
use taper_detect::train::{Ended, Recipe, Summary, TrainError, resume, run};
use taper_tensor::Rng;
use taper_trainer::Silent;
use taper_trainer::epochs::Watcher;
use taper_trainer::fit::StepInfo;
use taper_trainer::store::checkpoint::Every;

use crate::scene_set::scenes;

/// A recipe of seconds.
fn recipe(data: &Path, more: &str) -> Recipe {
    let text = format!(
        "model = \"small_cnn\"\npretrained = false\nhidden = 32\npooled = 3\nseed = 5\n{more}\n\
         [pictures]\nshort = 64\nlong = 96\n[training]\nfrozen = 1\nrpn = {{ anchors = 32 }}\nhead = {{ regions = 16 }}\n\
         [optimize]\nepochs = 2\nbatch_size = 2\n"
    );
    let mut recipe = Recipe::parse(&text, "recipe.toml".as_ref()).unwrap();
    recipe.data = data.into();
    recipe
}

/// Ends a training after so many steps.
struct After(usize);

impl Watcher for After {
    fn step(&mut self, info: &StepInfo) -> ControlFlow<()> {
        if info.step >= self.0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn trained(recipe: &Recipe, out: &Path, threads: usize) -> Summary {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let ended = pool.install(|| run(recipe, (Some(out), Every::Epoch), threads, &Silent, &mut After(usize::MAX)));
    match ended.unwrap() {
        Ended::Done(summary) => *summary,
        Ended::Interrupted { .. } => panic!("nobody asked for it"),
    }
}

fn left(run: &Path) -> [Vec<u8>; 3] {
    ["model.safetensors", "history.csv", "model.json"].map(|name| std::fs::read(run.join(name)).unwrap())
}

#[test]
fn threads_and_stops_change_no_bit() {
    let place = tempfile::tempdir().unwrap();
    scenes(place.path(), 6, 2);
    let (recipe, at) = (recipe(place.path(), ""), |name: &str| place.path().join(name));
    let summary = trained(&recipe, &at("one"), 1);
    trained(&recipe, &at("three"), 3);
    assert_eq!(left(&at("one")), left(&at("three")));
    assert_eq!((summary.epochs, summary.train_images, summary.classes.len()), (2, 6, 2));
    assert!(summary.train_loss.is_finite() && summary.last.ap.is_some());

    // In the middle of an epoch, twice; the frozen stage stays as it began.
    let stop = |step| run(&recipe, (Some(&at("stopped")), Every::Epoch), 1, &Silent, &mut After(step)).unwrap();
    assert!(matches!(stop(2), Ended::Interrupted { .. }));
    let again = |step| resume(&at("stopped"), Every::Steps(1), 1, &Silent, &mut After(step));
    assert!(matches!(again(4).unwrap(), Ended::Interrupted { .. }));
    assert!(matches!(again(usize::MAX).unwrap(), Ended::Done(_)));
    assert_eq!(left(&at("one")), left(&at("stopped")));
    assert!(matches!(again(9), Err(TrainError::AtEnd { .. })));
}

#[test]
fn a_run_does_not_go_on_with_other_boxes_or_settings() {
    let place = tempfile::tempdir().unwrap();
    scenes(place.path(), 4, 1);
    let (run_folder, recipe) = (place.path().join("run"), recipe(place.path(), ""));
    run(&recipe, (Some(&run_folder), Every::Epoch), 1, &Silent, &mut After(1)).unwrap();
    let again = || resume(&run_folder, Every::Epoch, 1, &Silent, &mut After(usize::MAX));
    let path = run_folder.join("recipe.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("seed = 5", "seed = 6")).unwrap();
    assert!(again().unwrap_err().to_string().contains("another recipe"));
    std::fs::write(&path, text).unwrap();
    let boxes = place.path().join("train.json");
    let text = std::fs::read_to_string(&boxes).unwrap();
    // One box a pixel further left.
    let at = text.find("\"bbox\":[").unwrap() + 8;
    std::fs::write(&boxes, format!("{}1{}", &text[..at], &text[at..])).unwrap();
    assert!(again().unwrap_err().to_string().contains("other pictures"));
}

#[test]
fn frozen_stages_keep_their_weights_and_the_others_do_not() {
    let place = tempfile::tempdir().unwrap();
    scenes(place.path(), 4, 1);
    let (recipe, out) = (recipe(place.path(), ""), place.path().join("run"));
    trained(&recipe, &out, 2);
    let after = open_model(&out).unwrap();
    let (_, before) = taper_detect::model::Detector::new(&after.card, Rng::new(recipe.seed).fork("init")).unwrap();
    let (before, after, stages) =
        (before.tensors(), after.params.tensors(), after.detector.backbone().stages().to_vec());
    let same = |name: &String| {
        let values = |t: &candle_core::Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        values(&before[name]) == values(&after[name])
    };
    for name in before.keys() {
        let frozen = stages[0].owns(name) || name.contains("running");
        assert_eq!(same(name), frozen, "{name}");
    }
}

#[test]
fn a_detector_learns_what_it_is_shown() {
    let place = tempfile::tempdir().unwrap();
    scenes(place.path(), 24, 8);
    let mut recipe = recipe(place.path(), "");
    recipe.model = "squeezenet1_1".to_owned();
    recipe.pretrained = true;
    recipe.hidden = 64;
    recipe.stage = Some("fire4-5".to_owned());
    recipe.optimize.epochs = 20;
    recipe.optimize.measure_every = 20;
    recipe.optimize.lr = Some(1e-3);
    let summary = trained(&recipe, &place.path().join("run"), 2);
    assert!(summary.last.ap50.unwrap() > 0.5, "{:?}", summary.last);
    // The same weights from the folder give the same figures.
    let model = open_model(&place.path().join("run")).unwrap();
    let set = open_side(place.path(), Side::Val).unwrap();
    let normalize = model.card.normalize().unwrap();
    let loading = Loading { set: &set, framing: model.card.framing, normalize, augment: None, proposals: None };
    let answers = taper_detect::train::answers(&model.detector, &loading, &model.card.asking, 8, |_| ()).unwrap();
    assert_eq!(answers.metrics(2), summary.last);
}

#[test]
fn proposals_from_a_file_take_the_place_of_the_network_that_makes_them() {
    let place = tempfile::tempdir().unwrap();
    scenes(place.path(), 4, 2);
    let boxes = "[[2,2,40,40],[10,10,60,60],[0,20,30,64]]";
    let all: Vec<String> = (0..4).map(|i| format!("\"{i:04}.png\":{boxes}")).collect();
    let file = place.path().join("proposals.json");
    std::fs::write(&file, format!("{{{}}}", all.join(","))).unwrap();
    let mut recipe = recipe(place.path(), "pooling = \"max\"");
    recipe.proposals = Some(file.clone());
    let out = place.path().join("run");
    trained(&recipe, &out, 2);
    let model = open_model(&out).unwrap();
    assert!(!model.detector.proposes() && model.card.anchors.is_none());
    assert!(model.params.tensors().keys().all(|name| !name.starts_with("rpn")));
    std::fs::write(&file, "{}").unwrap();
    let said = run(&recipe, (Some(&place.path().join("none")), Every::Epoch), 1, &Silent, &mut After(9)).unwrap_err();
    assert!(said.to_string().contains("no proposals for the picture"), "{said}");
}

#[test]
fn settings_that_cannot_be_are_named() {
    for (text, word) in [
        ("[optimize]\nlr = 0\n", "optimize.lr"),
        ("[optimize]\nschedule = { name = \"reduce_on_plateau\" }\n", "optimize.schedule"),
        ("[optimize]\nbatch_size = 0\n", "optimize.batch_size"),
        ("[pictures.augment]\nflip = 2\n", "augment.flip"),
        ("[training.head]\npositive = -1\n", "training.head.positive"),
        ("[anchors]\nsizes = [-1.0]\nratios = [1.0]\n", "anchors.sizes"),
        ("speed = 1\n", "no recipe"),
    ] {
        let said = Recipe::parse(text, "r.toml".as_ref()).unwrap_err().to_string();
        assert!(said.contains(word), "{said}");
    }
    let place = tempfile::tempdir().unwrap();
    scenes(place.path(), 2, 1);
    let mut unknown = recipe(place.path(), "stage = \"nowhere\"");
    let begun = |recipe: &Recipe| {
        run(recipe, (Some(&place.path().join("run")), Every::Epoch), 1, &Silent, &mut After(1)).unwrap_err().to_string()
    };
    assert!(begun(&unknown).contains("nowhere"));
    unknown.stage = None;
    unknown.training.frozen = 9;
    assert!(begun(&unknown).contains("training.frozen"));
    assert!(!place.path().join("run").exists());
}

#[test]
fn a_stage_for_sixteen_pixels_is_the_usual_one() {
    assert_eq!(DetectorCard::usual_stage("squeezenet1_1").unwrap(), "fire6-9");
    assert_eq!(DetectorCard::usual_stage("resnet18").unwrap(), "layer3");
    assert_eq!(Framing { short: 100, long: 150 }.size((400, 200)), (150, 75));
}
