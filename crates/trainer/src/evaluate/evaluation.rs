//! How good a classifier is on pictures it was not trained on.

use std::time::{Duration, Instant};

use candle_core::Tensor;
use taper_data::{Dataset, LabelKind, Loader};
use taper_nn::Mode;
use taper_regularize::{Marginal, Marginalize, marginalize_answers};
use taper_tensor::Rng;
use taper_transfer::Classifier;

use crate::build::labels::target;
use crate::error::{Error, Result};
use crate::evaluate::error::EvaluateError;
use crate::evaluate::label_metrics::{best_thresholds, mean_average_precision};
use crate::evaluate::number_metrics::{mean_number_score, number_scores};
use crate::listener::{Listener, Silent, Work};
use crate::objective::Objective;
use crate::ranks::{Alone, Ranks, in_turns, turns};

/// Answers about a data set and its labels, in its order, and what follows from them.
#[derive(Clone, Debug, Default)]
pub struct Evaluation {
    /// What the answers stand for.
    pub objective: Objective,
    /// Probability of each class, a row a picture; with numbers these.
    pub probabilities: Vec<Vec<f32>>,
    /// The class of each picture; with several labels the first, with numbers 0.
    pub labels: Vec<usize>,
    /// With several labels whether each is there (1 or 0), and with numbers these, a row a picture;
    /// empty where a picture has one class.
    pub targets: Vec<Vec<f32>>,
    /// Mean loss: with one class of the negative logarithm of its probability, nats.
    pub loss: f64,
    /// Time spent waiting for pictures.
    pub waited: Duration,
    /// Time in all.
    pub took: Duration,
}

impl Evaluation {
    /// Of nothing yet, by answers that stand for this.
    pub(crate) fn of(objective: &Objective) -> Self {
        Self { objective: objective.clone(), ..Self::default() }
    }

    /// Takes in the logits of some pictures. Their losses are added up until [`Evaluation::finish`]
    /// takes the mean.
    pub(crate) fn add(&mut self, logits: &Tensor, truths: impl IntoIterator<Item = Truth>) -> Result<()> {
        self.add_rows(&self.objective.said(logits)?, truths);
        Ok(())
    }

    /// [`Evaluation::add`] of what logits [say](Objective::said).
    pub(crate) fn add_rows(&mut self, rows: &[Vec<f64>], truths: impl IntoIterator<Item = Truth>) {
        for (row, Truth { label, target }) in rows.iter().zip(truths) {
            self.loss += self.objective.measure(row, label, &target);
            self.labels.push(label);
            self.probabilities.push(self.objective.answer(row).into_iter().map(|answer| answer as f32).collect());
            if !self.objective.is_one() {
                self.targets.push(target);
            }
        }
    }

    /// What is known of a picture.
    pub(crate) fn truth(&self, index: usize) -> Truth {
        Truth { label: self.labels[index], target: self.targets.get(index).cloned().unwrap_or_default() }
    }

    /// What `measure` takes in, with the time that it took; it returns the time spent waiting for
    /// pictures.
    pub(crate) fn timed(objective: &Objective, measure: impl FnOnce(&mut Self) -> Result<Duration>) -> Result<Self> {
        let (start, mut result) = (Instant::now(), Self::of(objective));
        result.waited = measure(&mut result)?;
        result.finish();
        result.took = start.elapsed();
        Ok(result)
    }

    /// The sum of the losses becomes their mean.
    pub(crate) fn finish(&mut self) {
        self.loss /= self.labels.len().max(1) as f64;
    }

    /// The [figure](crate::objective::Metric) that these answers are judged by: accuracy, mean
    /// average precision, or R2.
    pub fn figure(&self) -> f64 {
        match self.objective.kind() {
            LabelKind::One => self.accuracy(),
            LabelKind::Many => mean_average_precision(&self.probabilities, &self.targets),
            LabelKind::Number => mean_number_score(&number_scores(&self.probabilities, &self.targets)).r2,
        }
    }

    /// The objective, with several labels with the thresholds that are best on these pictures.
    pub fn with_thresholds(&self) -> Objective {
        match &self.objective {
            Objective::Many { .. } => {
                Objective::Many { thresholds: best_thresholds(&self.probabilities, &self.targets) }
            }
            other => other.clone(),
        }
    }

