//! The folder that a run leaves.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};

use crate::error::Result;
use crate::evaluate::metrics::interval;
use crate::files;
use crate::objective::Figure;
use crate::store::error::StoreError;

/// What a run writes last: a folder with this file is at its end.
pub const SUMMARY: &str = "summary.json";

/// `summary.json`, schema 1: what a run was and what came of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Summary {
    /// Version of this file: 1.
    pub schema: u32,
    /// The verb that made the run.
    pub command: String,
    /// The pretrained model.
    pub model: String,
    /// Which layers were trained.
    pub plan: String,
    /// The update rule.
    #[serde(default)]
    pub optimizer: String,
    /// The average of the weights that the model is, or `none`.
    #[serde(default)]
    pub average: String,
    /// The seed.
    pub seed: u64,
    /// Threads used; they change the time only.
    pub threads: usize,
    /// Pictures trained on.
    pub train_images: usize,
    /// Pictures validated on.
    pub val_images: usize,
    /// Pictures left out because they could not be read.
    pub unreadable_images: usize,
    /// What lies among the pictures and is not read, by ending or kind.
    #[serde(default)]
    pub left_out: BTreeMap<String, usize>,
    /// SHA-256 of classes, names and content of all pictures that were read; empty of runs of older
    /// versions.
    #[serde(default)]
    pub pictures_sha256: String,
    /// SHA-256 of the weights that were read to begin with; empty where all begin at random.
    #[serde(default)]
    pub weights_sha256: String,
    /// The classes in the order of the outputs.
    pub classes: Vec<String>,
    /// Epochs.
    pub epochs: usize,
    /// Steps left out for a gradient that was not finite.
    #[serde(default)]
    pub skipped_steps: u64,
    /// The epoch with the lowest validation loss.
    pub best: Best,
    /// The model that the run leaves: that of the last epoch, or with `regularize.patience` that of
    /// the best.
    pub r#final: Final,
    /// Times, seconds.
    pub seconds: Seconds,
    /// Pictures a second in training, validation not counted.
    #[serde(deserialize_with = "number")]
    pub images_per_second: f64,
    /// The most memory that the process held, megabytes; null where the system does not tell.
    pub peak_memory_mb: Option<u64>,
    /// Where output could not be printed, and why (a full disk, a reader that had left); the run
    /// went on without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_lost: Option<String>,
}

/// The epoch with the lowest validation loss.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Best {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Validation loss, nats.
    #[serde(deserialize_with = "number")]
    pub val_loss: f64,
    /// What the epoch is judged by: `val_accuracy`, `val_map` with several labels, or `val_r2` with
    /// numbers.
    #[serde(flatten)]
    pub figure: Figure,
}

/// The model that a run leaves.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Final {
    /// Mean training loss of the last epoch, without a penalty, nats.
    #[serde(deserialize_with = "number")]
    pub train_loss: f64,
    /// What the L1 and L2 penalties add to it, nats.
    #[serde(default, deserialize_with = "number")]
    pub penalty: f64,
    /// Validation loss, nats.
    #[serde(deserialize_with = "number")]
    pub val_loss: f64,
    /// What the model is judged by, as in [`Best`].
    #[serde(flatten)]
    pub figure: Figure,
}

/// Times, seconds.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Seconds {
    /// From the start to the last file.
    pub total: f64,
    /// In training steps.
    pub train: f64,
    /// In validation.
    pub eval: f64,
    /// Of both, waiting for pictures.
    pub data_wait: f64,
}

impl Summary {
    /// Reads the file of a run.
    ///
    /// # Errors
    /// Names the file when it cannot be read, or is no summary.
    pub fn read(path: &Path) -> Result<Self> {
        let no_summary = |source| StoreError::NoSummary { path: path.into(), source };
        Ok(serde_json::from_str(&files::read_text(path)?).map_err(no_summary)?)
    }

    /// The 95 % interval of the accuracy of the best epoch, where that of the model lies below it:
    /// the model is then worse than that of the best epoch by more than chance. Other figures than
    /// accuracy are no share of pictures, and have none.
    pub fn below_best(&self) -> Option<[f64; 2]> {
        let (Figure::Accuracy(best), Figure::Accuracy(last)) = (self.best.figure, self.r#final.figure) else {
            return None;
        };
        let ends = interval(best, self.val_images);
        (last < ends[0]).then_some(ends)
    }
}

/// A number; JSON has no word for NaN and the infinities, and `null` stands for them.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// The most memory that this process has held, megabytes, where the system tells.
pub fn peak_memory_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok()? / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_below_the_best_epoch_by_more_than_chance_is_found() {
        let text = r#"{"schema": 1, "command": "fine-tune", "model": "m", "plan": "full", "seed": 0, "threads": 1, "train_images": 9,
            "val_images": 100, "unreadable_images": 0, "classes": [], "epochs": 9, "images_per_second": 1.0, "peak_memory_mb": null,
            "best": {"epoch": 3, "val_loss": 0.5, "val_accuracy": 0.8}, "final": {"train_loss": 0.1, "val_loss": 2.0, "val_accuracy": 0.8},
            "seconds": {"total": 1, "train": 1, "eval": 1, "data_wait": 0}}"#;
        let mut summary: Summary = serde_json::from_str(text).unwrap();
        assert!(summary.below_best().is_none());
        // 80 of 100: 71.1 to 86.7 %.
        summary.r#final.figure = Figure::Accuracy(0.72);
        assert!(summary.below_best().is_none());
        summary.r#final.figure = Figure::Accuracy(0.71);
        let ends = summary.below_best().unwrap().map(|end| (1e3 * end).round());
        assert_eq!(ends, [711.0, 867.0]);
        // Another figure has another name, and no interval.
        let summary: Summary = serde_json::from_str(&text.replace("val_accuracy", "val_map")).unwrap();
        assert_eq!((summary.best.figure, summary.below_best()), (Figure::Map(0.8), None));
        let written = serde_json::to_value(&summary).unwrap();
        assert_eq!((&written["best"]["val_map"], written["final"].get("val_accuracy")), (&0.8.into(), None));
    }

    #[test]
    fn null_is_a_number_that_json_has_no_word_for() {
        let last = Final { val_loss: f64::NAN, train_loss: f64::INFINITY, ..Final::default() };
        let text = serde_json::to_string(&last).unwrap();
        let read: Final = serde_json::from_str(&text).unwrap();
        assert!(text.contains("null") && read.val_loss.is_nan() && read.train_loss.is_nan(), "{text}");
        assert!(serde_json::from_str::<Best>(r#"{"epoch": 1, "val_loss": "none", "val_accuracy": 0}"#).is_err());
    }
}
