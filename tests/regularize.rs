//! Regularization by recipe and flags, and the mean over its noise in testing.

use std::fs;

use crate::support::{fails, fine_tune, json, small, succeed, taper};

const MIXED: [&str; 18] = [
    "--drop-connect",
    "0.5",
    "--erasing",
    "0.5",
    "--cutout",
    "12",
    "--mixup",
    "0.2",
    "--cutmix",
    "1",
    "--label-smoothing",
    "0.05",
    "--l1",
    "0.02",
    "--l2",
    "0.01",
    "--max-norm",
    "2",
];

#[test]
fn all_techniques_at_once_repeat_to_the_bit_and_leave_their_marks() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = (place.path(), small(place.path(), 6));
    for more in [&["--out", "a", "--threads", "1"][..], &["--out", "b", "--threads", "3"]] {
        let ran = fine_tune(folder, &[&MIXED[..], more].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    let ran = fine_tune(folder, &["--out", "plain"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let read = |run: &str, file: &str| fs::read(folder.join(run).join(file)).unwrap();
    for file in ["model.safetensors", "history.csv", "recipe.toml"] {
        assert_eq!(read("a", file), read("b", file), "{file}");
        assert_ne!(read("a", file), read("plain", file), "{file}");
    }
    let penalty = |run: &str| json(&folder.join(run).join("summary.json"))["final"]["penalty"].as_f64().unwrap();
    assert!(penalty("a") > 0.0 && penalty("plain") == 0.0);
    assert!(String::from_utf8(read("a", "report.html")).unwrap().contains("Penalty on weights"));

    let model = |run: &str| {
        candle_core::safetensors::load(folder.join(run).join("model.safetensors"), &candle_core::Device::Cpu).unwrap()
    };
    let zeros = |run: &str| {
        let weight = model(run)["head.fc1.weight"].flatten_all().unwrap().to_vec1::<f32>().unwrap();
        weight.iter().filter(|&&w| w == 0.0).count()
    };
    assert!(zeros("a") > 0 && zeros("plain") == 0, "{} and {}", zeros("a"), zeros("plain"));
}

#[test]
fn patience_ends_a_phase_with_its_best_network() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = (place.path(), small(place.path(), 6));
    let long =
        "fine-tune pictures --image-size 64 --batch-size 4 --epochs 30 --plan probe --patience 2 --rate 0.05 --out run";
    let ran = taper(folder, &long.split(' ').collect::<Vec<_>>());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let summary = json(&folder.join("run/summary.json"));
    assert!(summary["epochs"].as_u64().unwrap() < 31, "{summary}");
    assert_eq!(summary["final"]["val_loss"], summary["best"]["val_loss"]);
    assert_eq!(
        fs::read(folder.join("run/model.safetensors")).unwrap(),
        fs::read(folder.join("run/checkpoint/best.safetensors")).unwrap()
    );
    let told: serde_json::Value = serde_json::from_str(&succeed(folder, &["eval", "run", "--json"]).stdout).unwrap();
    assert_eq!(told["loss"], summary["final"]["val_loss"]);
}

#[test]
fn the_noise_of_dropout_is_averaged_and_told() {
    let place = tempfile::tempdir().unwrap();
    let (folder, data) = (place.path(), small(place.path(), 6));
    assert_eq!(fine_tune(folder, &["--plan", "probe", "--out", "run"]).code, Some(0));
    let clock = fs::read_dir(data.join("val/clock")).unwrap().next().unwrap().unwrap().path();
    let clock = clock.to_str().unwrap();
    let ask = |more: &[&str]| succeed(folder, &[&["predict", "run", clock], more].concat()).stdout;
    assert!(ask(&["--mc", "8"]).contains(" ± ") && !ask(&[]).contains('±'));
    assert_eq!(ask(&["--mc", "8"]), ask(&["--mc", "8"]));
    let told: serde_json::Value = serde_json::from_str(&ask(&["--mc", "8", "--json"])).unwrap();
    let classes = told["predictions"].as_array().unwrap();
    let sum: f64 = classes.iter().map(|class| class["probability"].as_f64().unwrap()).sum();
    assert!(
        (sum - 1.0).abs() < 1e-5 && classes.iter().all(|class| class["deviation"].as_f64().unwrap() > 0.0),
        "{told}"
    );

    let eval = |more: &[&str]| -> serde_json::Value {
        let told = succeed(folder, &[&["eval", "run", "--json"], more].concat()).stdout;
        serde_json::from_str(&told).unwrap()
    };
    let (one, many) = (eval(&[]), eval(&["--marginalize", "8"]));
    assert_eq!(many["marginalize"], 8);
    assert_ne!(one["loss"], many["loss"]);
    assert_eq!(many["loss"], eval(&["--marginalize", "8", "--threads", "3"])["loss"]);
}

#[test]
fn several_views_of_a_picture_are_averaged_beside_the_plain_answer() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = (place.path(), small(place.path(), 6));
    assert_eq!(fine_tune(folder, &["--plan", "probe", "--out", "run"]).code, Some(0));
    let eval = |more: &str| -> serde_json::Value {
        let words: Vec<&str> = "eval run --json".split(' ').chain(more.split_whitespace()).collect();
        serde_json::from_str(&succeed(folder, &words).stdout).unwrap()
    };
    let plain = eval("");
    assert!(plain["tta"].is_null());
    for (views, count) in [("flips", 2), ("ten-crop", 10), ("multi-scale", 50), ("3", 3)] {
        let seen = eval(&format!("--tta {views}"));
        assert_eq!((&seen["tta"]["views"], &seen["tta"]["mean"]), (&count.into(), &"probabilities".into()));
        assert_eq!(seen["tta"]["without"]["loss"], plain["loss"], "{views}");
        assert_ne!(seen["loss"], plain["loss"], "{views}");
        let again = eval(&format!("--tta {views} --threads 3"));
        assert_eq!(seen["loss"], again["loss"], "{views}");
    }
    // The geometric mean of the views, and views with the noise of dropout.
    let flips = eval("--tta flips");
    assert_ne!(eval("--tta flips --tta-mean logits")["loss"], flips["loss"]);
    assert_ne!(eval("--tta flips --marginalize 2")["loss"], flips["loss"]);
    let told = succeed(folder, &["eval", "run", "--tta", "flips"]).stdout;
    assert!(told.contains("over 2 views") && told.contains("without them accuracy"), "{told}");
    fails(&taper(folder, &["eval", "run", "--tta", "eleven"]), 2, &["eleven", "ten-crop"]);
    fails(&taper(folder, &["eval", "squeezenet1_1", "pictures", "--tta", "0"]), 2, &["ten-crop"]);
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = (place.path(), small(place.path(), 4));
    for (flag, words) in [
        ("--mixup=-1", ["regularize", "mixup"]),
        ("--cutmix=nan", ["regularize", "cutmix"]),
        ("--l1=-0.1", ["regularize", "l1"]),
        ("--l2=inf", ["regularize", "l2"]),
        ("--max-norm=-3", ["regularize.max_norm", "from 0.0"]),
        ("--erasing=2", ["p is 2", "0 <= p <= 1"]),
        ("--label-smoothing=1", ["regularize.label_smoothing", "[0, 1)"]),
        ("--dropout=1", ["dropout must be", "[0, 1)"]),
        ("--drop-connect=1", ["drop_connect must be", "[0, 1)"]),
        ("--stochastic-depth=0.5", ["stochastic_depth must be 0", "ResNets"]),
        ("--fractional-pooling=1.5", ["fractional_pooling must be 0", "small_cnn"]),
    ] {
        fails(&fine_tune(folder, &[flag]), 2, &words);
    }
    fails(&taper(folder, &["predict", "squeezenet1_1", "x.png", "--mc", "0"]), 2, &["--mc"]);
    assert!(!folder.join("runs").exists());
}
