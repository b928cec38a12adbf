//! A run that is broken off ends as if it had never stopped.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use taper_tensor::Rng;
use taper_trainer::Silent;
use taper_trainer::build::network::{Network, network};
use taper_trainer::build::pipeline::{eval_loader, train_loader};
use taper_trainer::fit::{FitOptions, Observer, StepInfo, fit_with};
use taper_trainer::recipe::Recipe;
use taper_trainer::store::checkpoint::{Checkpoints, Every};
use taper_trainer::store::identity::Identity;

use crate::support::{SHORT, command, fails, fine_tune, listing, small, succeed, taper};

/// Ends a training after so many steps of the process.
struct Stop(usize);

impl Observer for Stop {
    fn step(&mut self, _: &StepInfo) -> ControlFlow<()> {
        self.0 -= 1;
        if self.0 == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Trains until it is stopped or at its end; the bits of weights, rates and history when it is at
/// its end.
fn train(recipe: &Recipe, options: FitOptions<'_>, stop: usize) -> Option<(Vec<u32>, Vec<u64>)> {
    let splits = taper_data::open(&recipe.data.path, &taper_data::OpenConfig::default(), &Rng::new(0)).unwrap();
    let Network { card, mut classifier, params, .. } = network(recipe, &*splits.train, &Silent).unwrap();
    let train = train_loader(splits.train, recipe, card.input(), 1).unwrap();
    let val = eval_loader(splits.val, 4, card.input(), 1).unwrap();
    let observers: &mut [&mut dyn Observer] = &mut [&mut Stop(stop)];
    let outcome = fit_with((&mut classifier, &params), (&train, &val), recipe, observers, options).unwrap();
    if outcome.stopped {
        return None;
    }
    let weights =
        params.tensors().into_values().flat_map(|tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap());
    let row = |e: &taper_trainer::fit::EpochInfo| [e.lr, e.train_loss, e.val_loss, e.val_accuracy];
    let ends = [outcome.evaluation.loss, outcome.penalty, outcome.skipped as f64];
    let numbers = outcome.history.iter().flat_map(row).chain(outcome.lrs.clone()).chain(ends);
    Some((weights.map(f32::to_bits).collect(), numbers.map(f64::to_bits).collect()))
}

#[test]
fn whatever_a_recipe_says_it_goes_on_from_any_step_to_the_same_bits() {
    let place = tempfile::tempdir().unwrap();
    small(place.path(), 5);
    // What is remembered: moments, averages, a plateau, patience and its best network, a phase
    // before.
    for (i, text) in [
        "optimize.average = \"ema\"\nregularize.patience = 1\nregularize.min_delta = 0.05",
        "optimize.schedule = { name = \"reduce_on_plateau\", patience = 0, threshold = 0.5 }\noptimize.rule = \"momentum\"",
        "plan = \"gradual\"\noptimize.accumulate = 2\noptimize.non_finite = \"skip\"\nregularize.l1 = 1e-4",
        "plan = \"probe\"\ndata.variants = 2\noptimize.average = { name = \"swa\", start = 0.2, every = 0.4 }",
        "model = \"resnet18_narrow\"\npretrained = false\nregularize.stochastic_depth = 0.5\nregularize.mixup = 0.2",
        "optimize.rule = \"schedule_free_adamw\"\noptimize.schedule = \"constant\"\nregularize.patience = 1",
        "plan = \"gradual\"\noptimize.rule = \"sgdw\"\noptimize.lookahead = { k = 3, alpha = 0.25 }\noptimize.centralize = true",
        "model = \"resnet18_narrow\"\npretrained = false\noptimize.sam.rho = 0.05\nregularize.stochastic_depth = 0.5",
        "optimize.rule = { name = \"soap\", frequency = 2, max_dim = 100 }\noptimize.schedule = { name = \"one_cycle\", base_momentum = 0.8 }",
        "plan = \"gradual\"\noptimize.rule = \"prodigy\"",
    ]
    .into_iter()
    .enumerate()
    {
        let mut recipe = Recipe::parse(text, "r.toml".as_ref()).unwrap();
        recipe.data.path = place.path().join("pictures");
        (recipe.data.image_size, recipe.data.batch_size, recipe.data.passes) = (48, 3, Some(1));
        (recipe.optimize.head_epochs, recipe.optimize.epochs) = (1, 3);
        recipe.check().unwrap();
        let whole = train(&recipe, FitOptions::default(), 1000).unwrap();
        for stop in [1, 3, 5] {
            let run = place.path().join(format!("run{i}-{stop}"));
            fs::create_dir_all(run.join("checkpoint")).unwrap();
            let checkpoints = Checkpoints::new(&run, Every::Epoch, Identity::default());
            // Stopped again and again after as many steps.
            let ended = (0..100).find_map(|_| {
                let resume = checkpoints.latest(&Silent).unwrap();
                train(&recipe, FitOptions { checkpoints: Some(checkpoints.clone()), resume, scratch: Some(&run), ..FitOptions::default() }, stop)
            });
            assert!(ended.unwrap() == whole, "{text}: stopped every {stop} steps");
            assert_eq!(listing(&run).len(), 2);
        }
    }
}

/// The files that a run is judged by.
fn ends(run: &Path) -> [Vec<u8>; 5] {
    ["model.safetensors", "history.csv", "health.csv", "recipe.toml", "checkpoint/best.safetensors"]
        .map(|file| fs::read(run.join(file)).unwrap())
}

/// `kill -9` at twenty moments drawn by seed, between steps and in them, while files are written
/// and while there are none.
#[test]
fn killed_at_any_moment_a_run_ends_as_if_it_had_never_stopped() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    small(folder, 8);
    let new =
        [&["fine-tune", "pictures"], &SHORT[..7], &["3", "--passes", "2", "--checkpoint-every", "2", "--out"]].concat();
    let start = Instant::now();
    succeed(folder, &[&new[..], &["whole"]].concat());
    let (whole, took) = (ends(&folder.join("whole")), start.elapsed());
    let (mut rng, mut kills) = (Rng::new(4).fork("kill"), 0);
    for number in 0.. {
        let name = format!("run{number}");
        let run = folder.join(&name);
        loop {
            // Killed so early that nothing was written, it is begun again.
            let begun = run.join("recipe.toml").is_file();
            let go_on = ["resume", &name, "--checkpoint-every", "2"];
            let args = if begun { go_on.to_vec() } else { [&new[..], &[&name]].concat() };
            let mut child = command(folder, &args)
                .stderr(std::process::Stdio::null())
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap();
            if kills < 20 {
                std::thread::sleep(Duration::from_secs_f64(rng.uniform(0.0, 0.9) * took.as_secs_f64()));
                if child.try_wait().unwrap().is_none() {
                    kills += 1;
                    child.kill().unwrap();
                    child.wait().unwrap();
                    continue;
                }
            }
            assert!(child.wait().unwrap().success());
            break;
        }
        assert!(ends(&run) == whole, "{name} after {kills} kills");
        assert_eq!(listing(&run), listing(&folder.join("whole")), "{name}");
        if kills >= 20 {
            return;
        }
    }
}

#[test]
fn what_cannot_go_on_is_said() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    small(folder, 4);
    assert_eq!(fine_tune(folder, &["--out", "run"]).code, Some(0));
    assert!(succeed(folder, &["resume", "run"]).stdout.contains("at its end"));
    fails(&taper(folder, &["resume", "nowhere"]), 1, &["nowhere is no run"]);
    fails(&fine_tune(folder, &["--checkpoint-every", "0"]), 2, &["--checkpoint-every", "5m"]);
    // Without a checkpoint it begins again, and passes over one that is broken.
    fs::remove_file(folder.join("run/summary.json")).unwrap();
    fs::write(folder.join("run/checkpoint/step-00000001.checkpoint"), "half").unwrap();
    let ran = succeed(folder, &["resume", "run"]);
    assert!(ran.stderr.contains("passed over") && ran.stderr.contains("begins again"), "{}", ran.stderr);
    assert!(ran.stderr.contains("weights: 50 loaded"), "{}", ran.stderr);
}
