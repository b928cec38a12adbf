//! What has to hold of a training.

use std::ops::ControlFlow;
use std::path::Path;

use taper_caption::data::{Part, karpathy};
use taper_caption::model::{CaptionCard, Captioner, open as open_model};
use taper_caption::train::{Ended, Recipe, Summary, TrainError, judgment, resume, run};
use taper_tensor::Rng;
use taper_trainer::Silent;
use taper_trainer::epochs::Watcher;
use taper_trainer::fit::StepInfo;
use taper_trainer::store::checkpoint::Every;

use crate::caption_set::captioned;
use crate::golden_file::path;

/// A recipe of seconds: two epochs of words, one of everything.
fn recipe(data: &Path, more: &str) -> Recipe {
    let text = format!(
        "model = \"small_cnn\"\npretrained = false\nhidden = 24\nsize = 32\nseed = 5\n{more}\n\
         [words]\nleast = 1\nembed = 12\n[optimize]\nepochs = 2\nbatch_size = 3\n\
         [fine_tune]\nepochs = 1\nfrozen = 1\n[search]\nbeam = 2\nmost = 8\n"
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

fn left(run: &Path) -> [Vec<u8>; 4] {
    ["model.safetensors", "history.csv", "model.json", "recipe.toml"].map(|name| std::fs::read(run.join(name)).unwrap())
}

#[test]
fn threads_and_stops_change_no_bit() {
    let place = tempfile::tempdir().unwrap();
    captioned(place.path(), 8, 3);
    for cell in ["lstm", "gru"] {
        let recipe = recipe(place.path(), &format!("cell = \"{cell}\""));
        let at = |name: &str| place.path().join(format!("{name}-{cell}"));
        let summary = trained(&recipe, &at("one"), 1);
        trained(&recipe, &at("three"), 3);
        assert_eq!(left(&at("one")), left(&at("three")));
        assert_eq!((summary.epochs, summary.train_images, summary.val_images), (3, 8, 3));
        assert!(summary.train_loss.is_finite() && summary.last.loss.is_finite());

        // Three steps an epoch: in the first phase, at its last step, and in the second.
        let every = Every::Steps(1);
        let stop = run(&recipe, (Some(&at("stopped")), every), 1, &Silent, &mut After(2)).unwrap();
        assert!(matches!(stop, Ended::Interrupted { .. }));
        let again = |step| resume(&at("stopped"), every, 1, &Silent, &mut After(step));
        for step in [6, 8] {
            assert!(matches!(again(step).unwrap(), Ended::Interrupted { .. }));
        }
        assert!(matches!(again(usize::MAX).unwrap(), Ended::Done(_)));
        assert_eq!(left(&at("one")), left(&at("stopped")));
        assert!(matches!(again(9), Err(TrainError::AtEnd { .. })));
    }
}

#[test]
fn a_run_does_not_go_on_with_other_captions_or_settings() {
    let place = tempfile::tempdir().unwrap();
    captioned(place.path(), 4, 1);
    let (run_folder, recipe) = (place.path().join("run"), recipe(place.path(), ""));
    run(&recipe, (Some(&run_folder), Every::Epoch), 1, &Silent, &mut After(1)).unwrap();
    let again = || resume(&run_folder, Every::Epoch, 1, &Silent, &mut After(usize::MAX)).unwrap_err().to_string();
    let path = run_folder.join("recipe.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("dropout = 0.5", "dropout = 0.4")).unwrap();
    assert!(again().contains("another recipe"));
    std::fs::write(&path, text).unwrap();
    let captions = place.path().join("captions.json");
    let text = std::fs::read_to_string(&captions).unwrap();
    std::fs::write(&captions, text.replacen("disk", "square", 1)).unwrap();
    assert!(again().contains("other pictures or captions"));
}

/// Which parameters are not what they began as.
fn changed(run: &Path, seed: u64) -> Vec<String> {
    let after = open_model(run).unwrap();
    let (_, before) = Captioner::new(&after.card, Rng::new(seed).fork("init")).unwrap();
    let (before, after) = (before.tensors(), after.params.tensors());
    let values = |t: &candle_core::Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    before.keys().filter(|name| values(&before[*name]) != values(&after[*name])).cloned().collect()
}

#[test]
fn the_backbone_is_trained_in_the_second_phase_and_only_there() {
    let place = tempfile::tempdir().unwrap();
    captioned(place.path(), 4, 1);
    let mut recipe = recipe(place.path(), "");
    let out = |name: &str| place.path().join(name);
    trained(&recipe, &out("both"), 2);
    let model = open_model(&out("both")).unwrap();
    let frozen = &model.network.backbone().stages()[0];
    for name in model.params.tensors().keys() {
        let still = frozen.owns(name) || name.contains("running");
        assert_eq!(changed(&out("both"), 5).contains(name), !still, "{name}");
    }
    recipe.fine_tune.epochs = 0;
    trained(&recipe, &out("words"), 2);
    assert!(changed(&out("words"), 5).iter().all(|name| name.starts_with("caption.")));
}

#[test]
fn words_begin_with_their_vectors_and_stay_with_them_if_asked() {
    let place = tempfile::tempdir().unwrap();
    captioned(place.path(), 6, 2);
    let mut recipe = recipe(place.path(), "");
    recipe.words.vectors = Some(path("glove.50d.txt").into());
    let begun =
        |recipe: &Recipe| run(recipe, (Some(&place.path().join("no")), Every::Epoch), 1, &Silent, &mut After(1));
    let said = begun(&recipe).unwrap_err();
    assert!(
        said.is_usage() && said.to_string().contains("vectors of 50 numbers; the network's words have 12"),
        "{said}"
    );
    recipe.words.embed = None;
    recipe.words.tuned = false;
    let summary = trained(&recipe, &place.path().join("kept"), 2);
    assert_eq!(summary.words_with_vectors, 3);
    let kept = open_model(&place.path().join("kept")).unwrap();
    assert_eq!(kept.card.embed, 50);
    let row = |model: &taper_caption::model::Model, word: &str| -> Vec<f32> {
        let number = model.card.vocabulary.numbers(&[word.to_owned()])[0];
        model.network.words().get(number as usize).unwrap().to_vec1().unwrap()
    };
    assert_eq!(row(&kept, "of")[..3], [0.70853, 0.57088, -0.4716]);
    recipe.words.tuned = true;
    trained(&recipe, &place.path().join("tuned"), 2);
    let tuned = open_model(&place.path().join("tuned")).unwrap();
    let apart = row(&tuned, "of").iter().zip(row(&kept, "of")).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(apart > 0.0 && apart < 0.1, "{apart}");

    let other = place.path().join("other.txt");
    std::fs::write(&other, "zebra 1 2\n").unwrap();
    recipe.words.vectors = Some(other);
    assert!(begun(&recipe).unwrap_err().to_string().contains("a vector for none of the"));
}

#[test]
fn a_captioner_learns_what_it_is_shown() {
    let place = tempfile::tempdir().unwrap();
    captioned(place.path(), 48, 16);
    let mut recipe = recipe(place.path(), "");
    (recipe.model, recipe.pretrained, recipe.size) = ("squeezenet1_1".to_owned(), true, 64);
    (recipe.hidden, recipe.dropout, recipe.words.embed) = (64, 0.2, Some(32));
    (recipe.optimize.epochs, recipe.optimize.measure_every, recipe.optimize.batch_size) = (30, 30, 8);
    recipe.optimize.lr = Some(1e-2);
    recipe.fine_tune.epochs = 0;
    let summary = trained(&recipe, &place.path().join("run"), 2);
    assert!(summary.last.metrics.exact > 0.7 && summary.last.metrics.cider > 1.0, "{:?}", summary.last);
    // The same weights from the folder give the same figures.
    let model = open_model(&place.path().join("run")).unwrap();
    let parts = karpathy::read(place.path(), None).unwrap();
    let (said, again) = judgment(&model, parts.get(Part::Val), model.card.search, |_| ()).unwrap();
    assert_eq!((again, said.len()), (summary.last, 16));
}

#[test]
fn settings_that_cannot_be_are_named() {
    for (text, word) in [
        ("[optimize]\nlr = 0\n", "optimize.lr"),
        ("[optimize]\nrule = { name = \"lbfgs\" }\n", "optimize.rule"),
        ("[optimize]\nbatch_size = 0\n", "optimize.batch_size"),
        ("[fine_tune]\nbackbone_lr_scale = 0\n", "fine_tune.backbone_lr_scale"),
        ("[words]\nleast = 0\n", "words.least"),
        ("[search]\nbeam = 0\n", "search.beam"),
        ("dropout = 1\n", "dropout"),
        ("size = 3\n", "size"),
        ("speed = 1\n", "no recipe"),
    ] {
        let said = Recipe::parse(text, "r.toml".as_ref()).unwrap_err();
        assert!(said.is_usage() && said.to_string().contains(word), "{said}");
    }
    let place = tempfile::tempdir().unwrap();
    captioned(place.path(), 2, 1);
    let mut unknown = recipe(place.path(), "");
    let begun = |recipe: &Recipe| {
        run(recipe, (Some(&place.path().join("run")), Every::Epoch), 1, &Silent, &mut After(1)).unwrap_err().to_string()
    };
    unknown.words.least = 1000;
    assert!(begun(&unknown).contains("words.least must be smaller"));
    unknown.words.least = 1;
    unknown.fine_tune.frozen = 99;
    assert!(begun(&unknown).contains("fine_tune.frozen"));
    assert!(!place.path().join("run").exists());
    let said = CaptionCard::read("nowhere.json".as_ref()).unwrap_err().to_string();
    assert!(said.contains("nowhere.json"), "{said}");
    assert!(open_model(place.path()).unwrap_err().to_string().contains("no run of a captioner"));
}
