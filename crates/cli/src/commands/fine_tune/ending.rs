//! What is said at the end of a run.

use std::path::{Path, PathBuf};

use anyhow::Result;
use taper_data::Dataset;
use taper_trainer::objective::Figure;
use taper_trainer::store::pictures::Pictures;
use taper_trainer::store::snapshots;
use taper_trainer::store::summary::Summary;

use super::telling::{Form, Trained};
use crate::interrupt::EXIT_CODE;
use crate::output::{line, note, shell};

/// Says how a run ended; the exit code.
pub(super) fn tell(ended: &Trained, folder: &Path, pictures: &Pictures, form: Form) -> Result<i32> {
    match ended {
        Trained::Interrupted(done, epochs) => Ok(interrupted(*done, *epochs, folder)),
        Trained::Done(summary) => {
            below_best(folder, summary);
            form.tell(summary, || conclude(folder, summary, &*pictures.val))?;
            Ok(0)
        }
    }
}

/// Says where a better model lies than the one that a run ended with.
pub(super) fn below_best(folder: &Path, summary: &Summary) {
    let Some(ends) = summary.below_best() else { return };
    let [last, best] = [summary.r#final.figure, summary.best.figure].map(Figure::value);
    let [file, model] = ["checkpoint/best.safetensors", "model.safetensors"].map(|name| shell(&folder.join(name)));
    let percent = |share: f64| format!("{:.1}", 100.0 * share);
    note(format_args!(
        "doubtful: the model of the last epoch is worse than that of epoch {}: {} % right, {} % there (95 % interval {} to {} %). Every \
         verb that takes a run takes {file}, which is that one; to make it the run's own:",
        summary.best.epoch,
        percent(last),
        percent(best),
        percent(ends[0]),
        percent(ends[1])
    ));
    note(format_args!("  cp {file} {model}"));
}

pub(super) fn interrupted(done: usize, epochs: usize, folder: &Path) -> i32 {
    note(format_args!("interrupted after {done} of {epochs} epochs; to go on:"));
    note(format_args!("  taper resume {}", shell(folder)));
    EXIT_CODE
}

/// What came out, and what can be done with it.
fn conclude(folder: &Path, summary: &Summary, val: &dyn Dataset) -> Result<()> {
    let (run, last) = (shell(folder), &summary.r#final);
    let report = shell(&folder.join("report.html"));
    line(format_args!(
        "{} on {} validation pictures (loss {:.3}) after {} epochs in {:.0} s",
        last.figure, summary.val_images, last.val_loss, summary.epochs, summary.seconds.total
    ))?;
    line(format_args!("the run lies in {}; next:", folder.display()))?;
    line(format_args!("  open {report}"))?;
    // What names a picture is its path, unless it lies in no file of its own, or its name had to be
    // written otherwise.
    let picture = PathBuf::from(val.name(0));
    if picture.is_file() {
        line(format_args!("  taper predict {run} {}", shell(&picture)))?;
    }
    line(format_args!("  taper eval {run}"))?;
    match snapshots::list(folder).len() {
        0 | 1 => Ok(()),
        many => line(format_args!("  taper ensemble {run}        its {many} snapshots together")),
    }
}
