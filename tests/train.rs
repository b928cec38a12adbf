//! `taper train`: a network with random weights, on a data set in IDX format.

use std::fs;
use std::path::Path;

use taper_tensor::Precision;

use crate::support::{command, fails, json, succeed, taper};

/// `count` pictures of 12x12 in IDX format: class k has a bright square in band k, moved along and
/// dimmed by its number.
fn write(folder: &Path, name: &str, count: u32) {
    let mut images = [&[0, 0, 8, 3][..], &count.to_be_bytes(), &12u32.to_be_bytes(), &12u32.to_be_bytes()].concat();
    let mut labels = [&[0, 0, 8, 1][..], &count.to_be_bytes()].concat();
    for i in 0..count {
        let class = i % 3;
        let (top, left) = (4 * class, i / 3 % 8);
        for pixel in 0..144 {
            let inside = (top..top + 4).contains(&(pixel / 12)) && (left..left + 4).contains(&(pixel % 12));
            images.push(if inside { 255 - (i * 7 % 80) as u8 } else { (i * 3 % 30) as u8 });
        }
        labels.push(class as u8);
    }
    fs::write(folder.join(format!("{name}-images-idx3-ubyte")), images).unwrap();
    fs::write(folder.join(format!("{name}-labels-idx1-ubyte")), labels).unwrap();
}

const SHORT: &str = "--image-size 12 --batch-size 12 --epochs 6";

fn words(text: &str) -> Vec<&str> {
    text.split(' ').collect()
}

#[test]
fn a_network_learns_from_scratch_and_is_used_like_any_other() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(folder, "train", 120);
    write(folder, "t10k", 45);
    for (out, threads) in [("a", "1"), ("b", "3")] {
        succeed(folder, &words(&format!("train . {SHORT} --rate 0.01 --out {out} --threads {threads}")));
    }
    succeed(folder, &words("train -c a/recipe.toml --out c"));
    let read = |run: &str, file: &str| fs::read(folder.join(run).join(file)).unwrap();
    for run in ["b", "c"] {
        for file in ["model.safetensors", "history.csv", "recipe.toml"] {
            assert_eq!(read("a", file), read(run, file), "{run}/{file}");
        }
    }
    let summary = json(&folder.join("a/summary.json"));
    assert_eq!((&summary["command"], &summary["model"]), (&"train".into(), &"small_cnn".into()));
    assert_eq!((&summary["train_images"], &summary["val_images"]), (&120.into(), &45.into()));
    let accuracy = summary["final"]["val_accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.8, "{summary}");
    assert!(String::from_utf8(read("a", "report.html")).unwrap().contains("taper train -c recipe.toml"));
    for asked in ["eval a --json", "eval a . --json"] {
        let told = json_of(&succeed(folder, &words(asked)).stdout);
        assert_eq!(told["accuracy"].as_f64(), Some(accuracy), "{asked}");
    }
}

/// The numbers at a place of a table.
fn numbers(table: &toml::Table, name: &str) -> Vec<f64> {
    table[name].as_array().unwrap().iter().map(|number| number.as_float().unwrap()).collect()
}

