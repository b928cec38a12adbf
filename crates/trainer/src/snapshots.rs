//! The networks at the ends of the cycles of one training: an ensemble for the price of one.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use taper_tensor::Params;

use crate::fit::{EpochInfo, Observer};
use crate::model::save_weights;
use crate::phases::Phase;
use crate::recipe::{Recipe, ScheduleRecipe};

/// Keeps the network of each cycle of `snapshot_cycles` in the last phase, where the rate has come down to zero, as
/// `snapshots/1.safetensors` and so on. Other schedules leave none, nor do
/// cycles that end within an epoch.
///
/// # References
/// G. Huang et al., *Snapshot Ensembles: Train 1, Get M for Free*, 2017.
pub struct Snapshots {
    folder: PathBuf,
    /// Epochs of the run before the phase, and of a cycle; none where there are no cycles.
    cycles: Option<(usize, usize)>,
}

impl Snapshots {
    /// For a run folder.
    pub fn new(run: &Path, recipe: &Recipe, phases: &[Phase]) -> Self {
        let cycles = match (&recipe.optimize.schedule, phases.split_last()) {
            (ScheduleRecipe::SnapshotCycles { cycles }, Some((last, before)))
                if *cycles > 0 && (last.epochs as u64).is_multiple_of(*cycles) =>
            {
                Some((before.iter().map(|phase| phase.epochs).sum(), last.epochs / *cycles as usize))
            }
            _ => None,
        };
        Self { folder: folder(run), cycles }
    }
}

impl Observer for Snapshots {
    fn epoch(&mut self, info: &EpochInfo, params: &Params) -> Result<ControlFlow<()>> {
        if let Some((before, cycle)) = self.cycles
            && info.epoch > before
            && (info.epoch - before).is_multiple_of(cycle)
        {
            let folder = &self.folder;
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
            let number = (info.epoch - before) / cycle;
            save_weights(&folder.join(format!("{number}.safetensors")), &params.tensors())?;
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// The files of a run, in the order of the cycles.
pub fn list(run: &Path) -> Vec<PathBuf> {
    let name = |number: usize| folder(run).join(format!("{number}.safetensors"));
    (1..).map(name).take_while(|path| path.is_file()).collect()
}

fn folder(run: &Path) -> PathBuf {
    run.join("snapshots")
}
