//! `taper detect`: from scenes to a detector, and what it finds.

use std::path::Path;

use taper_detect::data::scenes::{SceneConfig, cutouts, write};
use taper_tensor::Rng;

use crate::support::{EMOJI, fails, json, succeed, taper};

/// A few scenes of real drawings, small and with two objects at most.
fn scenes(folder: &Path) {
    let config = SceneConfig { sides: (64, 80), objects: (1, 2), sizes: (24, 48), ..SceneConfig::default() };
    for (side, count) in [("train", 6), ("val", 3)] {
        let (classes, drawings) = cutouts(&Path::new(EMOJI).join(side)).unwrap();
        write(&folder.join("scenes"), (side, count), (&classes, &drawings), &config, &Rng::new(1)).unwrap();
    }
}

const SHORT: &str = "--short 64 --hidden 32 --batch-size 2 --epochs 2 --freeze 3 --seed 3";

fn run(folder: &Path, text: &str) -> String {
    succeed(folder, &text.split(' ').collect::<Vec<_>>()).stdout
}

#[test]
fn a_detector_from_pictures_with_boxes_to_a_drawing() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    scenes(folder);
    let said = run(folder, &format!("detect train scenes {SHORT} --threads 1"));
    assert!(said.starts_with("mAP ") && said.contains("runs/detect-scenes-1"), "{said}");
    let summary = json(&folder.join("runs/detect-scenes-1/summary.json"));
    assert_eq!((&summary["train_images"], &summary["epochs"]), (&6.into(), &2.into()));
    // The recipe that it left makes the same bytes, with another number of threads.
    run(folder, "detect train -c runs/detect-scenes-1/recipe.toml --out again --threads 2");
    for name in ["model.safetensors", "history.csv", "recipe.toml"] {
        let of = |run: &str| std::fs::read(folder.join(run).join(name)).unwrap();
        assert_eq!(of("runs/detect-scenes-1"), of("again"), "{name}");
    }

    let measured: serde_json::Value = serde_json::from_str(&run(folder, "detect eval again --json")).unwrap();
    assert_eq!((&measured["images"], &measured["metrics"]), (&3.into(), &summary["final"]));
    assert!(run(folder, "detect eval again scenes/val.json").starts_with("3 pictures"));
    let found = run(folder, "detect predict again scenes/val/0000.png --score 0 --json --out found.png");
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    let first = &found["found"][0];
    assert!(first["box"].as_array().unwrap().len() == 4 && first["score"].as_f64().unwrap() > 0.0, "{found}");
    let [before, after] = ["scenes/val/0000.png", "found.png"].map(|name| image::open(folder.join(name)).unwrap());
    // Enlarged by a whole factor, so that names can be read.
    let scale = after.width() / before.width();
    assert_eq!((before.width() * scale, before.height() * scale), (after.width(), after.height()));
    assert!(scale > 1 && after.width().max(after.height()) >= 480);
    let plain = before.resize_exact(after.width(), after.height(), image::imageops::FilterType::Nearest);
    assert!(plain.to_rgb8() != after.to_rgb8());
    run(folder, "detect predict again scenes/val/0000.png scenes/val/0001.png --out drawn");
    assert!(folder.join("drawn/0001.png").is_file());
}

#[test]
fn what_a_detector_cannot_do_is_said() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let said = |text: &str| taper(folder, &text.split(' ').collect::<Vec<_>>());
    fails(&said("detect train nowhere"), 1, &["nowhere has no boxes"]);
    fails(&said("detect eval nowhere"), 1, &["no run of a detector"]);
    fails(&said("detect resume nowhere"), 1, &["no folder nowhere"]);
    scenes(folder);
    fails(&said("detect train scenes --lr=-1"), 2, &["optimize.lr must be a positive number"]);
    fails(&said("detect train scenes --lr 0"), 2, &["optimize.lr must be a positive number"]);
    fails(&said("detect train scenes --stage fire1"), 2, &["no stage \"fire1\"", "fire6-9"]);
    fails(&said("detect train scenes --optimizer lbfgs"), 2, &["optimize.rule"]);
    fails(&said("detect train scenes --model vit_tiny_patch16_224 --no-pretrained"), 1, &["no maps"]);
    std::fs::write(folder.join("r.toml"), "speed = 3\n").unwrap();
    fails(&said("detect train -c r.toml"), 2, &["r.toml is no recipe of a detector", "speed"]);
    assert!(!folder.join("runs").exists());
}
