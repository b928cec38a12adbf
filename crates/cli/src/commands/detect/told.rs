//! How the training of a detector is told.

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::Path;

use indicatif::ProgressBar;
use taper_detect::evaluate::Metrics;
use taper_detect::train::{EpochRecord, Watcher};
use taper_trainer::fit::{Observer, StepInfo};

use crate::interrupt::Interrupt;
use crate::output::note;
use crate::terminal::styled;

/// A bar on a terminal, a line an epoch, and an ear for Ctrl-C.
#[derive(Debug)]
pub(super) struct Told {
    interrupt: Interrupt,
    bar: Option<ProgressBar>,
}

impl Told {
    /// Listens from now on.
    pub(super) fn new(interrupt: Interrupt) -> Self {
        Self { interrupt, bar: None }
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

    fn epoch(&mut self, record: &EpochRecord, epochs: usize) {
        let measured = match record.precision {
            [ap, ..] if ap.is_nan() => String::new(),
            [ap, ap50, _] => format!(", mAP {:.1} %, AP50 {:.1} %", 100.0 * ap, 100.0 * ap50),
        };
        let line = format!("epoch {:>2}/{epochs} train loss {:.3}{measured}", record.epoch, record.loss());
        match &self.bar {
            Some(bar) => bar.println(line),
            None => note(line),
        }
        if let Some(bar) = self.bar.as_ref().filter(|_| record.epoch == epochs) {
            bar.finish_and_clear();
        }
    }
}

/// What a detector is measured as, a line each.
pub(super) fn lines(metrics: &Metrics, classes: &[String]) -> Vec<String> {
    let percent = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{:.1} %", 100.0 * value));
    let Metrics { ap, ap50, ap75, ap_small, ap_medium, ap_large, recall, classes: each } = metrics;
    let mut lines = vec![
        format!("mAP {} (AP50 {}, AP75 {})", percent(*ap), percent(*ap50), percent(*ap75)),
        format!("small {}, medium {}, large {}", percent(*ap_small), percent(*ap_medium), percent(*ap_large)),
        format!("recall {}", percent(*recall)),
    ];
    lines.extend(classes.iter().zip(each).map(|(name, ap)| format!("  {:>7}  {name}", percent(*ap))));
    lines
}
