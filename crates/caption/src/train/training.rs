//! The two phases of a training.

use std::path::Path;

use candle_core::Tensor;
use taper_nn::Mode;
use taper_tensor::{Rng, backward};
use taper_trainer::epochs::{Columns, Mover, Place, Taken, Tensors, Trained, groups};
use taper_trainer::{Listener, Work};
use taper_transfer::{Fit, load_weights};

use super::error::TrainError;
use super::measure::{Judgment, features, loss, rows, rows_of, said};
use super::task::Task;
use crate::data::Loading;
use crate::evaluate::Metrics;
use crate::model::{Captioner, Frozen, ModelError};

/// Which of the network is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// All but the backbone, on stored features.
    Words,
    /// The backbone, too.
    Both,
}

/// A task on its way.
pub(super) struct Training<'a> {
    task: &'a Task,
    loading: Loading,
    /// The features of the pictures to train on and to validate on, of a backbone that is not
    /// trained yet.
    stored: [Tensor; 2],
    phase: Phase,
    mover: Mover,
    order: Vec<usize>,
}

impl<'a> Training<'a> {
    /// Stores the features of all pictures.
    ///
    /// # Errors
    /// When a picture cannot be read.
    pub(super) fn new(task: &'a Task, listener: &dyn Listener) -> Result<Self, TrainError> {
        let loading = task.card.loading()?;
        let work = listener.work(Work::Features);
        let sides = [&task.parts.train, &task.parts.val];
        work.begin(sides.iter().map(|set| set.pictures.len() as u64).sum());
        let mut stored = Vec::new();
        for set in sides {
            let mut before = 0;
            let seen = |done: usize| work.advance((done - std::mem::replace(&mut before, done)) as u64);
            stored.push(features(&task.network, &loading, set, seen)?);
        }
        let stored = [stored[0].clone(), stored[1].clone()];
        let mover = Self::mover(task, Phase::Words)?;
        Ok(Self { task, loading, stored, phase: Phase::Words, mover, order: Vec::new() })
    }

    fn phase_of(task: &Task, epoch: usize) -> Phase {
        if epoch < task.recipe.optimize.epochs { Phase::Words } else { Phase::Both }
    }

    fn batches_of(task: &Task) -> usize {
        task.parts.train.pictures.len().div_ceil(task.recipe.optimize.batch_size)
    }

    /// What moves the weights in a phase.
    fn mover(task: &Task, phase: Phase) -> Result<Mover, TrainError> {
        let (own, tuning) = (&task.recipe.optimize, task.recipe.fine_tune);
        let (epochs, frozen) = match phase {
            Phase::Words => (own.epochs, Frozen::All),
            Phase::Both => (tuning.epochs, Frozen::Stages(tuning.frozen)),
        };
        let mut params = task.network.trainables(&task.params, frozen);
        params.retain(|(name, _)| task.recipe.words.tuned || name != "caption.words.weight");
        let scale = |name: &str| if Captioner::is_backbone(name) { tuning.backbone_lr_scale } else { 1.0 };
        let groups = groups(params, scale, own.weight_decay);
        Mover::new(&own.steps(), (epochs, Self::batches_of(task)), groups)
    }

    /// The number of a step in its phase.
    fn in_phase(&self, step: usize) -> usize {
        match self.phase {
            Phase::Words => step,
            Phase::Both => step.saturating_sub(self.task.recipe.optimize.epochs * self.batches()),
        }
    }
}

