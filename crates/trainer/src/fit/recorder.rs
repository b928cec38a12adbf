//! The history of a run as files, and the weights of its best epoch.

use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use taper_nn::Params;

use crate::build::model::save_weights;
use crate::error::ObserverError;
use crate::evaluate::health::Health;
use crate::files;
use crate::fit::{EpochInfo, Observer, Outcome};
use crate::objective::{Figure, Metric};
use crate::store::summary::Best;

/// The best epoch of a history. A NaN loss is skipped.
pub fn best(history: &[EpochInfo]) -> Best {
    let measured = history.iter().filter(|e| !e.val_loss.is_nan());
    let lowest = measured.min_by(|a, b| a.val_loss.total_cmp(&b.val_loss));
    lowest.map_or_else(Best::default, |e| Best {
        epoch: e.epoch,
        val_loss: e.val_loss,
        figure: Figure::new(e.metric, e.val_accuracy),
    })
}

/// Writes the history after every epoch, and the weights of the best.
#[derive(Debug)]
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

    fn epoch(&mut self, info: &EpochInfo, params: &Params) -> Result<ControlFlow<()>, ObserverError> {
        self.history.push(info.clone());
        files::write(&self.folder.join("history.csv"), history_csv(&self.history).as_bytes())?;
        files::write(&self.folder.join("health.csv"), health_csv(&self.history).as_bytes())?;
        if best(&self.history).epoch == info.epoch {
            save_weights(&self.folder.join("checkpoint/best.safetensors"), &params.tensors())?;
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// A row an epoch; no times, so that the same recipe gives the same bytes.
fn history_csv(history: &[EpochInfo]) -> String {
    let figure = history.first().map_or(Metric::Accuracy, |e| e.metric).field();
    let mut text = format!("epoch,phase,rate,train_loss,val_loss,{figure}\n");
    for e in history {
        let (rate, train, val, accuracy) = (e.lr, e.train_loss, e.val_loss, e.val_accuracy);
        // Writing to a string does not fail.
        let _ = writeln!(text, "{},{},{rate:e},{train},{val},{accuracy}", e.epoch, e.phase);
    }
    text
}

/// The signs of every epoch: the gradient, the steps beside the weights, the channels that are
/// dead.
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
            metric: Metric::Accuracy,
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
}
