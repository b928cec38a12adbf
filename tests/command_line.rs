//! The verbs on real pictures.

use std::fs;

use crate::support::{EMOJI, command, fails, fine_tune, json, listing, small, succeed, taper};

#[test]
fn a_sheet_shows_where_an_answer_comes_from() {
    let place = tempfile::tempdir().unwrap();
    let picture = format!("{EMOJI}/val/clock/alarm_clock.png");
    let args = ["explain", "squeezenet1_1", &picture, "--png", "why.png", "--side", "64"];
    let said = succeed(place.path(), &args).stdout;
    assert!(said.contains("analog clock: 81") && said.contains("wrote why.png"), "{said}");
    let drawn = fs::read(place.path().join("why.png")).unwrap();
    assert!(drawn.starts_with(b"\x89PNG"));
    let other = succeed(place.path(), &[&args[..], &["--class", "digital clock", "--threads", "1"]].concat()).stdout;
    assert!(other.contains("digital clock: ") && fs::read(place.path().join("why.png")).unwrap() != drawn, "{other}");
    fails(
        &taper(place.path(), &[&args[..], &["--class", "analog clok"]].concat()),
        1,
        &["nearest is \"analog clock\""],
    );
    fails(&taper(place.path(), &["explain", "squeezenet1_1", "none.png", "--png", "x.png"]), 1, &["none.png"]);
    assert!(!place.path().join("x.png").exists());
    fs::write(place.path().join("bad.png"), b"\x89PNG, but no more").unwrap();
    let mixed = ["explain", "squeezenet1_1", "bad.png", &picture, "none.png", "--png", "both.png", "--side", "64"];
    let mixed = taper(place.path(), &mixed);
    fails(&mixed, 1, &["bad.png", "none.png"]);
    assert!(mixed.stdout.contains("analog clock: 81") && mixed.stdout.contains("wrote both.png"), "{}", mixed.stdout);
    assert_eq!(fs::read(place.path().join("both.png")).unwrap(), drawn);
}

#[test]
fn classes_without_pictures_are_measured_without_and_unknown_ones_refused() {
    let place = tempfile::tempdir().unwrap();
    let (folder, data) = (place.path(), small(place.path(), 4));
    assert_eq!(fine_tune(folder, &["--preset", "quick", "--out", "run"]).code, Some(0));
    fs::rename(data.join("val"), folder.join("few")).unwrap();
    let whole: serde_json::Value =
        serde_json::from_str(&succeed(folder, &["eval", "run", "few", "--json"]).stdout).unwrap();
    assert_eq!(whole["missing_classes"], serde_json::json!([]));
    fs::remove_dir_all(folder.join("few/clock")).unwrap();
    let told: serde_json::Value =
        serde_json::from_str(&succeed(folder, &["eval", "run", "few", "--json"]).stdout).unwrap();
    assert_eq!((&told["missing_classes"], &told["images"]), (&serde_json::json!(["clock"]), &8.into()));
    // The other classes have the labels and the answers that they had.
    assert_eq!((&told["confusion"][1], &told["confusion"][2]), (&whole["confusion"][1], &whole["confusion"][2]));
    let recall = |i: usize| whole["recall"][i].as_f64().unwrap();
    let mean = told["mean"]["recall"].as_f64().unwrap();
    assert!((mean - (recall(1) + recall(2)) / 2.0).abs() < 1e-12 && told["scores"][0]["pictures"] == 0, "{told}");
    let said = succeed(folder, &["eval", "run", "few"]).stdout;
    assert!(said.contains("without the classes that no picture is of: clock\n"), "{said}");
    let compared = succeed(folder, &["eval", "run", "few", "--compare"]).stdout;
    assert!(compared.contains("no picture is of: clock\n") && compared.contains("ten crops"), "{compared}");
    // A folder without pictures is a class without pictures.
    fs::create_dir(folder.join("few/clock")).unwrap();
    fs::remove_dir_all(folder.join("few/hand")).unwrap();
    let alone: serde_json::Value =
        serde_json::from_str(&succeed(folder, &["eval", "run", "few", "--json"]).stdout).unwrap();
    assert_eq!((&alone["missing_classes"], &alone["images"]), (&serde_json::json!(["clock", "hand"]), &4.into()));
    assert!(alone["accuracy"] == whole["recall"][1] && alone["interval"][0] != alone["interval"][1], "{alone}");
    fs::create_dir(folder.join("few/foot")).unwrap();
    fs::copy(format!("{EMOJI}/val/clock/alarm_clock.png"), folder.join("few/foot/1.png")).unwrap();
    fails(&taper(folder, &["eval", "run", "few"]), 1, &["few has classes that run was not trained for: [\"foot\"]"]);
}

