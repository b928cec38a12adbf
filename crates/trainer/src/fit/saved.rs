//! The state of a phase under way, saved and loaded as a whole.

use taper_optim::Average;

use super::PhaseRun;
use super::phase_run::EpochProgress;
use crate::error::Result;
use crate::fit::patience::Patience;
use crate::store::checkpoint::{Place, TrainState};

impl PhaseRun<'_, '_> {
    /// All that the rest of the training depends on.
    pub(super) fn state(&self) -> Result<TrainState> {
        let EpochProgress { batches, total, counted, .. } = self.epoch;
        let skipped = [self.session.outcome.skipped, self.stepper.skipped()];
        let (phase, first_step, epochs) = (self.number, self.first_step, self.epochs_done);
        Ok(TrainState {
            place: Place { phase, first_step, epochs, batches, counted, skipped },
            model: self.session.params.tensors(),
            optimizer: self.stepper.optimizer().state()?,
            pace: self.pace.state()?,
            average: self.average.as_ref().map(Average::state).transpose()?.unwrap_or_default(),
            patience: self.patience.as_ref().map(Patience::state),
            history: self.session.records(),
            lrs: self.session.outcome.lrs.clone(),
            total,
            seen: self.seen.clone(),
            ..TrainState::default()
        })
    }

    /// Goes on with a state of this phase.
    pub(super) fn restore(&mut self, state: &TrainState) -> Result<()> {
        self.stepper.optimizer_mut().load_state(&state.optimizer)?;
        self.pace.load_state(&state.pace)?;
        if let Some(average) = &mut self.average {
            average.load_state(&state.average)?;
        }
        if let (Some(patience), Some(saved)) = (&mut self.patience, &state.patience) {
            patience.resume(saved);
        }
        let Place { first_step, epochs, batches, counted, skipped, .. } = state.place;
        self.stepper.set_skipped(skipped[1]);
        (self.first_step, self.epochs_done) = (first_step, epochs);
        self.epoch = EpochProgress { batches, total: state.total, counted, ..self.epoch };
        self.seen.clone_from(&state.seen);
        Ok(())
    }
}