#[test]
fn colors_are_measured_once_and_the_recipe_has_the_numbers() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(folder, "train", 60);
    write(folder, "t10k", 15);
    let light = "augment.train=[{name=\"maybe\",transform={name=\"pca_lighting\",from=\"data\"}}]";
    for (out, threads) in [("a", "1"), ("b", "3")] {
        let line =
            format!("train . --image-size 12 --batch-size 12 --epochs 1 --threads {threads} --out {out} --set {light}");
        succeed(folder, &words(&line));
    }
    succeed(folder, &words("train -c a/recipe.toml --out c"));
    for file in ["model.safetensors", "model.json", "history.csv", "recipe.toml"] {
        let read = |run: &str| fs::read(folder.join(run).join(file)).unwrap();
        assert!(read("a") == read("b") && read("a") == read("c"), "{file}");
    }
    let text = fs::read_to_string(folder.join("a/recipe.toml")).unwrap();
    let recipe: toml::Table = text.parse().unwrap();
    let values = recipe["data"]["normalize"].as_table().unwrap();
    assert_eq!(values["name"].as_str(), Some("values"));
    // Pictures of the size that the network sees are measured as `taper data stats` measures them.
    let stats = json_of(&succeed(folder, &words("data stats . --json")).stdout);
    let card = json(&folder.join("a/model.json"));
    succeed(folder, &words("export a --format onnx --out exported"));
    let preprocess = json(&folder.join("exported/preprocess.json"));
    for name in ["mean", "std"] {
        for (i, number) in numbers(values, name).into_iter().enumerate() {
            for other in [&stats[name][i], &card[name][i], &preprocess[name][i]] {
                assert!((number - other.as_f64().unwrap()).abs() < 1e-6, "{name} {number} {other}");
            }
        }
    }
    let transform = recipe["augment"]["train"][0]["transform"].as_table().unwrap();
    assert!(!transform.contains_key("from"), "{transform:?}");
    for (number, other) in numbers(transform, "values").into_iter().zip(stats["eigenvalues"].as_array().unwrap()) {
        assert!((number - other.as_f64().unwrap()).abs() < 1e-6, "{number} {other}");
    }

    // A run that was begun before there was the setting did without it, whatever the verb does now.
    fs::create_dir(folder.join("old")).unwrap();
    fs::copy(folder.join("a/origin.json"), folder.join("old/origin.json")).unwrap();
    let mut old = recipe.clone();
    old["data"].as_table_mut().unwrap().remove("normalize");
    fs::write(folder.join("old/recipe.toml"), old.to_string()).unwrap();
    for (line, mean) in
        [("train -c old/recipe.toml --out d", 0.5), ("train -c a/recipe.toml --normalize imagenet --out e", 0.485)]
    {
        succeed(folder, &words(line));
        let run = words(line)[4].to_owned();
        let run = if run == "imagenet" { "e".to_owned() } else { run };
        let found = json(&folder.join(run).join("model.json"))["mean"][0].as_f64().unwrap();
        assert!((found - mean).abs() < 1e-6, "{line}: {found}");
    }
    fails(&taper(folder, &words("train . --normalize pictures")), 2, &["--normalize", "imagenet", "data"]);
}

#[test]
fn a_network_learns_in_bf16_or_is_told_why_not() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(folder, "train", 120);
    write(folder, "t10k", 45);
    let asked = format!("train . {SHORT} --rate 0.01 --precision bf16 --out");
    if let Err(reason) = Precision::Bf16.check() {
        let ran = taper(folder, &words(&format!("{asked} a")));
        fails(&ran, 2, &["optimize.precision", &reason.to_string()]);
        assert!(!folder.join("a").exists());
        return;
    }
    succeed(folder, &words(&format!("{asked} a --threads 1")));
    succeed(folder, &words(&format!("{asked} b --threads 3")));
    succeed(folder, &words("train -c a/recipe.toml --precision f32 --out c"));
    let weights = |run: &str| fs::read(folder.join(run).join("model.safetensors")).unwrap();
    assert!(weights("a") == weights("b") && weights("a") != weights("c"));
    let accuracy = |run: &str| json(&folder.join(run).join("summary.json"))["final"]["val_accuracy"].as_f64().unwrap();
    assert!(accuracy("a") > 0.8, "{} and in float32 {}", accuracy("a"), accuracy("c"));
    let held = command(folder, &words(&format!("{asked} d"))).env("TAPER_SIMD", "avx2").output().unwrap();
    fails(&held.into(), 2, &["optimize.precision", "TAPER_SIMD"]);
}

#[test]
fn fields_that_a_recipe_leaves_out_are_those_of_the_verb() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(folder, "train", 30);
    write(folder, "t10k", 15);
    fs::write(folder.join("r.toml"), "seed = 5\n[data]\nimage_size = 12\nbatch_size = 10\n[optimize]\nepochs = 1\n")
        .unwrap();
    succeed(folder, &words("train . -c r.toml --out run"));
    let recipe = fs::read_to_string(folder.join("run/recipe.toml")).unwrap();
    for line in ["seed = 5", "pretrained = false", "model = \"small_cnn\"", "head_epochs = 0", "epochs = 1"] {
        assert!(recipe.lines().any(|other| other == line), "no {line:?} in {recipe}");
    }
}

