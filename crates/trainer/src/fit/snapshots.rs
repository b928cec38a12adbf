//! The networks at the ends of the cycles of one training: an ensemble for the price of one.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use taper_nn::Params;

use crate::build::model::save_weights;
use crate::build::phases::Phase;
use crate::error::ObserverError;
use crate::files::FileError;
use crate::finding::{Finding, Verdict};
use crate::fit::epoch_info::EpochInfo;
use crate::fit::observer::Observer;
use crate::recipe::{Recipe, ScheduleRecipe};
use crate::store::snapshots::folder;

/// Keeps the network of each cycle of `snapshot_cycles` in the last phase, where the rate has come
/// down to zero, as `snapshots/1.safetensors` and so on. Other schedules leave none, nor do cycles
/// that end within an epoch.
///
/// # References
/// G. Huang et al., *Snapshot Ensembles: Train 1, Get M for Free*, 2017.
#[derive(Debug)]
pub struct Snapshots {
    folder: PathBuf,
    /// Epochs of the run before the phase, and of a cycle; none where there are no cycles.
    cycles: Option<(usize, usize)>,
}

impl Snapshots {
    /// For a run folder.
    pub fn new(run: &Path, recipe: &Recipe, phases: &[Phase]) -> Self {
        Self { folder: folder(run), cycles: cycles(recipe, phases).and_then(|(_, kept)| kept) }
    }
}

/// The number of cycles, where there are any; epochs of the run before the last phase and of a
/// cycle, where cycles end with epochs.
fn cycles(recipe: &Recipe, phases: &[Phase]) -> Option<(u64, Option<(usize, usize)>)> {
    let ScheduleRecipe::SnapshotCycles { cycles } = recipe.optimize.schedule else { return None };
    let (last, before) = phases.split_last()?;
    let whole = cycles > 0 && last.epochs > 0 && (last.epochs as u64).is_multiple_of(cycles);
    let before = before.iter().map(|phase| phase.epochs).sum();
    Some((cycles, whole.then(|| (before, last.epochs / cycles as usize))))
}

/// What is kept of a training in cycles; nothing is to be said of others.
pub fn finding(recipe: &Recipe, phases: &[Phase]) -> Option<Finding> {
    let about = "snapshots";
    let (cycles, kept) = cycles(recipe, phases)?;
    let epochs = phases.last()?.epochs;
    Some(match kept {
        Some((_, cycle)) => {
            let said = format!("{cycles} networks are kept, one after every {cycle} epochs of the last phase");
            Finding { about, verdict: Verdict::Fine, said }
        }
        None => {
            let most = (1..=cycles.min(epochs as u64)).rev().find(|&n| (epochs as u64).is_multiple_of(n)).unwrap_or(1);
            let said = format!(
                "none is kept: {cycles} cycles over the {epochs} epochs of the last phase do not end with epochs; {most} would \
                 (optimize.schedule.cycles), or a multiple of {cycles} as epochs of the phase"
            );
            Finding { about, verdict: Verdict::Doubtful, said }
        }
    })
}

impl Observer for Snapshots {
    fn epoch(&mut self, info: &EpochInfo, params: &Params) -> Result<ControlFlow<()>, ObserverError> {
        if let Some((before, cycle)) = self.cycles
            && info.epoch > before
            && (info.epoch - before).is_multiple_of(cycle)
        {
            let folder = &self.folder;
            let cannot = |source| FileError::Make { path: folder.clone(), source };
            std::fs::create_dir_all(folder).map_err(cannot)?;
            let number = (info.epoch - before) / cycle;
            save_weights(&folder.join(format!("{number}.safetensors")), &params.tensors())?;
        }
        Ok(ControlFlow::Continue(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cycles_that_keep_nothing_say_so() {
        let phase = |epochs| Phase { name: "all", epochs, frozen: 0 };
        let mut recipe = Recipe::default();
        assert!(finding(&recipe, &[phase(14)]).is_none());
        recipe.optimize.schedule = ScheduleRecipe::SnapshotCycles { cycles: 3 };
        let found = finding(&recipe, &[phase(4), phase(14)]).unwrap();
        assert_eq!(found.verdict, Verdict::Doubtful);
        assert!(found.said.contains("3 cycles over the 14 epochs") && found.said.contains("2 would"), "{}", found.said);
        assert!(Snapshots::new("x".as_ref(), &recipe, &[phase(4), phase(14)]).cycles.is_none());
        let found = finding(&recipe, &[phase(4), phase(15)]).unwrap();
        assert!(found.verdict == Verdict::Fine && found.said.contains("after every 5 epochs"), "{}", found.said);
        assert_eq!(Snapshots::new("x".as_ref(), &recipe, &[phase(4), phase(15)]).cycles, Some((4, 5)));
        let said = finding(&recipe, &[phase(2)]).unwrap().said;
        assert!(said.contains("; 2 would"), "{said}");
    }
}
