//! How fast two ranks of one thread are beside one process of two.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::command::{Started, started};

/// What is trained: few numbers to send and much to compute, and the other way.
const NETWORKS: [(&str, &str); 3] = [
    ("ResNet-18, 96 pixels", "train DATA --model resnet18 --image-size 96 --batch-size 64 --epochs 1"),
    ("SqueezeNet 1.1, 96 pixels", "fine-tune DATA --image-size 96 --batch-size 64 --head-epochs 0 --epochs 1"),
    ("MobileNetV2, 96 pixels", "train DATA --model mobilenet_v2 --image-size 96 --batch-size 64 --epochs 1"),
];

/// How often each is trained, one side after the other.
const ROUNDS: usize = 3;

/// A table: pictures a second of the training alone, the medians.
pub(super) fn scaling(root: &Path, place: &Started) -> Result<String> {
    let data = root.join("tests/data/emoji");
    let mut table =
        "| network | one process, 2 threads | 2 ranks, 1 thread each | efficiency |\n|---|---|---|---|".to_owned();
    for (number, (name, words)) in NETWORKS.iter().enumerate() {
        let words = words.replace("DATA", &data.display().to_string());
        let speed = |round: usize, ranks: usize, threads: usize| -> Result<f64> {
            let out = format!("speed-{number}-{ranks}-{round}");
            let said = started(place, ranks, &format!("{words} --shards 8 --threads {threads} --out {out}"), "")?;
            ensure!(said.ok, "{name}: {}", said.text);
            let summary = fs::read_to_string(place.folder.join(&out).join("summary.json"))?;
            let value = summary.lines().find_map(|line| line.trim().strip_prefix("\"images_per_second\": "));
            value
                .and_then(|value| value.trim_end_matches(',').parse().ok())
                .context("no images_per_second in a summary")
        };
        let (mut alone, mut both) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            alone.push(speed(round, 1, 2)?);
            both.push(speed(round, 2, 1)?);
        }
        let median = |mut speeds: Vec<f64>| {
            speeds.sort_by(f64::total_cmp);
            speeds[ROUNDS / 2]
        };
        let (one, two) = (median(alone), median(both));
        table += &format!("\n| {name} | {one:.1} a second | {two:.1} a second | {:.0} % |", 100.0 * two / one);
    }
    Ok(table)
}
