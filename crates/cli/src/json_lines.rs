//! A training as lines of JSON on stdout, for programs that look on.

use std::ops::ControlFlow;

use serde_json::json;
use taper_nn::Params;

use crate::output::{line, regardless};
use taper_trainer::ObserverError;
use taper_trainer::fit::{EpochInfo, Observer, Outcome, StepInfo};

/// Prints an object for each step and each epoch. What is not finite is null. Whether somebody
/// reads does not matter.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonLines;

/// A line is text; nothing but printing can fail.
fn say(value: serde_json::Value) {
    let _ = regardless(line(value));
}

impl Observer for JsonLines {
    fn resumed(&mut self, outcome: &Outcome) {
        let (steps, epochs) = (outcome.lrs.len(), outcome.history.len());
        say(json!({"event": "resumed", "steps": steps, "epochs": epochs}));
    }

    fn step(&mut self, info: &StepInfo) -> ControlFlow<()> {
        let StepInfo { step, epoch, epochs, phase, loss, lr, pictures, .. } = info;
        say(json!({
            "event": "step", "step": step, "epoch": epoch, "epochs": epochs, "phase": phase, "loss": loss, "rate": lr,
            "pictures": pictures,
        }));
        ControlFlow::Continue(())
    }

    fn epoch(&mut self, e: &EpochInfo, _: &Params) -> Result<ControlFlow<()>, ObserverError> {
        let pairs = |pairs: &[(String, f64)]| {
            pairs.iter().map(|(part, value)| (part.clone(), json!(value))).collect::<serde_json::Map<_, _>>()
        };
        say(json!({
            "event": "epoch", "epoch": e.epoch, "epochs": e.epochs, "phase": e.phase, "rate": e.lr, "train_loss": e.train_loss,
            "val_loss": e.val_loss, e.metric.field(): e.val_accuracy, "gradient_norm": e.health.gradient_norm,
            "updates": pairs(&e.health.updates), "dead": pairs(&e.health.dead),
        }));
        Ok(ControlFlow::Continue(()))
    }
}