    /// The class with the largest probability, by picture; the first of equals.
    pub fn predictions(&self) -> Vec<usize> {
        self.probabilities.iter().map(|row| ranked(row)[0]).collect()
    }

    /// Share of pictures whose predicted class is right, fraction.
    pub fn accuracy(&self) -> f64 {
        let hits = self.predictions().iter().zip(&self.labels).filter(|(p, l)| p == l).count();
        hits as f64 / self.labels.len().max(1) as f64
    }

    /// Pictures of class `row` that were taken for class `column`.
    pub fn confusion(&self) -> Vec<Vec<usize>> {
        let classes = self.probabilities.first().map_or(0, Vec::len);
        let mut counts = vec![vec![0; classes]; classes];
        for (prediction, &label) in self.predictions().into_iter().zip(&self.labels) {
            counts[label][prediction] += 1;
        }
        counts
    }

    /// Pictures with a wrong answer. With one class the surest of the wrong answers come first,
    /// with several labels the largest loss; of numbers all, the farthest off first.
    pub fn worst(&self) -> Vec<usize> {
        match &self.objective {
            Objective::One => self.worst_of_one(),
            Objective::Many { thresholds } => {
                let right = |i: usize| {
                    let answers = self.probabilities[i].iter().zip(thresholds).map(|(p, least)| p >= least);
                    answers.zip(&self.targets[i]).all(|(said, there)| said == (*there > 0.5))
                };
                self.by_loss((0..self.labels.len()).filter(|&i| !right(i)).collect())
            }
            Objective::Number { .. } => self.by_loss((0..self.labels.len()).collect()),
        }
    }

    /// Pictures by their loss, the largest first.
    fn by_loss(&self, mut pictures: Vec<usize>) -> Vec<usize> {
        let loss = |i: usize| {
            let answer: Vec<f64> = self.probabilities[i].iter().map(|&answer| f64::from(answer)).collect();
            self.objective.measure(&self.objective.said_by(&answer), self.labels[i], &self.targets[i])
        };
        pictures.sort_by(|&a, &b| loss(b).total_cmp(&loss(a)).then(a.cmp(&b)));
        pictures
    }

    fn worst_of_one(&self) -> Vec<usize> {
        let predictions = self.predictions();
        let mut wrong: Vec<usize> = (0..self.labels.len()).filter(|&i| predictions[i] != self.labels[i]).collect();
        let confidence = |i: usize| self.probabilities[i][predictions[i]];
        wrong.sort_by(|&a, &b| confidence(b).total_cmp(&confidence(a)).then(a.cmp(&b)));
        wrong
    }
}

/// What is known of a picture.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Truth {
    /// Its class, where it has one.
    pub(crate) label: usize,
    /// Of several labels whether each is there, or its numbers; empty where it has one class.
    pub(crate) target: Vec<f32>,
}

impl Truth {
    /// Of pictures of a data set.
    pub(crate) fn of(objective: &Objective, pictures: &dyn Dataset, indices: &[usize]) -> Result<Vec<Self>> {
        let truth = |&index: &usize| {
            let target = if objective.is_one() { Vec::new() } else { target(pictures, index)? };
            Ok(Self { label: pictures.label(index), target })
        };
        indices.iter().map(truth).collect()
    }
}

/// The classes of a row of probabilities, the most probable first.
pub fn ranked(row: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|&a, &b| row[b].total_cmp(&row[a]).then(a.cmp(&b)));
    order
}

/// Runs a classifier, whose outputs stand for what the objective says, over all pictures of a
/// loader that does not shuffle.
///
/// # Errors
/// When a picture cannot be read or the network does not take it.
pub fn evaluate(network: (&Classifier, &Objective), loader: &Loader) -> Result<Evaluation> {
    evaluate_marginal(network, loader, Marginalize::Expectation, (&Silent, &Alone))
}

/// Somebody who is shown the name of a stage and its map.
pub(crate) type ShowMap<'a> = dyn FnMut(&str, &Tensor) -> Result<()> + 'a;

