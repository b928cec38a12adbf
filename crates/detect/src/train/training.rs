//! The steps of a training, and what it is measured as.

use taper_tensor::{Rng, backward};
use taper_trainer::epochs::{Columns, Mover, Place, Taken, Tensors, Trained, groups};
use taper_transfer::{Fit, load_weights};

use super::error::TrainError;
use super::measure::answers;
use super::task::Task;
use crate::evaluate::Metrics;
use crate::model::ModelError;

/// Pictures that are measured at a time.
const MEASURED: usize = 8;

/// A task on its way.
pub(super) struct Training<'a> {
    task: &'a Task,
    mover: Mover,
    order: Vec<usize>,
}

impl<'a> Training<'a> {
    /// At the beginning.
    ///
    /// # Errors
    /// Names a setting that is out of its range.
    pub(super) fn new(task: &'a Task) -> Result<Self, TrainError> {
        let own = &task.recipe.optimize;
        let stages = task.detector.backbone().stages();
        let scale = |name: &str| {
            if stages.iter().any(|stage| stage.owns(name)) { own.backbone_lr_scale } else { 1.0 }
        };
        let params = task.detector.trainables(&task.params, task.recipe.training.frozen);
        let groups = groups(params, scale, own.weight_decay);
        let mover = Mover::new::<TrainError>(&own.steps(), (own.epochs, batches(task)), groups)?;
        Ok(Self { task, mover, order: Vec::new() })
    }
}

/// Batches of an epoch.
fn batches(task: &Task) -> usize {
    task.sides.train.pictures.len().div_ceil(task.recipe.optimize.batch_size)
}

impl Trained for Training<'_> {
    type Metrics = Metrics;
    type Error = TrainError;

    const COLUMNS: Columns =
        Columns { losses: &["objectness", "proposals", "class", "boxes"], measures: &["ap", "ap50", "ap75"] };

    fn epochs(&self) -> usize {
        self.task.recipe.optimize.epochs
    }

    fn pictures(&self) -> usize {
        self.task.sides.train.pictures.len()
    }

    fn batches(&self) -> usize {
        batches(self.task)
    }

    fn enter(&mut self, epoch: usize) -> Result<(), TrainError> {
        self.order = (0..self.pictures()).collect();
        Rng::new(self.task.recipe.seed).fork("shuffle").at(epoch as u64).shuffle(&mut self.order);
        Ok(())
    }

    fn step(&mut self, place: Place) -> Result<Taken, TrainError> {
        let (task, root) = (self.task, Rng::new(self.task.recipe.seed));
        let size = task.recipe.optimize.batch_size;
        let numbers: Vec<usize> = self.order.iter().skip(place.batch * size).take(size).copied().collect();
        let batch = task.training()?.batch(&numbers, &root.fork("augment").at(place.epoch as u64))?;
        let rng = root.fork("step").at(place.step as u64);
        let losses = task.detector.losses(&batch, &task.recipe.training, &rng)?;
        let parts = losses.numbers()?;
        let loss: f64 = parts.iter().sum();
        if !loss.is_finite() {
            return Err(TrainError::Diverged { step: place.step + 1, loss, parts });
        }
        self.mover.step(&backward(&losses.total()?)?, place.step)?;
        Ok(Taken { losses: parts.to_vec(), pictures: numbers.len() })
    }

    fn lr(&self, step: usize) -> f64 {
        self.mover.lr(step)
    }

    fn is_measured(&self, epoch: usize) -> bool {
        epoch.is_multiple_of(self.task.recipe.optimize.measure_every)
    }

    fn measure(&mut self, seen: &mut dyn FnMut(usize, usize)) -> Result<Metrics, TrainError> {
        let (task, all) = (self.task, self.task.sides.val.pictures.len());
        let told = |done| seen(done, all);
        let answers = answers(&task.detector, &task.validation()?, &task.card.asking, MEASURED, told)?;
        Ok(answers.metrics(task.card.classes.len()))
    }

    fn numbers(metrics: &Metrics) -> Vec<f64> {
        [metrics.ap, metrics.ap50, metrics.ap75].map(|value| value.unwrap_or(f64::NAN)).to_vec()
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
