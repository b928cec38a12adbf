//! Whether a checkpoint stands at a place that its run has.

use anyhow::{Result, ensure};

use super::Position;
use crate::build::phases::Phase;

/// The run that a checkpoint is to be one of.
pub(crate) struct Way<'a> {
    /// Its phases.
    pub(crate) phases: &'a [Phase],
    /// Batches of an epoch, and how many make a step.
    pub(crate) batches: usize,
    pub(crate) accumulate: usize,
    /// Steps that the checkpoint has done, and epochs that it has finished.
    pub(crate) steps: usize,
    pub(crate) history: usize,
}

impl Position {
    /// Refuses numbers that no training of this run can have written, before anything is counted on from them.
    ///
    /// # Errors
    /// Says which.
    pub(crate) fn check(&self, way: &Way<'_>) -> Result<()> {
        let Some(phase) = way.phases.get(self.phase) else {
            anyhow::bail!("it is in phase {} of {}", self.phase.saturating_add(1), way.phases.len());
        };
        let (epochs, batches) = (phase.epochs, way.batches);
        ensure!(self.epochs < epochs, "it has done {} of {epochs} epochs of its phase", self.epochs);
        ensure!(self.batches <= batches, "it has done {} of {batches} batches of its epoch", self.batches);
        ensure!(self.counted <= self.batches, "its loss is that of {} of {} batches", self.counted, self.batches);
        let per_epoch = batches.div_ceil(way.accumulate.max(1));
        let own = self.epochs.saturating_mul(per_epoch).saturating_add(self.batches.div_ceil(way.accumulate.max(1)));
        let steps = self.first_step.saturating_add(own);
        ensure!(steps == way.steps, "it has done {steps} steps, and their rates are {}", way.steps);
        let finished = self.phases.len();
        ensure!(finished == way.history, "{finished} epochs have phases, {} have losses", way.history);
        ensure!(self.epochs <= finished, "it has done {} epochs, and the losses are of {finished}", self.epochs);
        let skipped = self.skipped.iter().fold(0u64, |all, &some| all.saturating_add(some));
        ensure!(skipped <= way.steps as u64, "it has left out {skipped} of {} steps", way.steps);
        if let Some((seen, best)) = self.patience {
            ensure!(seen <= finished.saturating_add(1), "early stopping has seen {seen} of {finished} epochs");
            ensure!(best.is_none_or(|best| best < seen), "the best epoch is none of the {seen} that were seen");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_a_run_does_not_have_are_refused() {
        let phases = [("head", 2), ("all", 3)].map(|(name, epochs)| Phase { name, frozen: 0, epochs });
        let way = Way { phases: &phases, batches: 5, accumulate: 2, steps: 11, history: 3 };
        let right = Position {
            phase: 1,
            first_step: 6,
            epochs: 1,
            batches: 4,
            counted: 4,
            skipped: [1, 1],
            phases: vec![0, 0, 1],
            patience: Some((1, Some(0))),
            ..Position::default()
        };
        right.check(&way).unwrap();
        for (wrong, said) in [
            (Position { phase: usize::MAX, ..right.clone() }, "phase"),
            (Position { epochs: 3, ..right.clone() }, "3 of 3 epochs"),
            (Position { batches: 6, ..right.clone() }, "6 of 5 batches"),
            (Position { counted: 5, ..right.clone() }, "5 of 4"),
            (Position { first_step: usize::MAX, ..right.clone() }, "steps"),
            (Position { first_step: 7, ..right.clone() }, "12 steps, and their rates are 11"),
            (Position { phases: vec![0], ..right.clone() }, "1 epochs have phases, 3"),
            (Position { skipped: [u64::MAX, 9], ..right.clone() }, "left out"),
            (Position { patience: Some((9, None)), ..right.clone() }, "seen 9"),
            (Position { patience: Some((2, Some(2))), ..right.clone() }, "none of the 2"),
        ] {
            let got = wrong.check(&way).unwrap_err().to_string();
            assert!(got.contains(said), "{got}");
        }
    }
}