#[test]
fn full_batch_is_on_the_network_of_the_verb() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(folder, "train", 30);
    write(folder, "t10k", 15);
    succeed(folder, &words(&format!("train . {SHORT} --plan probe --optimizer lbfgs --out run")));
    let summary = json(&folder.join("run/summary.json"));
    assert_eq!((&summary["command"], &summary["model"]), (&"train".into(), &"small_cnn".into()));
}

#[test]
fn noise_inside_the_network_is_in_its_card_and_averaged_out() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(folder, "train", 60);
    write(folder, "t10k", 15);
    let short = "--image-size 12 --batch-size 12 --epochs 2";
    for (out, setting) in [
        ("pooled", "--fractional-pooling 1.5"),
        // Blocks that are left out have no gradient: their momentum and decay go on.
        ("shallow", "--model resnet18_small --stochastic-depth 0.9 --weight-decay 0.1 --accumulate 2"),
    ] {
        for threads in ["1", "3"] {
            succeed(folder, &words(&format!("train . {short} {setting} --threads {threads} --out {out}{threads}")));
        }
        let read = |threads: &str| fs::read(folder.join(format!("{out}{threads}")).join("model.safetensors")).unwrap();
        assert_eq!(read("1"), read("3"), "{out}");
        let told = |more: &str| json_of(&succeed(folder, &words(&format!("eval {out}1 --json{more}"))).stdout);
        let summary = json(&folder.join(format!("{out}1/summary.json")));
        let loss = |more: &str| told(more)["loss"].clone();
        assert_eq!(loss(""), summary["final"]["val_loss"], "{out}");
        assert_ne!(loss(" --marginalize 4"), loss(""), "{out}");
        assert_eq!(loss(" --marginalize 4"), loss(" --marginalize 4"), "{out}");
    }
}

#[test]
fn activations_that_are_computed_again_train_the_same_network() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(folder, "train", 60);
    write(folder, "t10k", 15);
    // One step, as long as its gradient: rounding grows from step to step, and turns the sign of
    // what is near 0.
    for (more, out) in [
        ("--batch-size 60 --hidden 32 --dropout 0.3", "plain"),
        ("--batch-size 30 --accumulate 2", "added"),
        ("--batch-size 60 --sam 0.05", "sharp"),
    ] {
        let losses = |more: &str, out: &str| {
            let short = "--image-size 12 --epochs 1 --passes 1 --model resnet18_small --optimizer sgd";
            succeed(folder, &words(&format!("train . {short} {more} --out {out}")));
            let last = &json(&folder.join(out).join("summary.json"))["final"];
            ["train_loss", "val_loss"].map(|loss| last[loss].as_f64().unwrap())
        };
        let (kept, again) =
            (losses(more, out), losses(&format!("{more} --checkpoint-activations"), &format!("{out}-2")));
        // The running statistics, which a validation sees, take in a batch once.
        let near = |i: usize| (kept[i] - again[i]).abs() < 1e-4 * kept[i];
        assert!(near(0) && near(1), "{out}: {kept:?} and {again:?}");
    }
}

fn json_of(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    fails(&taper(folder, &words("train nowhere")), 1, &["nowhere"]);
    write(folder, "train", 30);
    fails(&taper(folder, &words("train .")), 1, &["lacks t10k-images-idx3-ubyte"]);
    write(folder, "t10k", 15);
    fails(&taper(folder, &words("train . --model resnet17")), 2, &["resnet17", "resnet18", "small_cnn"]);
    fails(&taper(folder, &words("train . --image-size 7")), 2, &["data.image_size", "from 8"]);
    fails(&taper(folder, &words("train . --weights w.safetensors")), 2, &["weights", "pretrained = false"]);
    let images = fs::read(folder.join("t10k-images-idx3-ubyte")).unwrap();
    fs::write(folder.join("t10k-images-idx3-ubyte"), &images[..100]).unwrap();
    fails(&taper(folder, &words("train .")), 1, &["t10k-images", "bytes"]);
    assert!(!folder.join("runs").exists());
}