#[test]
fn runs_answer_together() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = (place.path(), small(place.path(), 8));
    for seed in ["0", "1", "2"] {
        assert_eq!(fine_tune(folder, &["--preset", "quick", "--seed", seed, "--out", seed]).code, Some(0));
    }
    let told = succeed(folder, &["ensemble", "0", "1", "2", "--json"]).stdout;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let rows = told["rows"].as_array().unwrap();
    let loss = |i: usize| rows[i]["loss"].as_f64().unwrap();
    // The loss of a mean of probabilities is no more than the mean of the losses.
    assert!(rows.len() == 4 && loss(3) <= (loss(0) + loss(1) + loss(2)) / 3.0, "{told}");
    let alone: serde_json::Value = serde_json::from_str(&succeed(folder, &["eval", "1", "--json"]).stdout).unwrap();
    assert_eq!((&rows[1]["accuracy"], &rows[1]["loss"]), (&alone["accuracy"], &alone["loss"]));
    let chosen = succeed(folder, &["ensemble", "0", "1", "2", "--greedy", "--mean", "logits"]).stdout;
    assert!(chosen.contains("12 pictures") && chosen.contains("chosen: "), "{chosen}");
    fails(&taper(folder, &["ensemble", "0"]), 1, &["0 is one network"]);
    fails(&taper(folder, &["ensemble", "0", "nothing"]), 2, &["nothing"]);
}

#[test]
fn a_learning_rate_is_found_and_no_run_made() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = (place.path(), small(place.path(), 6));
    let args = ["lr-find", "pictures", "--image-size", "64", "--batch-size", "6", "--steps", "120"];
    let told = succeed(folder, &[&args[..], &["--json", "--csv", "rates.csv", "--svg", "rates.svg"]].concat()).stdout;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let steps = told["rates"].as_array().unwrap().len();
    assert_eq!(fs::read_to_string(folder.join("rates.csv")).unwrap().lines().count(), steps + 1);
    assert!(told["steepest"].as_f64().unwrap() < told["lowest"].as_f64().unwrap() && !folder.join("runs").exists());
    assert!(told["unnamed"].is_null() && succeed(folder, &args).stdout.contains("--lr"));
    // Where nothing moves, noise is no fall.
    let still = [&args[..], &["--low", "1e-8", "--high", "1e-7"]].concat();
    let said = succeed(folder, &still).stdout;
    assert!(said.starts_with("no rate can be named: the loss ") && !said.contains("--lr"), "{said}");
    let told: serde_json::Value =
        serde_json::from_str(&succeed(folder, &[&still[..], &["--json"]].concat()).stdout).unwrap();
    assert!(
        told["steepest"].is_null() && told["unnamed"].as_str().is_some_and(|why| why.contains("the loss")),
        "{told}"
    );
    fails(&taper(folder, &[&args[..], &["--out", "run"]].concat()), 2, &["--out", "no run"]);
    fails(&taper(folder, &[&args[..], &["--high", "0"]].concat()), 2, &["--low", "below --high"]);
    let solved = ["--plan", "probe", "--optimizer", "lbfgs", "--set", "head.hidden=0"];
    fails(&taper(folder, &[&args[..], &solved].concat()), 2, &["optimize.rule", "lbfgs"]);
}

#[test]
fn any_setting_of_a_recipe_has_a_flag() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = (place.path(), small(place.path(), 4));
    let set = [
        "optimize.rule=lion",
        "optimize.schedule={ name = \"cosine\", floor = 0.1 }",
        "augment.train=[]",
        "seed=7",
        "optimize.epochs=2",
    ];
    let flags: Vec<&str> =
        set.iter().flat_map(|setting| ["--set", setting]).chain(["--seed", "1", "--out", "run"]).collect();
    assert_eq!(fine_tune(folder, &flags).code, Some(0));
    let recipe = taper_trainer::recipe::Recipe::read(&folder.join("run/recipe.toml")).unwrap();
    assert_eq!((recipe.seed, recipe.optimize.epochs, recipe.optimize.head_epochs), (7, 2, 1));
    // A rule that is named brings its rate.
    assert_eq!((recipe.optimize.rule.name(), recipe.optimize.lr), ("lion", recipe.optimize.rule.usual_lr()));
    assert!(recipe.augment.train.is_empty() && recipe.optimize.schedule.name() == "cosine");
}

