//! Several labels a picture, and numbers: a training on a table, and every verb that takes the run.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;
use taper_tensor::Rng;

use crate::support::{fails, json, succeed, taper};

/// Pictures whose left half is more or less red, and the right half more or less green, and two
/// tables: `labels.csv` says which half is bright, `numbers.csv` how bright both are.
fn write(folder: &Path) {
    let mut rng = Rng::new(3);
    let [mut labels, mut numbers] = ["path,label,split\n", "path,left,right,split\n"].map(str::to_owned);
    fs::create_dir(folder.join("pictures")).unwrap();
    for i in 0..120 {
        let [mut left, mut right] = [0; 2].map(|_: u8| rng.below(256) as u8);
        if left.max(right) < 128 {
            // A picture of neither is one of both.
            (left, right) = (255 - left, 255 - right);
        }
        let picture =
            image::RgbImage::from_fn(16, 16, |x, _| image::Rgb(if x < 8 { [left, 60, 60] } else { [60, right, 60] }));
        picture.save(folder.join(format!("pictures/{i:03}.png"))).unwrap();
        let there = [("left", left), ("right", right)].map(|(name, shade)| (shade > 127).then_some(name));
        let there = there.into_iter().flatten().collect::<Vec<_>>().join(";");
        let split = if i < 80 { "train" } else { "val" };
        writeln!(labels, "pictures/{i:03}.png,{there},{split}").unwrap();
        writeln!(numbers, "pictures/{i:03}.png,{left}.5,{right}.5,{split}").unwrap();
    }
    fs::write(folder.join("labels.csv"), labels).unwrap();
    fs::write(folder.join("numbers.csv"), numbers).unwrap();
}

const SHORT: &str = "--image-size 16 --batch-size 16 --epochs 6 --lr 0.01 --augment none --passes 4 --threads 2";

fn run(folder: &Path, text: &str) -> String {
    succeed(folder, &text.split(' ').collect::<Vec<_>>()).stdout
}

fn told(folder: &Path, text: &str) -> Value {
    let said = run(folder, text);
    serde_json::from_str(said.lines().next().unwrap()).unwrap_or_else(|error| panic!("{text}: {error}: {said}"))
}

#[test]
fn several_labels_from_a_table_to_an_answer() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(folder);
    let said = run(folder, &format!("train labels.csv {SHORT} --out a"));
    assert!(said.starts_with("mAP "), "{said}");
    let summary = json(&folder.join("a/summary.json"));
    let map = summary["final"]["val_map"].as_f64().unwrap();
    assert!(map > 0.95 && summary["final"].get("val_accuracy").is_none(), "{summary}");
    assert!(
        fs::read_to_string(folder.join("a/history.csv"))
            .unwrap()
            .starts_with("epoch,phase,rate,train_loss,val_loss,val_map")
    );
    let eval = told(folder, "eval a --json");
    assert_eq!((&eval["map"], &eval["labels"]), (&summary["final"]["val_map"], &"many".into()));
    let thresholds = |file: &str| -> Vec<f32> {
        serde_json::from_value(json(&folder.join(file))["objective"]["thresholds"].clone()).unwrap()
    };
    let chosen = thresholds("a/model.json");
    assert_eq!(eval["scores"][1]["threshold"].as_f64().unwrap() as f32, chosen[1]);
    let table = run(folder, "eval a labels.csv --tta flips");
    assert!(table.contains("threshold") && table.contains("over 2 views; without them mAP"), "{table}");
    let answer = told(folder, "predict a pictures/000.png --json");
    let above = |class: &Value| class["probability"].as_f64() >= class["threshold"].as_f64();
    let there = answer["predictions"].as_array().unwrap().iter().filter(|class| above(class)).count();
    assert_eq!(answer["labels"].as_array().unwrap().len(), there, "{answer}");
    assert!(run(folder, "predict a pictures/000.png --mc 2").contains(" ± "));
    let page = fs::read_to_string(folder.join("a/report.html")).unwrap();
    assert!(page.contains("mAP") && page.contains("Threshold") && !page.contains("id=\"confusions\""));
    run(folder, "export a --format onnx --out onnx");
    assert_eq!(thresholds("onnx/classes.json"), chosen);
    run(folder, "explain a pictures/000.png --png seen.png");
    // Again, with weights for both labels, and both networks together.
    run(
        folder,
        &format!("train labels.csv {SHORT} --balance weights --label-smoothing 0.1 --mixup 0.2 --seed 1 --out b"),
    );
    let both = told(folder, "ensemble a b --json");
    assert!(both["rows"][2]["map"].as_f64().unwrap() > 0.9, "{both}");
    assert!(run(folder, "report a b --out both.html").contains("both.html"));
}

#[test]
fn numbers_from_a_table_to_an_answer() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(folder);
    let said = run(folder, &format!("train numbers.csv {SHORT} --labels number --number-loss huber --out a"));
    assert!(said.starts_with("R2 0."), "{said}");
    let summary = json(&folder.join("a/summary.json"));
    assert!(summary["final"]["val_r2"].as_f64().unwrap() > 0.8, "{summary}");
    let eval = told(folder, "eval a --json");
    assert_eq!(eval["r2"], summary["final"]["val_r2"]);
    assert!(eval["scores"][0]["rmse"].as_f64().unwrap() < 40.0, "{eval}");
    assert!(run(folder, "eval a").contains("root mean square"));
    let answer = told(folder, "predict a pictures/000.png --json");
    let value = answer["numbers"][0]["value"].as_f64().unwrap();
    assert!(answer["numbers"][0]["name"] == "left" && (-60.0..320.0).contains(&value), "{answer}");
    assert!(fs::read_to_string(folder.join("a/report.html")).unwrap().contains("<circle cx="));
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(folder);
    let refused = |text: &str, code, words: &[&str]| {
        fails(&taper(folder, &text.split(' ').collect::<Vec<_>>()), code, words);
    };
    refused(&format!("train labels.csv {SHORT} --balance sampling"), 2, &["data.balance", "several labels"]);
    refused(&format!("train labels.csv {SHORT} --number-loss l1"), 2, &["optimize.number_loss", "not numbers"]);
    refused(&format!("train numbers.csv {SHORT} --label-smoothing 0.1"), 2, &["regularize.label_smoothing", "numbers"]);
    refused(&format!("train numbers.csv {SHORT} --labels one"), 1, &["numbers.csv", "numbers"]);
    refused("probe labels.csv --model squeezenet1_1", 1, &["several labels or numbers", "--plan probe"]);
}
