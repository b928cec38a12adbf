//! A run goes on as what it was begun as, or says what has changed; and it is found from wherever
//! it is asked for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::support::{Ran, command, fails, listing, small, succeed, taper};

const FLAGS: [&str; 14] = [
    "train",
    "pictures",
    "--epochs",
    "40",
    "--image-size",
    "16",
    "--batch-size",
    "4",
    "--checkpoint-every",
    "1",
    "--threads",
    "1",
    "--out",
    "run",
];

/// A run that was killed when it had come to a checkpoint, on a few pictures in `pictures`.
fn broken_off(more: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().to_path_buf();
    small(&folder, 4);
    let mut child = command(&folder, &[&FLAGS[..], more].concat());
    let mut child = child.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let written = || listing(&folder).iter().any(|name| name.ends_with(".checkpoint"));
    while !written() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was killed");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!folder.join("run/summary.json").exists());
    (place, folder)
}

fn copy(from: &Path, to: &Path) {
    for name in listing(from) {
        let to = to.join(&name);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from.join(name), to).unwrap();
    }
}

/// `taper resume` of a copy whose recipe has other words.
fn with_recipe(folder: &Path, from: &str, to: &str) -> Ran {
    let copied = folder.join("copied");
    let _ = fs::remove_dir_all(&copied);
    copy(&folder.join("run"), &copied);
    let (path, text) = (copied.join("recipe.toml"), fs::read_to_string(folder.join("run/recipe.toml")).unwrap());
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
    taper(folder, &["resume", "copied", "--threads", "1"])
}

/// What the run is without interruption.
fn whole(folder: &Path) -> Vec<Vec<u8>> {
    succeed(folder, &[&FLAGS[..13], &["whole"]].concat());
    ends(&folder.join("whole"))
}

fn ends(run: &Path) -> Vec<Vec<u8>> {
    ["model.safetensors", "history.csv", "recipe.toml"].map(|name| fs::read(run.join(name)).unwrap()).to_vec()
}

#[test]
fn another_recipe_is_refused_and_the_way_out_can_be_typed() {
    let (_place, folder) = broken_off(&[]);
    for (from, to, said) in [
        ("batch_size = 4", "batch_size = 8", "data.batch_size: was 4, is 8"),
        ("seed = 0", "seed = 5", "seed: was 0, is 5"),
        ("lr = 0.005", "lr = 0.02", "optimize.lr: was 0.005, is 0.02"),
        ("epochs = 40", "epochs = 41", "optimize.epochs: was 40, is 41"),
    ] {
        let ran = with_recipe(&folder, from, to);
        fails(&ran, 1, &["copied cannot go on", "changed", said, "taper train -c copied/recipe.toml --out copied-2"]);
    }
    succeed(&folder, &["train", "-c", "copied/recipe.toml", "--threads", "1", "--out", "copied-2"]);
    // A word that makes no difference is none.
    let ran = with_recipe(&folder, "seed = 0", "# my first run\nseed = 0");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ends(&folder.join("copied"))[..2], whole(&folder)[..2]);
}

#[test]
fn other_pictures_are_refused_and_the_same_ones_elsewhere_are_not() {
    let (_place, folder) = broken_off(&[]);
    let whole = whole(&folder);
    copy(&folder.join("run"), &folder.join("again"));
    let pictures = folder.join("pictures");
    let of = |class: &str| {
        let mut all = listing(&pictures.join("train").join(class));
        (pictures.join("train").join(class).join(&all[0]), all.swap_remove(0))
    };
    let ((a, name), (b, other), aside) = (of("clock"), of("flag"), folder.join("aside"));
    let swap =
        || [(&a, &aside), (&b, &a), (&aside, &b)].into_iter().for_each(|(from, to)| fs::rename(from, to).unwrap());
    swap();
    let said = format!("2 with other content: train/clock/{name}, train/flag/{other}");
    fails(&taper(&folder, &["resume", "run"]), 1, &["other pictures", &said, "--out run-2"]);
    swap();
    fs::rename(&a, pictures.join("train/hand").join(&name)).unwrap();
    fails(&taper(&folder, &["resume", "run"]), 1, &["1 gone: train/clock/", "1 new: train/hand/"]);
    fs::rename(pictures.join("train/hand").join(&name), &a).unwrap();
    // A copy has other times, and is seen from elsewhere by another path.
    copy(&pictures, &folder.join("moved"));
    fs::remove_dir_all(&pictures).unwrap();
    fs::create_dir(folder.join("elsewhere")).unwrap();
    let lost = taper(&folder.join("elsewhere"), &["resume", "../run"]);
    fails(&lost, 1, &["\"pictures\"", &*folder.to_string_lossy(), "data.path", "taper eval"]);
    let recipe = fs::read_to_string(folder.join("run/recipe.toml")).unwrap();
    fs::write(folder.join("run/recipe.toml"), recipe.replace("\"pictures\"", "\"moved\"")).unwrap();
    succeed(&folder.join("elsewhere"), &["resume", "../run", "--threads", "2", "--checkpoint-every", "7"]);
    assert_eq!(ends(&folder.join("run"))[..2], whole[..2]);
    // As if it had never been elsewhere.
    fs::rename(folder.join("moved"), &pictures).unwrap();
    succeed(&folder.join("elsewhere"), &["resume", "../again"]);
    assert_eq!(ends(&folder.join("again")), whole);
    succeed(&folder.join("elsewhere"), &["eval", "../again"]);
    succeed(&folder.join("elsewhere"), &["train", "-c", "../again/recipe.toml", "--epochs", "1", "--out", "here"]);
    fs::rename(&pictures, folder.join("gone")).unwrap();
    fails(&taper(&folder.join("elsewhere"), &["eval", "../again"]), 1, &["\"pictures\"", "taper eval ../again DATA"]);
    succeed(&folder.join("elsewhere"), &["eval", "../again", "../gone"]);
}

