//! A training and where it stands.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::Tensor;
use taper_data::Loader;
use taper_nn::Params;
use taper_transfer::Classifier;

use super::{EpochInfo, FeatureCache, Outcome};
use crate::build::labels::objective;
use crate::build::phases::{Phase, phases};
use crate::error::Result;
use crate::listener::Listener;
use crate::objective::Objective;
use crate::ranks::{Alone, Ranks};
use crate::recipe::Recipe;
use crate::store::checkpoint::{Checkpoints, EpochRecord, PlaceError, RunShape, TrainState};

/// Where a training keeps what is larger than memory or has to outlive the process, and where it
/// goes on.
#[derive(Debug, Default)]
pub struct FitOptions<'a> {
    /// A folder for features of frozen stages that memory is too small for; the system's for such
    /// files where there is none.
    pub scratch: Option<&'a Path>,
    /// Where the state of the training is written: at the end of an epoch, when an observer ends
    /// it, and as often as they say.
    pub checkpoints: Option<Checkpoints>,
    /// The state of the training that this one goes on with.
    pub resume: Option<TrainState>,
    /// Features of frozen stages that other trainings have computed or will want.
    pub features: Option<&'a FeatureCache>,
    /// Who hears that they are computed.
    pub listener: Option<&'a dyn Listener>,
    /// The processes that train together, this one among them; none but this one by default.
    pub ranks: Option<&'a dyn Ranks>,
}

impl<'a> FitOptions<'a> {
    /// The processes that train together.
    pub(super) fn ranks(&self) -> &'a dyn Ranks {
        self.ranks.unwrap_or(&Alone)
    }
}

/// A training by a recipe: its phases in order, and what has come out until now.
#[derive(Debug)]
pub struct Session<'a> {
    pub(super) classifier: &'a mut Classifier,
    pub(super) params: &'a Params,
    pub(super) train: &'a Loader,
    pub(super) val: &'a Loader,
    pub(super) recipe: &'a Recipe,
    pub(super) options: FitOptions<'a>,
    /// What the outputs stand for, by the training pictures.
    pub(super) objective: Objective,
    pub(super) phases: Vec<Phase>,
    pub(super) outcome: Outcome,
    /// What the optimizer of the phase before remembers, where the next goes on with it.
    pub(super) memory: BTreeMap<String, Tensor>,
}

impl<'a> Session<'a> {
    /// A session at its beginning, or where [`FitOptions::resume`] was saved.
    ///
    /// # Errors
    /// When that state is of another training, or the recipe does not fit the labels of the
    /// pictures.
    pub fn new(
        (classifier, params): (&'a mut Classifier, &'a Params),
        (train, val): (&'a Loader, &'a Loader),
        recipe: &'a Recipe,
        options: FitOptions<'a>,
    ) -> Result<Self> {
        let phases = phases(recipe, classifier.backbone().stages())?;
        let objective = objective(recipe, &**train.dataset())?;
        let (outcome, memory) = (Outcome::default(), BTreeMap::new());
        let mut session = Self { classifier, params, train, val, recipe, options, objective, phases, outcome, memory };
        if let Some(state) = session.options.resume.take() {
            let restored = session.restore(&state);
            state.names_itself(restored)?;
            session.options.resume = Some(state);
        }
        Ok(session)
    }

    /// Epochs in all.
    pub fn epochs(&self) -> usize {
        self.phases.iter().map(|phase| phase.epochs).sum()
    }

    /// The phases that are not done yet, by number and in order.
    pub fn phases(&self) -> std::ops::Range<usize> {
        self.options.resume.as_ref().map_or(0, |state| state.place.phase)..self.phases.len()
    }

    /// What has come out until now.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Ends the session.
    pub fn into_outcome(self) -> Outcome {
        self.outcome
    }

    /// Goes on with the weights and the history of a state; [a phase](super::PhaseRun) takes its
    /// part when it begins.
    fn restore(&mut self, state: &TrainState) -> Result<()> {
        if !self.params.load(&state.model)?.is_exact() {
            return Err(PlaceError::OtherNetwork.into());
        }
        let accumulate = self.recipe.optimize.accumulate;
        state.check(&RunShape { phases: &self.phases, batches: self.train.batches(), accumulate })?;
        self.outcome.lrs.clone_from(&state.lrs);
        self.outcome.skipped = state.place.skipped[0];
        let epochs = self.epochs();
        for (i, record) in state.history.iter().enumerate() {
            let phase = self.phases.get(record.phase).ok_or(PlaceError::OtherRecipe)?.name;
            let EpochRecord { lr, train_loss, val_loss, val_accuracy, .. } = *record;
            let (epoch, health) = (i + 1, record.health.clone());
            let metric = self.objective.metric();
            let info = EpochInfo { epoch, epochs, phase, lr, train_loss, val_loss, metric, val_accuracy, health };
            self.outcome.history.push(info);
        }
        Ok(())
    }

    /// The history as it is saved.
    pub(super) fn records(&self) -> Vec<EpochRecord> {
        let number = |name: &str| self.phases.iter().position(|phase| phase.name == name).unwrap_or(0);
        let record = |info: &EpochInfo| EpochRecord {
            phase: number(info.phase),
            lr: info.lr,
            train_loss: info.train_loss,
            val_loss: info.val_loss,
            val_accuracy: info.val_accuracy,
            health: info.health.clone(),
        };
        self.outcome.history.iter().map(record).collect()
    }
}
