//! Optimizers, schedules and averages by name, on the command line.

use std::fs;
use std::path::Path;

use crate::support::{fails, fine_tune, json, small, succeed};

const LION: [&str; 8] =
    ["--optimizer", "lion", "--schedule", "cosine_restarts", "--average", "ema", "--accumulate", "2"];

/// The training loss of each epoch of a run.
fn train_losses(run: &Path) -> Vec<f64> {
    let history = fs::read_to_string(run.join("history.csv")).unwrap();
    history.lines().skip(1).map(|line| line.split(',').nth(3).unwrap().parse().unwrap()).collect()
}

#[test]
fn an_averaged_run_with_rules_by_name_runs_again_from_its_own_recipe() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = (place.path(), small(place.path(), 6));
    for (out, more) in [("a", &LION[..]), ("plain", &[&LION[..5], &["none"], &LION[6..]].concat())] {
        let ran = fine_tune(folder, &[&["--out", out], more].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    succeed(folder, &["fine-tune", "-c", "a/recipe.toml", "--out", "b", "--threads", "3"]);
    let bytes = |run: &str, file: &str| fs::read(folder.join(run).join(file)).unwrap();
    for file in ["model.safetensors", "history.csv", "recipe.toml", "checkpoint/best.safetensors"] {
        assert_eq!(bytes("a", file), bytes("b", file), "{file} differs when the recipe runs again");
    }
    // The average is what is kept, and what was measured.
    assert_ne!(bytes("a", "model.safetensors"), bytes("plain", "model.safetensors"));
    let summary = json(&folder.join("a/summary.json"));
    assert_eq!((&summary["optimizer"], &summary["average"]), (&"lion".into(), &"ema".into()));
    let eval: serde_json::Value = serde_json::from_str(&succeed(folder, &["eval", "a", "--json"]).stdout).unwrap();
    assert_eq!(eval["accuracy"], summary["final"]["val_accuracy"]);
    assert!(String::from_utf8(bytes("a", "report.html")).unwrap().contains("their average (ema)"));
    // Averaging does not touch the way of the weights: the first epoch, which trains from the same,
    // is the same.
    assert_eq!(train_losses(&folder.join("a"))[0], train_losses(&folder.join("plain"))[0]);
}

#[test]
fn lbfgs_solves_the_head_of_a_probe_without_noise() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = (place.path(), small(place.path(), 6));
    let probe = ["--plan", "probe", "--optimizer", "lbfgs"];
    for (out, threads) in [("a", "1"), ("b", "3")] {
        let ran = fine_tune(folder, &[&["--out", out, "--threads", threads], &probe[..]].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    succeed(folder, &["fine-tune", "-c", "a/recipe.toml", "--out", "c"]);
    let bytes = |run: &str, file: &str| fs::read(folder.join(run).join(file)).unwrap();
    for file in ["model.safetensors", "history.csv", "recipe.toml"] {
        assert_eq!(bytes("a", file), bytes("b", file), "{file} depends on the number of threads");
        assert_eq!(bytes("a", file), bytes("c", file), "{file} differs when the recipe runs again");
    }
    let losses = train_losses(&folder.join("a"));
    assert!(losses.len() == 2 && losses[1] < losses[0], "{losses:?}");
    let summary = json(&folder.join("a/summary.json"));
    assert_eq!((&summary["plan"], &summary["optimizer"]), (&"probe".into(), &"lbfgs".into()));
    let eval: serde_json::Value = serde_json::from_str(&succeed(folder, &["eval", "a", "--json"]).stdout).unwrap();
    assert_eq!(eval["accuracy"], summary["final"]["val_accuracy"]);
}

#[test]
fn refusals_say_what_is_known_and_what_to_do() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = (place.path(), small(place.path(), 4));
    fails(&fine_tune(folder, &["--optimizer", "adamm"]), 2, &["adamm", "adamw", "lion", "lbfgs"]);
    fails(&fine_tune(folder, &["--schedule", "cosin"]), 2, &["cosin", "cosine_restarts", "one_cycle"]);
    fails(&fine_tune(folder, &["--average", "mean"]), 2, &["mean", "polyak", "ema", "swa"]);
    fails(&fine_tune(folder, &["--accumulate", "0"]), 2, &["optimize.accumulate", "from 1 to"]);
    fails(&fine_tune(folder, &["--optimizer", "lbfgs"]), 2, &["mini-batches", "different functions", "--plan probe"]);
    let lbfgs = ["--plan", "probe", "--optimizer", "lbfgs"];
    let with = |more: &[&str]| fine_tune(folder, &[&lbfgs[..], more].concat());
    fails(&with(&["--schedule", "cosine"]), 2, &["optimize.schedule", "line search"]);
    fails(&with(&["--average", "polyak"]), 2, &["optimize.average", "minimum"]);
    for (recipe, words) in [
        ("[augment]\ntrain = [\"hflip\"]\n", &["augmented pictures", "different functions", "--augment none"]),
        ("[head]\nhidden = 8\ndropout = 0.5\n", &["dropout", "different functions", "head.dropout = 0"]),
    ] {
        fs::write(folder.join("recipe.toml"), recipe).unwrap();
        fails(&with(&["-c", "recipe.toml"]), 2, words);
    }
    for (recipe, words) in [
        ("rule = \"adamm\"", &["line 2", "adamm", "adamw", "lion"][..]),
        ("rule = { name = \"lion\", beta3 = 0.9 }", &["line 2", "beta3", "beta1"]),
        ("rule = { name = \"lion\", beta1 = 2 }", &["optimize.rule", "beta1", "in [0, 1)", "2"]),
        ("schedule = { name = \"constant\", floor = 0 }", &["line 2", "floor"]),
        ("average = { name = \"ema\", decay = 1 }", &["optimize.average.decay", "in [0, 1)"]),
        ("clip = { name = \"value\", limit = 0 }", &["optimize.clip.limit", "positive"]),
        ("clip = true", &["line 2", "limit of the global norm"]),
        ("rule = { name = \"adafactor\", d = 0.5 }", &["optimize.rule", "d must be", "0.5"]),
        ("rule = { name = \"prodigy\", growth_rate = 0.5 }", &["optimize.rule.growth_rate", "from 1.0"]),
        ("rule = { name = \"soap\", max_dim = 100000 }", &["optimize.rule.max_dim", "from 1 to"]),
        ("rule = { name = \"sgdw\", dampening = 0.5, nesterov = true }", &["optimize.rule", "nesterov"]),
        ("lookahead = { alpha = 0.25 }", &["optimize.lookahead.alpha", "optimize.lookahead.k is 0"]),
        ("lookahead = { k = 5, alpha = 1.5 }", &["optimize.lookahead.alpha", "1.0"]),
        ("lookahead.k = 5\naverage = \"polyak\"", &["optimize.average", "lookahead"]),
        ("rule = \"schedule_free_adamw\"\naverage = \"swa\"", &["optimize.average", "schedule_free_adamw"]),
        ("sam = { rho = -1 }", &["optimize.sam.rho", "from 0.0"]),
        ("sam = { rho = 0.05 }\naccumulate = 2", &["optimize.sam.rho", "optimize.accumulate"]),
        (
            "rule = \"adagrad\"\nschedule = { name = \"one_cycle\", base_momentum = 0.8 }",
            &["optimize.schedule", "adagrad"],
        ),
        ("schedule = { name = \"one_cycle\", max_momentum = 1 }", &["optimize.schedule", "max_momentum"]),
        ("schedule = { name = \"cosine_restarts\", decay = 2 }", &["optimize.schedule", "decay"]),
        ("schedule = { name = \"triangular\", mode = \"triangular3\" }", &["triangular3", "triangular2"]),
        ("rule = \"lion\"\nmomentum = 0.9", &["optimize.momentum", "rule = {"]),
    ] {
        fs::write(folder.join("recipe.toml"), format!("[optimize]\n{recipe}\n")).unwrap();
        fails(&fine_tune(folder, &["-c", "recipe.toml"]), 2, words);
    }
    assert!(!folder.join("runs").exists());
}

/// Each trains by its name, and what is measured of it is what it leaves.
#[test]
fn what_is_validated_is_what_is_left_whatever_the_rule() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = (place.path(), small(place.path(), 5));
    let plain = ["--optimizer", "sgdw", "--plan", "top"];
    let with = |more: &[&'static str]| [&plain[..], more].concat();
    let mut models = Vec::new();
    for (i, args) in [
        with(&[]),
        with(&["--lookahead", "3"]),
        with(&["--lookahead", "3", "--lookahead-alpha", "0.25"]),
        with(&["--sam", "0.05"]),
        with(&["--centralize"]),
        vec!["--optimizer", "schedule_free_adamw", "--schedule", "constant", "--plan", "top"],
        vec!["--optimizer", "adafactor", "--plan", "top"],
        vec!["--optimizer", "prodigy", "--plan", "top"],
        vec!["--optimizer", "soap", "--plan", "top"],
        vec!["--optimizer", "nadamw", "--plan", "top"],
        vec!["--optimizer", "radamw", "--plan", "top"],
    ]
    .into_iter()
    .enumerate()
    {
        let out = format!("run{i}");
        let ran = fine_tune(folder, &[&["--passes", "2", "--out", &out], &args[..]].concat());
        assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.stderr);
        assert!(train_losses(&folder.join(&out)).iter().all(|loss| loss.is_finite()), "{args:?}");
        let summary = json(&folder.join(&out).join("summary.json"));
        assert_eq!(summary["optimizer"], args[1]);
        let eval: serde_json::Value = serde_json::from_str(&succeed(folder, &["eval", &out, "--json"]).stdout).unwrap();
        assert_eq!(eval["accuracy"], summary["final"]["val_accuracy"], "{args:?}");
        assert_eq!(eval["loss"], summary["final"]["val_loss"], "{args:?}");
        let model = fs::read(folder.join(&out).join("model.safetensors")).unwrap();
        assert!(!models.contains(&model), "{args:?} makes no difference");
        models.push(model);
    }
}

#[test]
fn a_gradient_that_is_not_finite_ends_the_run_or_is_skipped() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = (place.path(), small(place.path(), 4));
    let wild = "[optimize]\nrule = \"sgd\"\nclip = \"none\"\nrate = 1e30\nschedule = \"constant\"\n";
    fs::write(folder.join("error.toml"), wild).unwrap();
    fails(&fine_tune(folder, &["-c", "error.toml", "--out", "error"]), 1, &["training stopped in epoch", "not finite"]);
    fs::write(folder.join("skip.toml"), format!("{wild}non_finite = \"skip\"\n")).unwrap();
    let ran = fine_tune(folder, &["-c", "skip.toml", "--out", "skip"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    // Whichever of both gradients of a step it is.
    let sam = fine_tune(folder, &["-c", "skip.toml", "--out", "sam", "--sam", "0.05"]);
    assert_eq!(sam.code, Some(0), "{}", sam.stderr);
    assert!(json(&folder.join("sam/summary.json"))["skipped_steps"].as_u64().unwrap() > 0);
    let summary = json(&folder.join("skip/summary.json"));
    assert!(summary["skipped_steps"].as_u64().unwrap() > 0, "{summary}");
}