#[test]
fn members_are_one_training() {
    let (_place, folder) = broken_off(&["--members", "2"]);
    let said = with_recipe(&folder, "batch_size = 4", "batch_size = 8");
    fails(&said, 1, &["copied cannot go on", "data.batch_size: was 4, is 8", "-c copied/recipe.toml"]);
    succeed(&folder, &["resume", "run"]);
    let whole = ends(&folder.join("run/member-2"));
    // One at its end is as much a part of it as the one at hand.
    fs::remove_file(folder.join("run/summary.json")).unwrap();
    fs::remove_dir_all(folder.join("run/member-2")).unwrap();
    fails(&with_recipe(&folder, "batch_size = 4", "batch_size = 8"), 1, &["data.batch_size: was 4, is 8"]);
    // Killed between a member's folder and its recipe.
    fs::create_dir_all(folder.join("run/member-2/checkpoint")).unwrap();
    fs::write(folder.join("run/member-2/checkpoint/.writing-x"), "").unwrap();
    succeed(&folder, &["resume", "run"]);
    assert_eq!(ends(&folder.join("run/member-2")), whole);
    assert!(!listing(&folder.join("run")).iter().any(|name| name.contains(".writing-")));
    fs::remove_file(folder.join("run/summary.json")).unwrap();
    let picture = listing(&folder.join("pictures/val")).swap_remove(0);
    fs::remove_file(folder.join("pictures/val").join(picture)).unwrap();
    fails(&taper(&folder, &["resume", "run"]), 1, &["other pictures", "--out run-2"]);
}

#[test]
fn one_process_trains_in_a_folder() {
    let (_place, folder) = broken_off(&[]);
    let lock = fs::File::options().write(true).open(folder.join("run/checkpoint/lock")).unwrap();
    lock.lock().unwrap();
    fails(&taper(&folder, &["resume", "run"]), 1, &["another process trains in run"]);
    drop(lock);
    succeed(&folder, &["resume", "run"]);
}

#[test]
fn whatever_lies_beside_them_the_checkpoints_serve() {
    let (_place, folder) = broken_off(&[]);
    let whole = whole(&folder);
    let checkpoints = folder.join("run/checkpoint");
    for name in listing(&checkpoints).iter().filter(|name| name.ends_with(".checkpoint")) {
        fs::write(checkpoints.join(name), "half").unwrap();
    }
    fs::create_dir(checkpoints.join("step-99999998.checkpoint")).unwrap();
    #[cfg(unix)]
    assert!(
        std::process::Command::new("mkfifo")
            .arg(checkpoints.join("step-99999999.checkpoint"))
            .status()
            .unwrap()
            .success()
    );
    fs::create_dir(folder.join("run/snapshots")).unwrap();
    fs::write(folder.join("run/snapshots/.writing-x"), "").unwrap();
    let ran = succeed(&folder, &["resume", "run"]);
    assert!(ran.stderr.contains("passed over") && ran.stderr.contains("begins again"), "{}", ran.stderr);
    assert_eq!(ends(&folder.join("run")), whole);
    assert!(!listing(&folder.join("run")).iter().any(|name| name.contains(".writing-")));
}

#[test]
fn a_seed_that_no_recipe_can_hold_is_wrong_usage() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    small(folder, 4);
    let most = "9223372036854775807";
    for flags in [
        &["--seed", "9223372036854775808"][..],
        &["--set", "seed=9223372036854775808"],
        &["--set", "data.split_seed=9223372036854775808"],
        &["--seed", most, "--members", "2"],
        &["--seed", "-1"],
    ] {
        let ran = taper(folder, &[&FLAGS[..], flags].concat());
        assert_eq!(ran.code, Some(2), "{flags:?}: {}", ran.stderr);
        assert!(!folder.join("run").exists() && !ran.stderr.contains("panicked"), "{}", ran.stderr);
    }
    let space = "trials = 1\n[space]\nseed = { choice = [-1] }\n";
    fs::write(folder.join("space.toml"), space).unwrap();
    let ran = taper(folder, &["search", "pictures", "--space", "space.toml", "--scratch", "--out", "found"]);
    fails(&ran, 2, &["seed"]);
    assert!(!folder.join("found").exists());
    succeed(folder, &["train", "pictures", "--epochs", "1", "--image-size", "16", "--seed", most, "--out", "run"]);
    fs::remove_file(folder.join("run/summary.json")).unwrap();
    succeed(folder, &["resume", "run"]);
}
