//! `taper inspect`, `taper data` and `taper augment`: what a network and its pictures are like
//! before anything is trained.

use std::fs;

use serde_json::Value;

use crate::support::{EMOJI, fails, succeed, taper};

fn words(text: &str) -> Vec<&str> {
    std::iter::once("inspect").chain(text.split_whitespace()).collect()
}

#[test]
fn the_verdict_is_told_drawn_and_repeated_to_the_bit() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    for (init, wanted) in [("normal=0.01", "too small"), ("normal", "too small"), ("he_fan_in", "just right")] {
        let told = |more: &str| {
            let ran = succeed(folder, &words(&format!("init --init {init} --layers 5 --width 64 {more}")));
            ran.stdout
        };
        assert!(told("").lines().any(|line| line.starts_with(wanted)), "{}", told(""));
        let json: Value = serde_json::from_str(&told("--json")).unwrap();
        assert!(json["verdict"].as_str().unwrap().starts_with(wanted));
        assert_eq!(json["layers"].as_array().unwrap().len(), 5);
    }
    for name in ["a", "b"] {
        let files = format!("init --layers 3 --width 32 --svg {name}.svg --png {name}.png --csv {name}.csv");
        assert!(succeed(folder, &words(&files)).stdout.contains(&format!("wrote {name}.png")));
    }
    for kind in ["svg", "png", "csv"] {
        let read = |name: &str| fs::read(folder.join(format!("{name}.{kind}"))).unwrap();
        assert_eq!(read("a"), read("b"), "{kind}");
    }
    assert_eq!(fs::read_to_string(folder.join("a.csv")).unwrap().lines().count(), 1 + 2 * 3);
}

#[test]
fn the_stages_of_a_network_are_looked_at() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let ran = succeed(folder, &words("init --model small_cnn --init normal=0.01 --side 32 --json --svg a.svg"));
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    // Batch norms keep the size of the signal, whatever the weights.
    assert!(told["verdict"].as_str().unwrap().starts_with("just right"), "{told}");
    assert_eq!((&told["model"], told["layers"].as_array().unwrap().len()), (&"small_cnn".into(), 3));
    assert!(fs::read_to_string(folder.join("a.svg")).unwrap().contains("small_cnn, weights Normal(0.01)"));
    for (wrong, said) in [
        ("init --model nothing", "there is no model \"nothing\""),
        ("init --model vgg11 --width 8", "cannot be used with"),
        ("init --side 32", "--model <NAME>"),
    ] {
        let ran = taper(folder, &words(wrong));
        assert_eq!(ran.code, Some(2), "{wrong}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{wrong}: {}", ran.stderr);
    }
}

#[test]
fn the_colors_of_a_data_set_do_not_depend_on_threads() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let told = |more: &[&str]| succeed(folder, &[&["data", "stats", EMOJI], more].concat()).stdout;
    let json: Value = serde_json::from_str(&told(&["--json", "--threads", "1"])).unwrap();
    assert_eq!(told(&["--json", "--threads", "1"]), told(&["--json", "--threads", "3"]));
    assert_eq!((&json["images"], &json["unreadable_images"]), (&531.into(), &0.into()));
    let number = |value: &Value| value.as_f64().unwrap();
    let trace: f64 = (0..3).map(|i| number(&json["covariance"][i][i])).sum();
    let values: f64 = (0..3).map(|i| number(&json["eigenvalues"][i])).sum();
    assert!((trace - values).abs() < 1e-12 && number(&json["eigenvalues"][0]) > number(&json["eigenvalues"][1]));
    assert!((number(&json["std"][1]).powi(2) - number(&json["covariance"][1][1])).abs() < 1e-12);
    let text = told(&[]);
    assert!(text.contains("component"));
    // The line for a recipe is one that a recipe takes.
    let recipe = format!("[augment]\ntrain = [{}]\n", text.lines().last().unwrap());
    fs::write(folder.join("light.toml"), recipe).unwrap();
    succeed(folder, &["augment", EMOJI, "-c", "light.toml", "--rows", "1", "--cols", "1", "--preview", "light.png"]);
    fails(&taper(folder, &["data", "stats", "nowhere"]), 1, &["nowhere"]);
}

#[test]
fn a_sheet_of_augmented_pictures_repeats_to_the_bit() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    for (name, words) in [
        ("a.png", "--rows 2 --cols 3"),
        ("b.png", "--rows 2 --cols 3"),
        ("c.png", "--rows 2 --cols 3 --seed 1"),
        ("each.png", "--each"),
    ] {
        let words: Vec<&str> = ["augment", EMOJI, "--preview", name].into_iter().chain(words.split(' ')).collect();
        assert!(succeed(folder, &words).stdout.contains(name));
    }
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    assert!(read("a.png") == read("b.png") && read("a.png") != read("c.png"));
    let size = |name: &str| image::load_from_memory(&read(name)).unwrap().into_rgb8().dimensions();
    let (label, cell) = (380, 156);
    assert_eq!((size("a.png").0, size("each.png").0), (label + 4 * cell + 6, label + 4 * cell + 6));
    assert!(size("each.png").1 > 30 * cell);
    fs::write(folder.join("r.toml"), "[augment]\ntrain = [{ name = \"hflip\", p = 2 }]\n").unwrap();
    for (words, code, wanted) in [
        (&["-c", "r.toml"][..], 2, "p is 2"),
        (&["--each", "-c", "r.toml"], 2, "--each"),
        (&["--rows", "0"], 2, "--rows"),
        (&["-c", "none.toml"], 1, "none.toml"),
    ] {
        fails(&taper(folder, &[&["augment", EMOJI, "--preview", "no.png"], words].concat()), code, &[wanted]);
    }
    assert!(!folder.join("no.png").exists());
}

#[test]
fn a_name_or_number_that_is_none_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    for (text, wanted) in [
        ("init --init he", vec!["no initialization", "he_fan_in"]),
        ("init --activation relu7", vec!["no activation", "leaky_relu"]),
        ("init --activation elu=-1", vec!["elu", "positive"]),
        ("init --layers 0", vec!["--layers"]),
        ("init --svg a --png a", vec!["--png", "file of its own"]),
    ] {
        fails(&taper(folder, &words(text)), 2, &wanted);
    }
    assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
}
