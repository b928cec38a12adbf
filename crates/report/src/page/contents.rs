//! What the report of a run shows, as plain data.

use std::collections::BTreeMap;

use taper_trainer::evaluate::label_metrics::LabelScores;
use taper_trainer::evaluate::metrics::{ClassScore, Reliability};
use taper_trainer::evaluate::number_metrics::NumberScore;
use taper_trainer::objective::Metric;

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
    /// What the network is judged by: accuracy where pictures have one class.
    pub metric: Metric,
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
    /// The scores of several labels, where pictures have these.
    pub labels: Option<LabelScores>,
    /// The numbers of the validation pictures, where they have these.
    pub numbers: Vec<NumberAnswers>,
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
    /// What the network is judged by on the validation pictures; accuracy is from 0 to 1.
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

/// A number of the validation pictures, and what the network says of it.
#[derive(Clone, Debug, Default)]
pub struct NumberAnswers {
    /// How far off the answers are.
    pub score: NumberScore,
    /// What it is, and what was said, by picture.
    pub points: Vec<[f64; 2]>,
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
    /// Name of its true class; its labels, or its numbers.
    pub truth: String,
    /// Name of the class that the network gave; the labels, or the numbers.
    pub predicted: String,
    /// Probability that the network gave to its answer, from 0 to 1; none where it is of several
    /// labels or numbers.
    pub confidence: Option<f64>,
}
