//! Several labels a picture: scenes of two or three emoji, fine-tuned by the binary and by a script
//! of PyTorch's with the same recipe, from the same weights.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::averages::output;
use super::table::{mean, percent};
use crate::runs::binary::release;

/// The recipe, which the script of PyTorch's has too.
const RECIPE: &str = "--model squeezenet1_1 --hidden 0 --dropout 0 --plan full --freeze none --head-epochs 0 --lr 1e-3 --head-lr 1e-3 \
                      --backbone-lr 1e-4 --stage-decay 1 --schedule constant --warmup 0 --weight-decay 0.01 --average none \
                      --clip none --augment none --batch-size 32 --passes 1 --image-size 128 --precision f32";

/// What a training without a flag is called.
const DEFAULT: &str = "Taper, its default recipe";

/// What a call asks for.
pub(super) struct Wanted<'a> {
    /// Where the pictures are, or are made.
    pub(super) data: PathBuf,
    /// Where the runs are kept.
    pub(super) runs: PathBuf,
    /// Makes the pictures.
    pub(super) python: &'a Path,
    /// Has torch and torchvision; without it PyTorch is left out.
    pub(super) torch: Option<&'a Path>,
    pub(super) epochs: usize,
    pub(super) seeds: u64,
    pub(super) threads: usize,
}

/// What came of a training.
struct Outcome {
    /// Mean average precision on the validation pictures, fraction.
    map: f64,
    seconds: f64,
}

/// Trains what is not there yet, and returns the table.
///
/// # Errors
/// When the pictures cannot be made, or a training fails.
pub(super) fn table(root: &Path, wanted: &Wanted<'_>, tell: impl Fn(String)) -> Result<String> {
    let scripts = root.join("xtask/src/experiments/scenes");
    let labels = wanted.data.join("labels.csv");
    if !labels.is_file() {
        output(Command::new(wanted.python).arg(scripts.join("scenes.py")).arg(root).arg(&wanted.data))?;
    }
    let binary = release(root)?;
    let same = format!("{RECIPE} --epochs {}", wanted.epochs);
    let mut rows = vec![("Taper", ours(&binary, &labels, ("taper", &same), wanted, &tell)?)];
    if let Some(python) = wanted.torch {
        rows.push(("PyTorch", peers(root, python, &labels, wanted, &tell)?));
    }
    rows.push((DEFAULT, ours(&binary, &labels, ("default", ""), wanted, &tell)?));
    let recipe = RECIPE.split(" --").map(|flag| flag.trim_start_matches("--")).collect::<Vec<_>>().join("`, `--");
    let mut text = format!(
        "Scenes of two or three of ten kinds of emoji, 600 to train on and 300 of other drawings to validate on \
         (`labels.csv` has the kinds with semicolons between them). SqueezeNet 1.1 is trained from the weights in the binary for \
         {} epochs by `--{recipe}`, and by PyTorch with the same settings. mAP in percent after the last epoch, mean ± standard \
         deviation over {} seeds; seconds of the training, the fastest seed. The last row is what `taper fine-tune labels.csv` does \
         without a flag.\n\n| by | mAP | seconds |\n|---|--:|--:|\n",
        wanted.epochs, wanted.seeds
    );
    for (name, outcomes) in rows {
        let maps: Vec<f64> = outcomes.iter().map(|outcome| outcome.map).collect();
        let least = outcomes.iter().map(|outcome| outcome.seconds).fold(f64::INFINITY, f64::min);
        tell(format!("{name}: mAP {:.1} %", 100.0 * mean(&maps)));
        // Writing into a string cannot fail.
        let _ = writeln!(text, "| {name} | {} | {least:.0} |", percent(&maps));
    }
    Ok(text)
}

/// The binary with these flags, in run folders that begin with a name.
fn ours(
    binary: &Path,
    labels: &Path,
    (name, flags): (&str, &str),
    wanted: &Wanted<'_>,
    tell: &impl Fn(String),
) -> Result<Vec<Outcome>> {
    let one = |seed: u64| {
        let folder = wanted.runs.join(format!("{name}-{seed}"));
        if !folder.join("summary.json").is_file() {
            let mut command = Command::new(binary);
            command.arg("fine-tune").arg(labels).args(flags.split_whitespace());
            command.args(["--labels", "many", "--seed", &seed.to_string()]);
            output(command.args(["--threads", &wanted.threads.to_string(), "--out"]).arg(&folder))?;
        }
        let told = std::fs::read(folder.join("summary.json"))?;
        told_by(name, seed, &told, ("/final/val_map", "/seconds/train"), tell)
    };
    (0..wanted.seeds).map(one).collect()
}

fn peers(
    root: &Path,
    python: &Path,
    labels: &Path,
    wanted: &Wanted<'_>,
    tell: &impl Fn(String),
) -> Result<Vec<Outcome>> {
    let script = root.join("xtask/src/experiments/scenes/pytorch_scenes.py");
    let weights = root.join("crates/transfer/models/squeezenet1_1.safetensors");
    let one = |seed: u64| {
        let file = wanted.runs.join(format!("pytorch-{seed}.json"));
        if !file.is_file() {
            let mut command = Command::new(python);
            command.arg(&script).arg(labels).arg(&weights);
            command.args([seed, wanted.threads as u64, wanted.epochs as u64].map(|number| number.to_string()));
            std::fs::create_dir_all(&wanted.runs)?;
            taper_trainer::files::write(&file, &output(&mut command)?)?;
        }
        told_by("PyTorch", seed, &std::fs::read(file)?, ("/map", "/seconds"), tell)
    };
    (0..wanted.seeds).map(one).collect()
}

/// What a file of JSON says at two places.
fn told_by(who: &str, seed: u64, told: &[u8], (map, seconds): (&str, &str), tell: &impl Fn(String)) -> Result<Outcome> {
    let told: Value = serde_json::from_slice(told).with_context(|| format!("what {who} says is no JSON"))?;
    let number =
        |place: &str| told.pointer(place).and_then(Value::as_f64).with_context(|| format!("{who}: no {place}"));
    let outcome = Outcome { map: number(map)?, seconds: number(seconds)? };
    tell(format!("{who} seed {seed}: mAP {:.1} % in {:.0} s", 100.0 * outcome.map, outcome.seconds));
    Ok(outcome)
}