#[test]
fn fine_tune_leaves_a_run_that_eval_and_predict_use() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = (place.path(), small(place.path(), 8));
    let ran = fine_tune(folder, &["--out", "run"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("taper predict run") && ran.stdout.contains("run/report.html"), "{}", ran.stdout);
    let files = [
        "checkpoint/best.safetensors",
        "checkpoint/lock",
        "health.csv",
        "history.csv",
        "model.json",
        "model.safetensors",
        "origin.json",
        "recipe.toml",
        "report.html",
        "summary.json",
    ];
    assert_eq!(listing(&folder.join("run")), files);

    let summary = json(&folder.join("run/summary.json"));
    assert_eq!(
        (&summary["schema"], &summary["command"], &summary["epochs"]),
        (&1.into(), &"fine-tune".into(), &2.into())
    );
    assert_eq!((&summary["train_images"], &summary["val_images"]), (&24.into(), &24.into()));
    let accuracy = summary["final"]["val_accuracy"].as_f64().unwrap();
    let history = fs::read_to_string(folder.join("run/history.csv")).unwrap();
    assert_eq!(history.lines().count(), 3);
    assert!(history.lines().last().unwrap().ends_with(&format!(",{accuracy}")), "{history}");
    let eval = succeed(folder, &["eval", "run", "--json"]);
    let eval: serde_json::Value = serde_json::from_str(&eval.stdout).unwrap();
    assert_eq!(eval["accuracy"].as_f64(), Some(accuracy));
    let [low, high] = [0, 1].map(|end| eval["interval"][end].as_f64().unwrap());
    assert!(low <= accuracy && accuracy <= high && eval["top5"] == 1.0 && eval["scores"][2]["pictures"] == 8, "{eval}");
    assert_eq!(eval["reliability"].as_array().unwrap().len(), 15);
    let elsewhere = succeed(folder, &["eval", "run", "pictures/val", "--png", "r.png", "--csv", "r.csv"]);
    assert!(
        elsewhere.stdout.contains("24 pictures") && elsewhere.stdout.contains("wrote r.png"),
        "{}",
        elsewhere.stdout
    );
    assert!(fs::read(folder.join("r.png")).unwrap().starts_with(b"\x89PNG"));
    assert_eq!(fs::read_to_string(folder.join("r.csv")).unwrap().lines().count(), 16);
    fails(&taper(folder, &["eval", "run", "--png", "r", "--csv", "r"]), 2, &["--csv", "a file of its own"]);

    let picture = listing(&folder.join("pictures/val/flag")).remove(0);
    let picture = format!("pictures/val/flag/{picture}");
    let predicted = succeed(folder, &["predict", "run", &picture, "--top", "3", "--json"]);
    let predicted: serde_json::Value = serde_json::from_str(&predicted.stdout).unwrap();
    let total: f64 =
        predicted["predictions"].as_array().unwrap().iter().map(|p| p["probability"].as_f64().unwrap()).sum();
    assert!((total - 1.0).abs() < 1e-5, "{predicted}");
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = (place.path(), small(place.path(), 6));
    for (out, more) in [("a", vec!["--threads", "1"]), ("b", vec!["--threads", "3"]), ("c", vec!["--seed", "1"])] {
        let ran = fine_tune(folder, &[&["--out", out], &more[..]].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    // A run's own recipe is the same run.
    let again = succeed(folder, &["fine-tune", "-c", "a/recipe.toml", "--out", "d"]);
    assert!(again.stdout.contains("accuracy"));
    let bytes = |run: &str, file: &str| fs::read(folder.join(run).join(file)).unwrap();
    for file in ["model.safetensors", "history.csv", "recipe.toml"] {
        assert_eq!(bytes("a", file), bytes("b", file), "{file} depends on the number of threads");
        assert_eq!(bytes("a", file), bytes("d", file), "{file} differs when the recipe runs again");
        assert_ne!(bytes("a", file), bytes("c", file), "{file} does not depend on the seed");
    }
}

#[test]
fn a_folder_without_a_split_is_split_by_seed() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    small(folder, 10);
    fs::rename(folder.join("pictures/train"), folder.join("all")).unwrap();
    fs::remove_dir_all(folder.join("pictures")).unwrap();
    fs::rename(folder.join("all"), folder.join("pictures")).unwrap();
    let ran = fine_tune(folder, &["--json", "--plan", "probe"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let summary: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&summary["train_images"], &summary["val_images"]), (&24.into(), &6.into()));
    assert!(folder.join("runs/pictures-1/report.html").is_file());
    let eval = succeed(folder, &["eval", "runs/pictures-1", "--json"]);
    let eval: serde_json::Value = serde_json::from_str(&eval.stdout).unwrap();
    assert_eq!(eval["accuracy"], summary["final"]["val_accuracy"]);
}

#[test]
fn predict_names_what_torchvision_names() {
    let place = tempfile::tempdir().unwrap();
    let golden = json(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/models.json").as_ref());
    let pictures: Vec<String> =
        golden["pictures"].as_array().unwrap().iter().map(|p| format!("{EMOJI}/val/{}", p.as_str().unwrap())).collect();
    let mut args = vec!["predict", "squeezenet1_1", "--json", "--top", "1"];
    args.extend(pictures.iter().map(String::as_str));
    // From a folder with nothing in it: the weights are in the binary.
    let ran = succeed(place.path(), &args);
    let top: Vec<_> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["predictions"][0]["index"].clone())
        .collect();
    assert_eq!(top, *golden["top1"].as_array().unwrap());
}

#[test]
fn names_of_before_are_read_and_told() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = (place.path(), small(place.path(), 4));
    // The spelling of before, which the sources have no more.
    let before = ["colo", "ur"].concat();
    let old = format!(
        "[optimize]\nrate = 0.01\nbackbone_factor = 0.1\n[augment]\ntrain = [{{ name = \"cutout\", side = 9, fill = {{ {before} = [1, 2, 3] }} }}]\n"
    );
    fs::write(folder.join("old.toml"), old).unwrap();
    let ran = fine_tune(
        folder,
        &["-c", "old.toml", "--set", "optimize.head_factor=0.25", "--freeze", "none", "--out", "run"],
    );
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for said in [
        "old.toml: optimize.rate is called optimize.lr now",
        "old.toml: optimize.backbone_factor is called optimize.backbone_lr_scale now",
        &format!("old.toml: augment.train[0].fill.{before} is called augment.train[0].fill.color now"),
        "--set: optimize.head_factor is called optimize.head_lr_scale now",
    ] {
        assert_eq!(ran.stderr.matches(said).count(), 1, "{said}: {}", ran.stderr);
    }
    let written = fs::read_to_string(folder.join("run/recipe.toml")).unwrap();
    let o = taper_trainer::recipe::Recipe::parse(&written, "r".as_ref()).unwrap().optimize;
    assert_eq!(
        (o.lr, o.head_lr_scale, o.backbone_lr_scale, o.frozen_stages.to_string()),
        (0.01, 0.25, 0.1, "none".into())
    );
    assert!(!written.contains("rate =") && written.contains("color = [1, 2, 3]"), "{written}");
    // A run that was begun under the old names is the same run.
    fs::write(folder.join("run/recipe.toml"), written.replace("lr = 0.01", "rate = 0.01")).unwrap();
    succeed(folder, &["eval", "run"]);
    fails(&fine_tune(folder, &["--freeze", "layer9"]), 2, &["--freeze", "layer9", "nearest first one of stem, "]);
}

