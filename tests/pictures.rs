//! Pictures that are large, damaged, or decoded once: what comes out depends on none of it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Ran, fails, fine_tune, json, listing, small, succeed};

/// Eight JPEGs of 0.2 megapixels in two classes.
fn photographs(folder: &Path) -> PathBuf {
    let data = folder.join("photographs");
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/tests/reduced");
    for (class, names) in [("a", ["420", "422", "444", "progressive"]), ("b", ["gray", "cmyk", "turned", "tall"])] {
        fs::create_dir_all(data.join(class)).unwrap();
        for name in names.map(|name| format!("{name}.jpg")) {
            fs::copy(made.join(&name), data.join(class).join(&name)).unwrap();
        }
    }
    data
}

/// What a run leaves that has to be the same.
fn result(run: &Path) -> [Vec<u8>; 3] {
    ["model.safetensors", "history.csv", "health.csv"].map(|name| fs::read(run.join(name)).unwrap())
}

#[test]
fn a_cache_changes_no_bit() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    photographs(folder);
    let flags = ["--image-size", "48", "--batch-size", "4", "--head-epochs", "1", "--epochs", "2"];
    let run = |out: &str, more: &[&str]| {
        let ran = [&["fine-tune", "photographs", "--out", out][..], &flags, more].concat();
        succeed(folder, &ran);
        result(&folder.join(out))
    };
    let none = run("none", &["--cache", "none", "--threads", "1"]);
    assert!(run("kept", &["--cache", "pictures", "--threads", "2"]) == none, "kept pictures train another network");
    assert!(run("auto", &[]) == none, "a cache that decides for itself trains another network");
    // Nothing of it is left, not even under a passing name.
    assert_eq!(listing(&folder.join("kept")), listing(&folder.join("none")));
    // A crop needs more of a picture than testing does.
    let crop = ["--augment", "hflip,random_resized_crop"];
    let cropped = run("crop-none", &[&crop[..], &["--cache", "none"]].concat());
    assert!(run("crop", &[&crop[..], &["--cache", "pictures"]].concat()) == cropped && cropped != none);
    // Whoever asks, and however often pictures are decoded for it, the network sees the same.
    let said = |views: &[&str]| {
        let text = succeed(folder, &[&["eval", "none", "--json"], views].concat()).stdout;
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    let loss = |value: &serde_json::Value| value.as_f64().unwrap();
    let of_run = loss(&json(&folder.join("none/summary.json"))["final"]["val_loss"]);
    assert!((loss(&said(&[])["loss"]) - of_run).abs() < 1e-5);
    assert!(loss(&said(&["--tta", "ten-crop"])["loss"]).is_finite());
}

/// A PNG whose header and end are whole, and whose pixels are not.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 40].fill(0);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_picture_found_damaged_in_the_first_epoch_is_left_out_as_if_it_had_never_been_there() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let data = small(folder, 20);
    let of_flags = |side: &str, at: usize| {
        let class = data.join(side).join("flag");
        class.join(&listing(&class)[at])
    };
    let (train, val) = (of_flags("train", 3), of_flags("val", 1));
    damage(&train);
    damage(&val);
    let names = [&train, &val].map(|path| path.file_name().unwrap().to_str().unwrap());
    fails(&fine_tune(folder, &["--strict", "--out", "strict"]), 1, &["--strict"]);
    let told = |ran: &Ran| names.iter().all(|name| ran.stderr.contains(name));
    let found = fine_tune(folder, &["--out", "found", "--threads", "2", "--json"]);
    assert!(found.code == Some(0) && told(&found), "{}", found.stderr);
    assert!(
        found.stderr.contains("begins again") && found.stderr.contains("going on without 1 of"),
        "{}",
        found.stderr
    );
    let summary = json(&folder.join("found/summary.json"));
    assert_eq!(summary["unreadable_images"], 2);

    // Colors are measured before the first epoch, and find it sooner.
    let by_colors = ["--normalize", "data", "--plan", "probe", "--out"];
    let colors = |out: &'static str| fine_tune(folder, &[&by_colors[..], &[out]].concat());
    let sooner = colors("colors");
    assert!(sooner.code == Some(0) && told(&sooner), "{}", sooner.stderr);

    fs::remove_file(&train).unwrap();
    fs::remove_file(&val).unwrap();
    assert_eq!(colors("colored").code, Some(0));
    assert!(result(&folder.join("colors")) == result(&folder.join("colored")), "other colors were measured");
    let never = fine_tune(folder, &["--out", "never", "--threads", "1", "--json"]);
    assert_eq!(never.code, Some(0), "{}", never.stderr);
    assert!(result(&folder.join("found")) == result(&folder.join("never")), "another network was trained");
    assert_eq!(summary["pictures_sha256"], json(&folder.join("never/summary.json"))["pictures_sha256"]);
}
