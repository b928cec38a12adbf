//! Networks that answer in integers of 8 bits, and files of them.

use std::fs;

use serde_json::Value;

use crate::support::{fails, fine_tune, small, succeed, taper};

#[test]
fn a_run_answers_in_integers_and_is_exported_in_them() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    small(folder, 4);
    // A network that is sure of what it has wrong has a loss that says little.
    assert_eq!(fine_tune(folder, &["--out", "run", "--passes", "1"]).code, Some(0));
    succeed(folder, &["export", "run", "--format", "taper", "--int8", "--out", "small"]);
    let bytes = |file: &str| fs::metadata(folder.join(file)).unwrap().len();
    assert!(4 * bytes("small/model.safetensors") < bytes("run/model.safetensors") + 400_000);
    let first = fs::read_dir(folder.join("pictures/val/clock")).unwrap().map(|entry| entry.unwrap().path()).min();
    let picture = first.unwrap().to_string_lossy().into_owned();
    let probabilities = |what: &str, more: &[&str]| {
        let ran = succeed(folder, &[&["predict", what, &picture, "--json"], more].concat());
        let said: Value = serde_json::from_str(ran.stdout.trim()).unwrap();
        let mut all: Vec<(String, f64)> = said["predictions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|class| (class["class"].as_str().unwrap().to_owned(), class["probability"].as_f64().unwrap()))
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all.into_iter().map(|(_, probability)| probability).collect::<Vec<_>>()
    };
    let right = probabilities("run", &[]);
    for (what, more) in [("run", &["--precision", "int8"][..]), ("small", &[]), ("small", &["--precision", "int8"])] {
        let got = probabilities(what, more);
        assert!(
            got != right && got.iter().zip(&right).all(|(a, b)| (a - b).abs() < 0.05),
            "{what} {more:?}: {got:?}, {right:?}"
        );
    }
    let accuracy = |more: &[&str]| -> f64 {
        let ran = succeed(folder, &[&["eval", "run", "--json"], more].concat());
        serde_json::from_str::<Value>(ran.stdout.trim()).unwrap()["loss"].as_f64().unwrap()
    };
    assert!((accuracy(&[]) - accuracy(&["--precision", "int8"])).abs() < 0.1);
    let small = ["eval", "small", "pictures", "--precision", "int8"];
    assert!(succeed(folder, &small).stdout.contains("accuracy"));
    fails(
        &taper(folder, &["export", "run", "--format", "timm", "--int8", "--out", "no"]),
        1,
        &["integers", "--format taper and onnx"],
    );
    assert!(!folder.join("no").exists());
    succeed(folder, &["export", "run", "--format", "onnx", "--int8", "--out", "onnx"]);
    assert!(4 * bytes("onnx/model.onnx") < bytes("run/model.safetensors") + 400_000);
    // What a machine cannot compute in is a wrong setting, and said.
    let bf16 = taper(folder, &["predict", "run", &picture, "--precision", "bf16"]);
    assert!(bf16.code == Some(0) || bf16.code == Some(2) && bf16.stderr.contains("AVX512-BF16"), "{}", bf16.stderr);
    let there = if bf16.code == Some(0) { "bf16" } else { "f32" };
    let [auto, there] = ["auto", there].map(|precision| probabilities("run", &["--precision", precision]));
    assert_eq!(auto, there, "auto is bf16 where that is there");
    fails(&taper(folder, &["predict", "run", &picture, "--precision", "int4"]), 2, &["int4", "int8"]);
}
