//! Whether a checkpoint stands at a place that its run has.

use super::error::PlaceError;
use super::state::TrainState;
use crate::build::phases::Phase;

/// The run that a checkpoint is to be one of.
pub(crate) struct RunShape<'a> {
    /// Its phases.
    pub(crate) phases: &'a [Phase],
    /// Batches of an epoch, and how many make a step.
    pub(crate) batches: usize,
    pub(crate) accumulate: usize,
}

impl TrainState {
    /// Refuses numbers that no training of this run can have written, before anything is counted on
    /// from them.
    ///
    /// # Errors
    /// Says which.
    pub(crate) fn check(&self, run: &RunShape<'_>) -> Result<(), PlaceError> {
        let place = self.place;
        let require = |held: bool, error: PlaceError| if held { Ok(()) } else { Err(error) };
        let Some(phase) = run.phases.get(place.phase) else {
            return Err(PlaceError::Phase { phase: place.phase.saturating_add(1), phases: run.phases.len() });
        };
        let (epochs, batches) = (phase.epochs, run.batches);
        require(place.epochs < epochs, PlaceError::Epochs { done: place.epochs, epochs })?;
        require(place.batches <= batches, PlaceError::Batches { done: place.batches, batches })?;
        let loss = PlaceError::Loss { counted: place.counted, done: place.batches };
        require(place.counted <= place.batches, loss)?;
        let accumulate = run.accumulate.max(1);
        let in_epoch = place.batches.div_ceil(accumulate);
        let in_phase = place.epochs.saturating_mul(batches.div_ceil(accumulate)).saturating_add(in_epoch);
        let steps = place.first_step.saturating_add(in_phase);
        require(steps == self.steps(), PlaceError::Rates { steps, rates: self.steps() })?;
        let finished = self.history.len();
        require(place.epochs <= finished, PlaceError::History { done: place.epochs, losses: finished })?;
        let skipped = place.skipped.iter().fold(0u64, |all, &some| all.saturating_add(some));
        require(skipped <= steps as u64, PlaceError::Skipped { skipped, steps })?;
        let Some(patience) = &self.patience else { return Ok(()) };
        let (seen, best) = (patience.seen, patience.best);
        require(seen <= finished.saturating_add(1), PlaceError::Seen { seen, epochs: finished })?;
        require(best.is_none_or(|(best, _)| best < seen), PlaceError::Best { seen })
    }
}

#[cfg(test)]
mod tests {
    use super::super::place::Place;
    use super::super::state::{EpochRecord, PatienceState};
    use super::*;
    use crate::evaluate::health::Health;

    #[test]
    fn places_that_a_run_does_not_have_are_refused() {
        let phases = [("head", 2), ("all", 3)].map(|(name, epochs)| Phase { name, frozen: 0, epochs });
        let run = RunShape { phases: &phases, batches: 5, accumulate: 2 };
        let record = |phase| EpochRecord {
            phase,
            lr: 0.1,
            train_loss: 1.0,
            val_loss: 1.0,
            val_accuracy: 0.5,
            health: Health::default(),
        };
        let patience = |seen, best: Option<usize>| {
            let best = best.map(|epoch| (epoch, 0.5));
            Some(PatienceState { seen, best, ..PatienceState::default() })
        };
        let place = Place { phase: 1, first_step: 6, epochs: 1, batches: 4, counted: 4, skipped: [1, 1] };
        let right = TrainState {
            place,
            history: vec![record(0), record(0), record(1)],
            lrs: vec![0.1; 11],
            patience: patience(1, Some(0)),
            ..TrainState::default()
        };
        right.check(&run).unwrap();
        let at = |place| TrainState { place, ..right.clone() };
        for (wrong, said) in [
            (at(Place { phase: usize::MAX, ..place }), "phase"),
            (at(Place { epochs: 3, ..place }), "3 of 3 epochs"),
            (at(Place { batches: 6, ..place }), "6 of 5 batches"),
            (at(Place { counted: 5, ..place }), "5 of 4"),
            (at(Place { first_step: usize::MAX, ..place }), "steps"),
            (at(Place { first_step: 7, ..place }), "12 steps, and their rates are 11"),
            (TrainState { history: vec![], ..right.clone() }, "the losses are of 0"),
            (at(Place { skipped: [u64::MAX, 9], ..place }), "left out"),
            (TrainState { patience: patience(9, None), ..right.clone() }, "seen 9"),
            (TrainState { patience: patience(2, Some(2)), ..right.clone() }, "not among the 2"),
        ] {
            let got = wrong.check(&run).unwrap_err().to_string();
            assert!(got.contains(said), "{got}");
        }
    }
}