/// What a classifier says of a picture, (1,H,W,3): probabilities, or numbers.
///
/// # Errors
/// When the answer is NaN.
pub fn marginal(network: (&Classifier, &Objective), image: &Tensor, how: Marginalize) -> Result<Marginal> {
    let answer = sampled(network, image, how)?;
    let nan = answer.mean.to_vec2::<f64>()?.iter().any(|row| is_nan(row));
    if nan { Err(EvaluateError::Nan { picture: None }.into()) } else { Ok(answer) }
}

/// What a classifier says of pictures, by the same draws for all.
fn sampled((classifier, objective): (&Classifier, &Objective), images: &Tensor, how: Marginalize) -> Result<Marginal> {
    let noise = Rng::new(0).fork("marginalize");
    Ok(marginalize_answers(how, &noise, |mode| objective.answers(&classifier.forward(images, mode)?))?)
}

/// Whether there is a NaN among the probabilities of a picture, or their logarithms.
fn is_nan(row: &[f64]) -> bool {
    row.iter().any(|value| value.is_nan())
}

/// [`evaluate`] with the noise of training averaged out as asked for, by the same draws for every
/// picture; `listener` hears how far it has come. Of several processes each answers some batches,
/// and the first alone learns what came out.
///
/// # Errors
/// As [`evaluate`], and when there are to be no samples.
pub fn evaluate_marginal(
    (classifier, objective): (&Classifier, &Objective),
    loader: &Loader,
    how: Marginalize,
    (listener, ranks): (&dyn Listener, &dyn Ranks),
) -> Result<Evaluation> {
    let progress = listener.work(Work::Answers);
    progress.begin(loader.dataset().len() as u64);
    Evaluation::timed(objective, |result| {
        answers((classifier, objective), (loader, 0), how, ranks, |rows, indices| {
            progress.advance(indices.len() as u64);
            result.add_rows(&rows, Truth::of(objective, &**loader.dataset(), indices)?);
            Ok(())
        })
    })
}

/// Shows the first process what is [said](Objective::said) of the pictures of each batch, and which
/// pictures these are. Returns the time that this one has waited for pictures.
pub(crate) fn answers(
    (classifier, objective): (&Classifier, &Objective),
    (loader, epoch): (&Loader, u64),
    how: Marginalize,
    ranks: &dyn Ranks,
    mut see: impl FnMut(Vec<Vec<f64>>, &[usize]) -> Result<()>,
) -> Result<Duration> {
    let (all, order) = (loader.batches(), loader.order(epoch));
    let own = turns(ranks, all).map(|batch| loader.places(batch));
    let mut batches = loader.epoch_of(epoch, own.collect());
    let mut answer = |_| {
        let Some(loaded) = batches.next() else { return Ok(Vec::new()) };
        let loaded = loaded?;
        let images = &loaded.batch.images;
        let rows = match how {
            Marginalize::Expectation => objective.said(&classifier.forward(images, Mode::Eval)?)?,
            how => {
                let mean = sampled((classifier, objective), images, how)?.mean.to_vec2::<f64>()?;
                mean.iter().map(|answer| objective.said_by_mean(answer)).collect()
            }
        };
        if let Some(row) = rows.iter().position(|row| is_nan(row)) {
            let picture = Some(loader.dataset().name(loaded.indices[row]));
            return Err(EvaluateError::Nan { picture }.into());
        }
        Ok(rows.into_iter().flatten().flat_map(f64::to_le_bytes).collect())
    };
    in_turns::<Error>(ranks, all, &mut answer, &mut |batch, bytes| {
        let (pictures, (values, _)) = (&order[loader.places(batch)], bytes.as_chunks());
        let values: Vec<f64> = values.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
        see(values.chunks(values.len().div_ceil(pictures.len()).max(1)).map(<[f64]>::to_vec).collect(), pictures)
    })?;
    Ok(batches.waited())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_follow_from_the_probabilities() {
        let evaluation = Evaluation {
            probabilities: vec![vec![0.7, 0.3], vec![0.9, 0.1], vec![0.4, 0.6], vec![0.5, 0.5]],
            labels: vec![0, 1, 0, 0],
            ..Default::default()
        };
        assert_eq!(evaluation.predictions(), [0, 0, 1, 0]);
        assert_eq!(evaluation.accuracy(), 0.5);
        assert_eq!(evaluation.confusion(), [[2, 1], [1, 0]]);
        assert_eq!(evaluation.worst(), [1, 2]);
    }
}
