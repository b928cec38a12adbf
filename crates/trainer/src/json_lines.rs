//! A training as lines of JSON on stdout, for programs that look on.

use std::ops::ControlFlow;

use anyhow::{Error, Result};
use serde_json::json;
use taper_tensor::Params;

use crate::fit::{EpochInfo, Observer, Outcome, StepInfo};
use crate::output::line;

/// Prints an object for each step and each epoch. What is not finite is null.
#[derive(Default)]
pub struct JsonLines {
    /// What could not be printed: told after the epoch.
    failed: Option<Error>,
}

impl JsonLines {
    fn say(&mut self, value: serde_json::Value) {
        if let Err(error) = line(value) {
            self.failed.get_or_insert(error);
        }
    }
}

impl Observer for JsonLines {
    fn resumed(&mut self, outcome: &Outcome) {
        let (steps, epochs) = (outcome.rates.len(), outcome.history.len());
        self.say(json!({"event": "resumed", "steps": steps, "epochs": epochs}));
    }

    fn step(&mut self, info: &StepInfo) -> ControlFlow<()> {
        let StepInfo { step, epoch, epochs, phase, loss, rate, pictures, .. } = info;
        self.say(json!({
            "event": "step", "step": step, "epoch": epoch, "epochs": epochs, "phase": phase, "loss": loss, "rate": rate,
            "pictures": pictures,
        }));
        // Nobody reads on: there is no use in training for nobody.
        if self.failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn epoch(&mut self, e: &EpochInfo, _: &Params) -> Result<ControlFlow<()>> {
        let pairs = |pairs: &[(String, f64)]| {
            pairs.iter().map(|(part, value)| (part.clone(), json!(value))).collect::<serde_json::Map<_, _>>()
        };
        self.say(json!({
            "event": "epoch", "epoch": e.epoch, "epochs": e.epochs, "phase": e.phase, "rate": e.rate, "train_loss": e.train_loss,
            "val_loss": e.val_loss, "val_accuracy": e.val_accuracy, "gradient_norm": e.health.gradient_norm,
            "updates": pairs(&e.health.updates), "dead": pairs(&e.health.dead),
        }));
        self.failed.take().map_or(Ok(ControlFlow::Continue(())), Err)
    }
}
