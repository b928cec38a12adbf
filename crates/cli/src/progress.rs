//! What a person sees while a run goes on: a bar on a terminal, a line an epoch elsewhere. All on
//! stderr; stdout is for results.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::ops::ControlFlow;

use indicatif::ProgressBar;
use taper_nn::Params;

use crate::output::{note, printable};
use crate::terminal::styled;
use taper_trainer::ObserverError;
use taper_trainer::evaluate::health::Health;
use taper_trainer::fit::{Begin, EpochInfo, Observer, Outcome, StepInfo};

/// Shows steps and epochs.
#[derive(Debug, Default)]
pub struct Progress {
    bar: Option<ProgressBar>,
    /// Those seen, and those of an epoch.
    pictures: u64,
    epoch: u64,
    /// The signs of the first epoch, and what was said of later ones: each is said once.
    first: Option<Health>,
    said: BTreeSet<String>,
}

impl Observer for Progress {
    fn begin(&mut self, training: &Begin<'_>) -> Result<(), ObserverError> {
        self.epoch = training.pictures as u64;
        self.bar = std::io::stderr().is_terminal().then(|| {
            let style = "{prefix:>12} [{wide_bar}] {pos}/{len} pictures, {per_sec}, {eta} left, {msg}";
            styled(ProgressBar::new(training.epochs as u64 * self.epoch), style)
        });
        Ok(())
    }

    fn resumed(&mut self, outcome: &Outcome) {
        self.first = outcome.history.first().map(|e| e.health.clone());
        self.pictures = outcome.history.len() as u64 * self.epoch;
        if let Some(bar) = &self.bar {
            bar.set_position(self.pictures);
            bar.reset_eta();
        }
    }

    fn step(&mut self, info: &StepInfo) -> ControlFlow<()> {
        self.pictures += info.pictures as u64;
        if let Some(bar) = &self.bar {
            bar.set_prefix(format!("epoch {}/{}", info.epoch, info.epochs));
            bar.set_message(format!("loss {:.3}", info.loss));
            bar.set_position(self.pictures);
        }
        ControlFlow::Continue(())
    }

    fn validating(&mut self, done: usize, all: usize) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("validating {done}/{all}"));
        }
    }

    fn epoch(&mut self, e: &EpochInfo, _: &Params) -> Result<ControlFlow<()>, ObserverError> {
        let line = format!(
            "epoch {:>2}/{} {:<5} train loss {:.3}, validation loss {:.3}, {} {}",
            e.epoch,
            e.epochs,
            e.phase,
            e.train_loss,
            e.val_loss,
            e.metric.name(),
            e.metric.value(e.val_accuracy)
        );
        let say = |line: &str| match &self.bar {
            Some(bar) => bar.println(printable(line)),
            None => note(line),
        };
        say(&line);
        let first = self.first.get_or_insert_with(|| e.health.clone());
        for (part, doubt) in e.health.doubts(first) {
            if self.said.insert(part) {
                say(&format!("doubtful: {doubt}"));
            }
        }
        if let Some(bar) = self.bar.as_ref().filter(|_| e.epoch == e.epochs) {
            bar.finish_and_clear();
        }
        Ok(ControlFlow::Continue(()))
    }
}
