//! What the report of a run shows, as plain data.

use std::collections::BTreeMap;

use taper_trainer::evaluate::metrics::{ClassScore, Reliability};

/// Everything that the report of a run shows.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Heading of the page, for example the name of the data set.
    pub title: String,
    /// The command line that started the run.
    pub command: String,
    /// Name of the network.
    pub model: String,
    /// Name or short description of the training plan.
    pub plan: String,
    /// Seed of the run's random streams.
    pub seed: u64,
    /// Further facts as name and value, shown in this order.
    pub facts: Vec<(String, String)>,
    /// Names of the classes, in the order of the confusion matrix.
    pub classes: Vec<String>,
    /// One row for every finished epoch.
    pub history: Vec<EpochRow>,
    /// Learning rate of every step.
    pub rates: Vec<f64>,
    /// Number of steps in an epoch.
    pub steps_per_epoch: usize,
    /// Counts of validation pictures: a row for every true class, a column for every prediction.
    pub confusion: Vec<Vec<usize>>,
    /// Precision, recall and the like of every class.
    pub scores: Vec<ClassScore>,
    /// How often answers of each probability are right.
    pub reliability: Option<Reliability>,
    /// Length of the last step of an epoch over that of the weights: by part of the network, epochs
    /// and values.
    pub updates: Vec<(String, Vec<(f64, f64)>)>,
    /// Pictures named wrongly, the surest first.
    pub mistakes: Vec<Mistake>,
    /// Small pictures of what was named wrongly, by true and given class.
    pub confused: BTreeMap<(usize, usize), Vec<Thumb>>,
    /// Training pictures, each as it is and as training saw it.
    pub augmented: Vec<Vec<Thumb>>,
    /// The full recipe of the run in TOML.
    pub recipe_toml: String,
}

/// What was measured in one epoch.
#[derive(Clone, Debug, Default)]
pub struct EpochRow {
    /// Number of the epoch, counted through all phases from 1.
    pub epoch: usize,
    /// Name of the phase that the epoch belongs to.
    pub phase: String,
    /// Mean loss over the training pictures.
    pub train_loss: f64,
    /// Mean loss over the validation pictures.
    pub val_loss: f64,
    /// Share of the validation pictures named rightly, from 0 to 1.
    pub val_accuracy: f64,
}

/// A small picture.
#[derive(Clone, Debug, Default)]
pub struct Thumb {
    /// What it is, as the reader should see it.
    pub name: String,
    /// The picture as the bytes of a JPEG file.
    pub jpeg: Vec<u8>,
}

/// A validation picture that was named wrongly.
#[derive(Clone, Debug, Default)]
pub struct Mistake {
    /// Where the picture comes from, as the reader should see it.
    pub path: String,
    /// The picture as the bytes of a JPEG file.
    pub jpeg: Vec<u8>,
    /// The same with the places that speak for the answer lit up; empty where they are not known.
    pub heat: Vec<u8>,
    /// Name of its true class.
    pub truth: String,
    /// Name of the class that the network gave.
    pub predicted: String,
    /// Probability that the network gave to its answer, from 0 to 1.
    pub confidence: f64,
}
