//! How a training in epochs is told.

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::Path;

use indicatif::ProgressBar;
use taper_trainer::epochs::{EpochRow, Watcher};
use taper_trainer::fit::{Observer, StepInfo};

use crate::interrupt::Interrupt;
use crate::output::note;
use crate::terminal::styled;

/// A bar on a terminal, a line an epoch, and an ear for Ctrl-C.
#[derive(Debug)]
pub(super) struct Told {
    interrupt: Interrupt,
    bar: Option<ProgressBar>,
    /// What was measured, behind a comma; nothing where nothing was.
    measured: fn(&EpochRow) -> String,
}

impl Told {
    /// Listens from now on.
    pub(super) fn new(interrupt: Interrupt, measured: fn(&EpochRow) -> String) -> Self {
        Self { interrupt, bar: None, measured }
    }
}

impl Watcher for Told {
    fn begin(&mut self, folder: &Path, epochs: usize, done: usize, pictures: usize) {
        note(format_args!("training in {}", folder.display()));
        self.bar = std::io::stderr().is_terminal().then(|| {
            let style = "{prefix:>12} [{wide_bar}] {pos}/{len} pictures, {per_sec}, {eta} left, {msg}";
            styled(ProgressBar::new((epochs * pictures) as u64), style).with_position((done * pictures) as u64)
        });
    }

    fn step(&mut self, info: &StepInfo) -> ControlFlow<()> {
        if let Some(bar) = &self.bar {
            bar.set_prefix(format!("epoch {}/{}", info.epoch, info.epochs));
            bar.set_message(format!("loss {:.3}", info.loss));
            bar.inc(info.pictures as u64);
        }
        self.interrupt.step(info)
    }

    fn measuring(&mut self, done: usize, all: usize) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("measuring {done}/{all}"));
        }
    }

    fn epoch(&mut self, row: &EpochRow, epochs: usize) {
        let measured = (self.measured)(row);
        let line = format!("epoch {:>2}/{epochs} train loss {:.3}{measured}", row.epoch, row.loss());
        match &self.bar {
            Some(bar) => bar.println(line),
            None => note(line),
        }
        if let Some(bar) = self.bar.as_ref().filter(|_| row.epoch == epochs) {
            bar.finish_and_clear();
        }
    }
}