#[test]
fn help_is_grouped_and_fits() {
    let place = tempfile::tempdir().unwrap();
    let help = |flag: &str, columns: &str| {
        let output = command(place.path(), &["fine-tune", flag]).env("COLUMNS", columns).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let short = help("-h", "100");
    assert!(short.lines().count() <= 42, "{} lines:\n{short}", short.lines().count());
    for columns in ["80", "120"] {
        let long = help("--help", columns);
        for heading in taper_trainer::recipe::Heading::ALL {
            assert!(long.contains(&format!("\n{}:\n", heading.name())), "{}", heading.name());
        }
        let widest = long.lines().map(|line| line.chars().count()).max();
        assert!(widest <= columns.parse().ok().map(|columns: usize| columns.min(100)), "{widest:?} of {columns}");
        for flag in taper_trainer::recipe::fields().filter_map(taper_trainer::recipe::Field::flag) {
            assert!(long.contains(&format!("--{flag} ")) || long.contains(&format!("--{flag}\n")), "{flag}");
        }
    }
}

#[test]
fn help_has_an_example_for_every_verb() {
    let place = tempfile::tempdir().unwrap();
    let verbs = ["fine-tune", "train", "eval", "predict", "optimize", "inspect init", "data stats", "augment"];
    for verb in verbs {
        let words: Vec<&str> = verb.split(' ').chain(["--help"]).collect();
        let help = succeed(place.path(), &words).stdout;
        assert!(help.contains("Example") && help.contains(&format!("taper {verb} ")), "{help}");
    }
}

#[cfg(unix)]
#[test]
fn a_reader_that_leaves_is_no_error() {
    use std::io::Read;
    use std::process::Stdio;
    let place = tempfile::tempdir().unwrap();
    let picture = format!("{EMOJI}/val/food/apple.png");
    let args = [&["predict", "squeezenet1_1"][..], &[picture.as_str(); 40]].concat();
    let mut child = command(place.path(), &args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
}