impl Trained for Training<'_> {
    type Metrics = Judgment;
    type Error = TrainError;

    const COLUMNS: Columns = Columns { losses: &["words"], measures: &["val_loss", "bleu4", "cider"] };

    fn epochs(&self) -> usize {
        self.task.recipe.optimize.epochs + self.task.recipe.fine_tune.epochs
    }

    fn pictures(&self) -> usize {
        self.task.parts.train.pictures.len()
    }

    fn batches(&self) -> usize {
        Self::batches_of(self.task)
    }

    fn phase(&self, epoch: usize) -> &'static str {
        match Self::phase_of(self.task, epoch) {
            Phase::Words => "words",
            Phase::Both => "all",
        }
    }

    fn enter(&mut self, epoch: usize) -> Result<(), TrainError> {
        self.order = (0..self.pictures()).collect();
        Rng::new(self.task.recipe.seed).fork("shuffle").at(epoch as u64).shuffle(&mut self.order);
        let phase = Self::phase_of(self.task, epoch);
        if phase != self.phase {
            (self.phase, self.mover) = (phase, Self::mover(self.task, phase)?);
        }
        Ok(())
    }

    fn step(&mut self, place: Place) -> Result<Taken, TrainError> {
        let (task, own) = (self.task, &self.task.recipe);
        let noise = Rng::new(own.seed).fork("noise").at(place.step as u64);
        let mode = Mode::Train(&noise);
        let begin = place.batch * own.optimize.batch_size;
        let pictures: Vec<usize> = self.order.iter().skip(begin).take(own.optimize.batch_size).copied().collect();
        let features = match self.phase {
            Phase::Words => {
                let rows: Vec<u32> = pictures.iter().map(|&picture| picture as u32).collect();
                self.stored[0].index_select(&rows_of(&rows)?, 0)?
            }
            Phase::Both => {
                let all = &task.parts.train.pictures;
                let paths: Vec<&Path> = pictures.iter().map(|&picture| &*all[picture].path).collect();
                let pixels = self.loading.pixels(&paths)?;
                task.network.features(&pixels, Frozen::Stages(own.fine_tune.frozen), mode)?
            }
        };
        let (rows, captions) = rows(pictures.iter().map(|&picture| task.numbers[0][picture].as_slice()));
        let features = features.index_select(&rows_of(&rows)?, 0)?;
        let loss = task.network.loss(&features, &captions, own.dropout, mode)?;
        let number = f64::from(loss.to_scalar::<f32>()?);
        if !number.is_finite() {
            return Err(TrainError::Diverged { step: place.step + 1, loss: number });
        }
        let step = self.in_phase(place.step);
        self.mover.step(&backward(&loss)?, step)?;
        Ok(Taken { losses: vec![number], pictures: pictures.len() })
    }

    fn lr(&self, step: usize) -> f64 {
        self.mover.lr(self.in_phase(step))
    }

    fn is_measured(&self, epoch: usize) -> bool {
        epoch.is_multiple_of(self.task.recipe.optimize.measure_every)
    }

    fn measure(&mut self, seen: &mut dyn FnMut(usize, usize)) -> Result<Judgment, TrainError> {
        let (task, set) = (self.task, &self.task.parts.val);
        let all = set.pictures.len();
        let own = match self.phase {
            Phase::Words => self.stored[1].clone(),
            Phase::Both => features(&task.network, &self.loading, set, |done| seen(done, all))?,
        };
        let judged = said(&task.network, &task.card.vocabulary, &own, set, task.recipe.search)?;
        Ok(Judgment { loss: loss(&task.network, &own, &task.numbers[1])?, metrics: Metrics::of(&judged) })
    }

    fn numbers(judgment: &Judgment) -> Vec<f64> {
        vec![judgment.loss, judgment.metrics.bleu[3], judgment.metrics.cider]
    }

    fn model(&self) -> Tensors {
        self.task.params.tensors()
    }

    fn optimizer(&self) -> Result<Tensors, TrainError> {
        Ok(self.mover.optimizer.state()?)
    }

    fn load(&mut self, model: &Tensors, optimizer: &Tensors) -> Result<(), TrainError> {
        load_weights(&self.task.params, model, Fit::Exact).map_err(ModelError::from)?;
        Ok(self.mover.optimizer.load_state(optimizer)?)
    }
}
