//! Searches, and several networks from one command.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Ran, SHORT, command, fails, fine_tune, json, listing, small, succeed, taper};

const SPACE: &str =
    "trials = 4\n[space]\n\"optimize.lr\" = { log = [1e-4, 1e-1] }\n\"head.dropout\" = { choice = [0.0, 0.5] }\n";

const FLAGS: [&str; 8] = ["search", "pictures", "--space", "space.toml", "--plan", "probe", "--out", "found"];

fn search(folder: &Path, more: &[&str]) -> Ran {
    taper(folder, &[&FLAGS[..], &SHORT[..], more].concat())
}

/// A folder with pictures and a space.
fn place(space: &str) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    small(place.path(), 4);
    fs::write(place.path().join("space.toml"), space).unwrap();
    place
}

/// Histories of all trials, by name.
fn histories(folder: &Path) -> Vec<(String, String)> {
    let trials = folder.join("found/trials");
    let names = listing(&trials).into_iter().filter(|name| name.ends_with("history.csv"));
    names.map(|name| (name.clone(), fs::read_to_string(trials.join(name)).unwrap())).collect()
}

#[test]
fn a_search_finds_the_same_however_often_it_is_killed_and_however_many_work_at_it() {
    let alone = place(SPACE);
    let ran = search(alone.path(), &["--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(told["trials"].as_array().unwrap().len(), 4);
    assert_eq!(told["importance"].as_array().unwrap().len(), 2);
    for name in ["best.toml", "trials.csv", "search.svg", "search.png", "space.toml"] {
        assert!(alone.path().join("found").join(name).is_file(), "{name}");
    }
    // A trial is a run as any other: its recipe makes the same one, though the search computed
    // features once for all.
    succeed(alone.path(), &["fine-tune", "-c", "found/trials/0002/recipe.toml", "--out", "again"]);
    let again = fs::read_to_string(alone.path().join("again/history.csv")).unwrap();
    assert_eq!(histories(alone.path())[2].1, again);
    let best = &told["best"]["trial"];
    assert!(alone.path().join(format!("found/trials/{:04}/model.safetensors", best.as_u64().unwrap())).is_file());

    let together = place(SPACE);
    let begin = || {
        let mut child = command(together.path(), &[&FLAGS[..], &SHORT[..]].concat());
        child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let (mut one, mut two) = (begin(), begin());
    std::thread::sleep(std::time::Duration::from_millis(1500));
    one.kill().unwrap();
    one.wait().unwrap();
    assert!(two.wait().unwrap().success());
    assert_eq!(histories(together.path()), histories(alone.path()));
    // Called again, it tells what it found.
    assert!(search(together.path(), &[]).stdout.contains("explains alone"));
    fails(&search(together.path(), &["--seed", "1"]), 1, &["another recipe.toml", "seed: was 0, is 1", "--out"]);
    // From elsewhere it is the same search, as long as its pictures are the same.
    let elsewhere = together.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let there = ["search", "../pictures", "--space", "../space.toml", "--plan", "probe", "--out", "../found"];
    let again = || taper(&elsewhere, &[&there[..], &SHORT[..]].concat());
    fs::write(together.path().join("found/trials/0001/.writing-x"), "").unwrap();
    assert!(again().stdout.contains("explains alone"));
    let found = listing(&together.path().join("found/trials"));
    assert!(!found.iter().any(|name| name.contains(".writing-")), "{found:?}");
    let kept: Vec<&str> = found.iter().filter_map(|name| name.strip_suffix("/model.safetensors")).collect();
    assert_eq!(kept.len(), 1, "only the best keeps its weights");
    succeed(&elsewhere, &["eval", &format!("../found/trials/{}", kept[0])]);
    let picture = listing(&together.path().join("pictures/train")).swap_remove(0);
    fs::remove_file(together.path().join("pictures/train").join(picture)).unwrap();
    fails(&again(), 1, &["other pictures", "--out"]);
}

#[test]
fn the_best_go_on_and_what_diverges_is_no_end() {
    let halving =
        "trials = 6\n[halving]\nfactor = 3\nrungs = 2\n[space]\n\"optimize.lr\" = { choice = [1e-3, 1e-2, 1e30] }\n";
    let place = place(halving);
    let flags = [
        "--set",
        "optimize.epochs=5",
        "--optimizer",
        "sgd",
        "--set",
        "optimize.clip=none",
        "--set",
        "optimize.warmup=0",
    ];
    let ran = search(place.path(), &flags);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let names: Vec<String> = histories(place.path()).into_iter().map(|(name, _)| name).collect();
    assert!(names.iter().any(|name| name.contains("-rung-1/")), "{names:?}");
    let diverged =
        listing(&place.path().join("found/trials")).iter().filter(|name| name.ends_with("diverged.txt")).count();
    assert!((1..6).contains(&diverged), "{diverged}");
    // The last was trained for all six epochs, the others for two.
    let table = fs::read_to_string(place.path().join("found/trials.csv")).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("trial,rung,stage,epochs,optimize.lr,accuracy"), "{table}");
    assert!(
        lines.iter().any(|line| line.contains(",1,0,6,")) && lines.iter().any(|line| line.contains(",0,0,3,")),
        "{table}"
    );
}

#[test]
fn mistakes_of_a_search_are_named() {
    let place = place("[space]\n\"head.dropot\" = { uniform = [0.0, 0.5] }\n");
    let folder = place.path();
    fails(&search(folder, &[]), 2, &["did you mean `dropout`"]);
    fs::write(folder.join("space.toml"), "[space]\n\"head.dropout\" = { uniform = [1.5, 2.5] }\n").unwrap();
    fails(&search(folder, &[]), 2, &["dropout"]);
    fs::write(folder.join("space.toml"), "[space]\n\"data.val_fraction\" = { uniform = [0.1, 0.5] }\n").unwrap();
    fails(&search(folder, &[]), 2, &["same ones", "data.val_fraction"]);
    fs::write(folder.join("space.toml"), SPACE).unwrap();
    fails(&search(folder, &["--members", "2"]), 2, &["members"]);
    fails(&taper(folder, &["search", "pictures", "--space", "no.toml"]), 1, &["cannot read no.toml"]);
    assert!(!folder.join("found").exists());
}

#[test]
fn members_differ_in_their_seed_and_answer_together() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let pictures = small(folder, 6);
    // Without a split of its own: all members must be judged by the same pictures, which none has
    // learned.
    fs::remove_dir_all(pictures.join("val")).unwrap();
    for class in ["clock", "flag", "hand"] {
        fs::rename(pictures.join("train").join(class), pictures.join(class)).unwrap();
    }
    fs::remove_dir(pictures.join("train")).unwrap();
    let ran = fine_tune(folder, &["--members", "2", "--seed", "3", "--out", "both", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(told, json(&folder.join("both/summary.json")));
    assert_eq!(told["rows"].as_array().unwrap().len(), 3);
    let member = |number: usize| json(&folder.join(format!("both/member-{number}/summary.json")));
    assert_eq!((&member(1)["seed"], &member(2)["seed"]), (&3.into(), &4.into()));
    assert_eq!(told["rows"][1]["loss"], member(2)["final"]["val_loss"]);
    // What is missing of it is trained again, to the same bits.
    let weights = || fs::read(folder.join("both/member-2/model.safetensors")).unwrap();
    let before = weights();
    fs::remove_dir_all(folder.join("both/member-2")).unwrap();
    fs::remove_file(folder.join("both/summary.json")).unwrap();
    succeed(folder, &["resume", "both"]);
    assert!(weights() == before);
    assert!(succeed(folder, &["ensemble", "both"]).stdout.contains("all 2"));
    let picture = format!("pictures/clock/{}", listing(&folder.join("pictures/clock"))[0]);
    let probability = |run: &str| {
        let told = succeed(folder, &["predict", run, &picture, "--json", "--top", "3"]).stdout;
        let told: Value = serde_json::from_str(&told).unwrap();
        let clock = told["predictions"].as_array().unwrap().iter().find(|one| one["class"] == "clock").unwrap();
        clock["probability"].as_f64().unwrap()
    };
    let [one, two, both] = ["both/member-1", "both/member-2", "both"].map(probability);
    assert!((both - (one + two) / 2.0).abs() < 1e-6, "{one} {two} {both}");
    let compared = succeed(folder, &["eval", "both", "--compare"]).stdout;
    for row in ["both/member-1 ", "best.safetensors", "both/member-2 ", "all 2", "member-1, flips", "ten crops"] {
        assert!(compared.contains(row), "no {row} in {compared}");
    }
    assert!(succeed(folder, &["resume", "both"]).stdout.contains("at its end"));
}

#[test]
fn snapshots_are_the_networks_at_the_ends_of_cycles() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    small(folder, 4);
    fails(&fine_tune(folder, &["--snapshots", "2", "--set", "optimize.epochs=3"]), 2, &["optimize.epochs", "multiple"]);
    fails(&fine_tune(folder, &["--snapshots", "2", "--schedule", "cosine"]), 2, &["--schedule"]);
    let ran = fine_tune(folder, &["--snapshots", "2", "--set", "optimize.epochs=4", "--out", "run"]);
    assert!(ran.stdout.contains("its 2 snapshots together"), "{}\n{}", ran.stdout, ran.stderr);
    let bytes = |name: &str| fs::read(folder.join("run").join(name)).unwrap();
    assert!(bytes("snapshots/2.safetensors") == bytes("model.safetensors"));
    assert!(bytes("snapshots/1.safetensors") != bytes("model.safetensors"));
    let ran = succeed(folder, &["ensemble", "run"]);
    assert!(ran.stdout.contains("run/snapshots/1.safetensors") && ran.stdout.contains("all 2"), "{}", ran.stdout);
    // Any file of weights in a run can be asked.
    let picture = format!("pictures/val/{}", listing(&folder.join("pictures/val"))[0]);
    succeed(folder, &["eval", "run/checkpoint/best.safetensors"]);
    succeed(folder, &["predict", "run/snapshots/1.safetensors", &picture]);
    fine_tune(folder, &["--out", "single"]);
    fails(&taper(folder, &["ensemble", "single"]), 1, &["single is one network", "--snapshots"]);
}

#[test]
fn a_check_tells_what_is_doubtful_and_a_time_shortens_a_training() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    small(folder, 6);
    let check = |more: &[&str]| taper(folder, &[&["check", "pictures"], &SHORT[..], more].concat());
    let ran = check(&[]);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    for word in ["classes", "duplicates", "first loss", "known by heart"] {
        assert!(ran.stdout.contains(word), "no {word} in {}", ran.stdout);
    }
    // A validation picture among those that are learned, and a rate at which nothing is.
    let (from, to) = (folder.join("pictures/val/clock"), folder.join("pictures/train/clock/copy.png"));
    let picture = fs::read_dir(from).unwrap().next().unwrap().unwrap().path();
    fs::copy(picture, to).unwrap();
    let ran = check(&["--rate", "1e-9", "--json"]);
    assert_eq!(ran.code, Some(1));
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    let doubtful = |about: &str| {
        let found = told["findings"].as_array().unwrap().iter().find(|one| one["about"] == about).unwrap();
        found["verdict"] == "doubtful"
    };
    assert!(doubtful("duplicates") && doubtful("overfit") && !doubtful("classes"), "{told}");
    let ran = fine_tune(folder, &["--out", "run", "--max-time", "1h", "--log", "json", "--tensorboard"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("all epochs fit") && ran.stderr.contains("doubtful: duplicates"), "{}", ran.stderr);
    let events: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| events.iter().filter(|event| event["event"] == kind).count();
    assert_eq!((of("epoch"), of("end")), (2, 1));
    assert_eq!(of("step"), events.len() - 3);
    assert!(listing(&folder.join("run")).iter().any(|name| name.starts_with("events.out.tfevents.")));
    // What was measured before changes no bit of the run.
    succeed(folder, &["fine-tune", "-c", "run/recipe.toml", "--out", "again"]);
    let history = |run: &str| fs::read(folder.join(run).join("history.csv")).unwrap();
    assert!(history("run") == history("again"));
    fails(&fine_tune(folder, &["--out", "never", "--max-time", "0.001s"]), 2, &["--max-time", "needed"]);
    let long = fine_tune(folder, &["--out", "short", "--max-time", "8s", "--set", "optimize.epochs=100000"]);
    assert!(long.stderr.contains("fit into 8 s") && long.code == Some(0), "{}", long.stderr);
    fails(&fine_tune(folder, &["--max-time", "10"]), 2, &["90s, 10m"]);
    succeed(folder, &["report", "run", "again", "--out", "both.html"]);
    assert!(fs::read_to_string(folder.join("both.html")).unwrap().contains("Validation accuracy"));
    fails(&taper(folder, &["report", "run", "pictures"]), 1, &["summary.json", "at its end"]);
}

#[test]
fn uneven_classes_can_count_alike() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    small(folder, 8);
    let flags: Vec<_> = fs::read_dir(folder.join("pictures/train/flag")).unwrap().collect();
    flags.into_iter().skip(1).for_each(|file| fs::remove_file(file.unwrap().path()).unwrap());
    let histories = ["none", "weights", "sampling"].map(|how| {
        let ran = fine_tune(folder, &["--balance", how, "--out", how]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(ran.stderr.contains("doubtful: classes"), how == "none", "{}", ran.stderr);
        fs::read_to_string(folder.join(how).join("history.csv")).unwrap()
    });
    assert!(histories[0] != histories[1] && histories[1] != histories[2]);
    let lbfgs = ["--plan", "probe", "--optimizer", "lbfgs", "--balance", "weights"];
    fails(&fine_tune(folder, &lbfgs), 2, &["data.balance"]);
}

#[test]
fn a_trial_whose_loss_becomes_nan_has_failed_and_ends_nothing() {
    let place = place("method = \"grid\"\n[space]\n\"optimize.head_lr_scale\" = { choice = [1.0, 9.2e18] }\n");
    let folder = place.path();
    let words = "search pictures --scratch --space space.toml --epochs 1 --passes 1 --batch-size 4 --out found --json";
    let search: Vec<&str> = words.split(' ').collect();
    let ran = succeed(folder, &search);
    assert!(ran.stderr.contains("failed, the loss became NaN or infinite"), "{}", ran.stderr);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&told["best"]["trial"], &told["trials"][1]["accuracy"]), (&0.into(), &0.0.into()));
    assert!(folder.join("found/best.toml").is_file() && folder.join("found/search.png").is_file());
    // What has failed is not tried again.
    assert!(!succeed(folder, &search).stderr.contains("failed"));

    // A run may end with such a loss: JSON has null for it, and pages compare it with others.
    let first = folder.join("found/trials/0000");
    let edit = |name: &str, change: &dyn Fn(String) -> String| {
        let text = change(fs::read_to_string(first.join(name)).unwrap());
        fs::create_dir_all(folder.join("broken")).unwrap();
        fs::write(folder.join("broken").join(name), text).unwrap();
    };
    edit("recipe.toml", &|text| text);
    edit("history.csv", &|text| format!("{text}2,all,1e-3,NaN,NaN,0.5\n"));
    edit("summary.json", &|text| {
        let mut summary: Value = serde_json::from_str(&text).unwrap();
        summary["final"]["val_loss"] = Value::Null;
        summary["best"]["val_loss"] = Value::Null;
        summary.to_string()
    });
    succeed(folder, &["report", "found/trials/0000", "broken", "--out", "both.html"]);
}

#[test]
fn settings_of_any_trial_are_looked_at_before_there_is_a_folder() {
    for (space, words) in [
        ("method = \"grid\"\n[space]\n\"head.dropout\" = { choice = [0.0, 0.5, 1.0] }\n", ["head.dropout", "[0, 1)"]),
        ("method = \"grid\"\n[space]\n\"data.batch_size\" = { integer = [1, 3] }\n", ["data.batch_size", "from 2"]),
        (
            "method = \"grid\"\n[space]\n\"seed\" = { integer = [-9223372036854775808, 9223372036854775807] }\n",
            ["[space]", "at most 10000"],
        ),
        ("trials = 3\n[halving]\n[space]\n\"optimize.lr\" = { log = [1e-4, 1e-1] }\n", ["optimize.epochs", "halving"]),
    ] {
        let place = place(space);
        fails(&search(place.path(), &[]), 2, &words);
        assert!(!place.path().join("found").exists(), "{space}");
    }
}
