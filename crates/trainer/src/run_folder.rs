//! The folder that a run leaves.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Deserializer, Serialize};
use taper_nn::Params;

use crate::files;
use crate::fit::{EpochInfo, Observer, Outcome};
use crate::health::Health;
use crate::metrics::interval;
use crate::model::save_weights;
use crate::output::shell;

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
    /// SHA-256 of classes, names and content of all pictures that were read; empty of runs of older versions.
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
    /// The model that the run leaves: that of the last epoch, or with `regularize.patience` that of the best.
    pub r#final: Final,
    /// Times, seconds.
    pub seconds: Seconds,
    /// Pictures a second in training, validation not counted.
    #[serde(deserialize_with = "number")]
    pub images_per_second: f64,
    /// The most memory that the process held, megabytes; null where the system does not tell.
    pub peak_memory_mb: Option<u64>,
    /// Where output could not be printed, and why (a full disk, a reader that had left); the run went on without.
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
    /// Validation accuracy, fraction.
    pub val_accuracy: f64,
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
    /// Validation accuracy, fraction.
    pub val_accuracy: f64,
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
        serde_json::from_str(&files::read_text(path)?)
            .with_context(|| format!("{} is no summary of a run", path.display()))
    }

    /// Says that the model is worse than that of the best epoch by more than chance, where its accuracy lies below the 95 % interval of
    /// the other, and with which command that one is taken.
    pub fn below_best(&self, run: &Path) -> Option<[String; 2]> {
        let Self { best, r#final: last, val_images, .. } = self;
        let ends = interval(best.val_accuracy, *val_images);
        let percent = |share: f64| format!("{:.1}", 100.0 * share);
        (last.val_accuracy < ends[0]).then(|| {
            let [file, model] = ["checkpoint/best.safetensors", "model.safetensors"].map(|name| shell(&run.join(name)));
            let said = format!(
                "the model of the last epoch is worse than that of epoch {}: {} % right, {} % there (95 % interval {} to {} %). Every verb \
                 that takes a run takes {file}, which is that one; to make it the run's own:",
                best.epoch,
                percent(last.val_accuracy),
                percent(best.val_accuracy),
                percent(ends[0]),
                percent(ends[1])
            );
            [said, format!("cp {file} {model}")]
        })
    }
}

/// A number; JSON has no word for NaN and the infinities, and `null` stands for them.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// The best epoch of a history. A loss that is NaN is none to compare.
pub fn best(history: &[EpochInfo]) -> Best {
    let measured = history.iter().filter(|e| !e.val_loss.is_nan());
    let lowest = measured.min_by(|a, b| a.val_loss.total_cmp(&b.val_loss));
    lowest.map_or_else(Best::default, |e| Best { epoch: e.epoch, val_loss: e.val_loss, val_accuracy: e.val_accuracy })
}

/// Writes the history after every epoch, and the weights of the best.
pub struct Recorder {
    folder: PathBuf,
    history: Vec<EpochInfo>,
}

impl Recorder {
    /// A recorder for a run folder.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf(), history: Vec::new() }
    }
}

impl Observer for Recorder {
    fn resumed(&mut self, outcome: &Outcome) {
        self.history.clone_from(&outcome.history);
    }

    fn epoch(&mut self, info: &EpochInfo, params: &Params) -> Result<std::ops::ControlFlow<()>> {
        self.history.push(info.clone());
        files::write(&self.folder.join("history.csv"), history_csv(&self.history).as_bytes())?;
        files::write(&self.folder.join("health.csv"), health_csv(&self.history).as_bytes())?;
        if best(&self.history).epoch == info.epoch {
            save_weights(&self.folder.join("checkpoint/best.safetensors"), &params.tensors())?;
        }
        Ok(std::ops::ControlFlow::Continue(()))
    }
}

/// A row an epoch; no times, so that the same recipe gives the same bytes.
fn history_csv(history: &[EpochInfo]) -> String {
    let mut text = String::from("epoch,phase,rate,train_loss,val_loss,val_accuracy\n");
    for e in history {
        let (rate, train, val, accuracy) = (e.lr, e.train_loss, e.val_loss, e.val_accuracy);
        // Writing to a string does not fail.
        let _ = writeln!(text, "{},{},{rate:e},{train},{val},{accuracy}", e.epoch, e.phase);
    }
    text
}

/// The signs of every epoch: the gradient, the steps beside the weights, the channels that are dead.
fn health_csv(history: &[EpochInfo]) -> String {
    let mut text = String::from("epoch,sign,part,value\n");
    for e in history {
        let Health { gradient_norm, updates, dead } = &e.health;
        let _ = writeln!(text, "{},gradient_norm,all,{gradient_norm:e}", e.epoch);
        for (sign, parts) in [("update", updates), ("dead", dead)] {
            for (part, value) in parts {
                let _ = writeln!(text, "{},{sign},{part},{value:e}", e.epoch);
            }
        }
    }
    text
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
    fn the_lowest_loss_is_best_and_history_has_a_row_an_epoch() {
        let row = |epoch, val_loss| EpochInfo {
            epoch,
            epochs: 3,
            phase: "all",
            lr: 1e-3,
            train_loss: 1.5,
            val_loss,
            val_accuracy: 0.5,
            health: Health {
                gradient_norm: 2.0,
                updates: vec![("head".into(), 1e-3)],
                dead: vec![("fire1".into(), 0.25)],
            },
        };
        let history = [row(1, 2.0), row(2, 1.0), row(3, f64::NAN), row(4, -f64::NAN)];
        assert_eq!((best(&history).epoch, best(&history[2..])), (2, Best::default()));
        assert_eq!(history_csv(&history[..1]).lines().nth(1), Some("1,all,1e-3,1.5,2,0.5"));
        let signs = "epoch,sign,part,value\n1,gradient_norm,all,2e0\n1,update,head,1e-3\n1,dead,fire1,2.5e-1\n";
        assert_eq!(health_csv(&history[..1]), signs);
    }

    #[test]
    fn a_model_below_the_best_epoch_by_more_than_chance_says_so() {
        let text = r#"{"schema": 1, "command": "fine-tune", "model": "m", "plan": "full", "seed": 0, "threads": 1, "train_images": 9,
            "val_images": 100, "unreadable_images": 0, "classes": [], "epochs": 9, "images_per_second": 1.0, "peak_memory_mb": null,
            "best": {"epoch": 3, "val_loss": 0.5, "val_accuracy": 0.8}, "final": {"train_loss": 0.1, "val_loss": 2.0, "val_accuracy": 0.8},
            "seconds": {"total": 1, "train": 1, "eval": 1, "data_wait": 0}}"#;
        let mut summary: Summary = serde_json::from_str(text).unwrap();
        let said = |summary: &Summary| summary.below_best("r".as_ref());
        assert!(said(&summary).is_none());
        // 80 of 100: 71.1 to 86.7 %.
        summary.r#final.val_accuracy = 0.72;
        assert!(said(&summary).is_none());
        summary.r#final.val_accuracy = 0.71;
        let [told, command] = said(&summary).unwrap();
        assert!(told.contains("epoch 3: 71.0 % right, 80.0 % there (95 % interval 71.1 to 86.7 %)"), "{told}");
        assert_eq!(command, "cp r/checkpoint/best.safetensors r/model.safetensors");
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
