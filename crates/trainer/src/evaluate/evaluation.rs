//! How good a classifier is on pictures it was not trained on.

use std::time::{Duration, Instant};

use candle_core::{DType, Tensor};
use taper_data::Loader;
use taper_nn::Mode;
use taper_regularize::{Marginal, Marginalize, marginalize};
use taper_tensor::{Rng, log_softmax};
use taper_transfer::Classifier;

use crate::error::Result;
use crate::evaluate::error::EvaluateError;
use crate::listener::{Listener, Silent, Work};

/// Probabilities and labels of a data set, in its order, and what follows from them.
#[derive(Clone, Debug, Default)]
pub struct Evaluation {
    /// Probability of each class, a row a picture.
    pub probabilities: Vec<Vec<f32>>,
    /// The class of each picture.
    pub labels: Vec<usize>,
    /// Mean of the negative logarithm of the probability of the right class, nats.
    pub loss: f64,
    /// Time spent waiting for pictures.
    pub waited: Duration,
    /// Time in all.
    pub took: Duration,
}

impl Evaluation {
    /// Takes in the logits of some pictures. Their losses are added up until [`Evaluation::finish`]
    /// takes the mean.
    pub(crate) fn add(&mut self, logits: &Tensor, labels: impl IntoIterator<Item = usize>) -> Result<()> {
        self.add_rows(&log_softmax(&logits.to_dtype(DType::F64)?)?.to_vec2::<f64>()?, labels);
        Ok(())
    }

    /// [`Evaluation::add`] of logarithms of probabilities.
    pub(crate) fn add_rows(&mut self, rows: &[Vec<f64>], labels: impl IntoIterator<Item = usize>) {
        for (row, label) in rows.iter().zip(labels) {
            self.loss -= row[label];
            self.labels.push(label);
            self.probabilities.push(row.iter().map(|l| l.exp() as f32).collect());
        }
    }

    /// What `measure` takes in, with the time that it took; it returns the time spent waiting for
    /// pictures.
    pub(crate) fn timed(measure: impl FnOnce(&mut Self) -> Result<Duration>) -> Result<Self> {
        let (start, mut result) = (Instant::now(), Self::default());
        result.waited = measure(&mut result)?;
        result.finish();
        result.took = start.elapsed();
        Ok(result)
    }

    /// The sum of the losses becomes their mean.
    pub(crate) fn finish(&mut self) {
        self.loss /= self.labels.len().max(1) as f64;
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

    /// Pictures that were taken for another class, the surest of the wrong answers first.
    pub fn worst(&self) -> Vec<usize> {
        let predictions = self.predictions();
        let mut wrong: Vec<usize> = (0..self.labels.len()).filter(|&i| predictions[i] != self.labels[i]).collect();
        let confidence = |i: usize| self.probabilities[i][predictions[i]];
        wrong.sort_by(|&a, &b| confidence(b).total_cmp(&confidence(a)).then(a.cmp(&b)));
        wrong
    }
}

/// The logarithm of a probability, finite also where it is 0.
pub(crate) fn log(probability: f32) -> f64 {
    f64::from(probability.max(f32::MIN_POSITIVE)).ln()
}

/// Logits as logarithms of probabilities.
pub(crate) fn normalized(mut logits: Vec<f64>) -> Vec<f64> {
    let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let norm = most + logits.iter().map(|logit| (logit - most).exp()).sum::<f64>().ln();
    logits.iter_mut().for_each(|logit| *logit -= norm);
    logits
}

/// The classes of a row of probabilities, the most probable first.
pub fn ranked(row: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|&a, &b| row[b].total_cmp(&row[a]).then(a.cmp(&b)));
    order
}

/// Runs a classifier over all pictures of a loader that does not shuffle.
///
/// # Errors
/// When a picture cannot be read or the network does not take it.
pub fn evaluate(classifier: &Classifier, loader: &Loader) -> Result<Evaluation> {
    evaluate_marginal(classifier, loader, Marginalize::Expectation, &Silent)
}

/// Somebody who is shown the name of a stage and its map.
pub(crate) type ShowMap<'a> = dyn FnMut(&str, &Tensor) -> Result<()> + 'a;

/// [`evaluate`] that shows the map of each stage for the first batch, and tells how many pictures
/// are done, of how many.
pub(crate) fn evaluate_shown(
    classifier: &Classifier,
    loader: &Loader,
    show: &mut ShowMap<'_>,
    tell: &mut dyn FnMut(usize, usize),
) -> Result<Evaluation> {
    let stages = classifier.backbone().stages();
    Evaluation::timed(|result| {
        let mut batches = loader.epoch(0);
        for (i, loaded) in batches.by_ref().enumerate() {
            let loaded = loaded?;
            let mut map = loaded.batch.images;
            for (number, stage) in stages.iter().enumerate() {
                map = classifier.backbone().stage(number, &map, Mode::Eval)?;
                if i == 0 {
                    show(stage.name, &map)?;
                }
            }
            let logits = classifier.forward_from(stages.len(), &map, Mode::Eval)?;
            result.add(&logits, loaded.indices.iter().map(|&index| loader.dataset().label(index)))?;
            tell(result.labels.len(), loader.dataset().len());
        }
        Ok(batches.waited())
    })
}

/// What a classifier says of a picture, (1,H,W,3).
///
/// # Errors
/// When the answer is NaN.
pub fn marginal(classifier: &Classifier, image: &Tensor, how: Marginalize) -> Result<Marginal> {
    let answer = sampled(classifier, image, how)?;
    let nan = answer.mean.to_vec2::<f64>()?.iter().any(|row| is_nan(row));
    if nan { Err(EvaluateError::Nan { picture: None }.into()) } else { Ok(answer) }
}

/// What a classifier says of pictures, by the same draws for all.
fn sampled(classifier: &Classifier, images: &Tensor, how: Marginalize) -> Result<Marginal> {
    let noise = Rng::new(0).fork("marginalize");
    Ok(marginalize(how, &noise, |mode| classifier.forward(images, mode))?)
}

/// Whether there is a NaN among the probabilities of a picture, or their logarithms.
fn is_nan(row: &[f64]) -> bool {
    row.iter().any(|value| value.is_nan())
}

/// [`evaluate`] with the noise of training averaged out as asked for, by the same draws for every
/// picture; `listener` hears how far it has come.
///
/// # Errors
/// As [`evaluate`], and when there are to be no samples.
pub fn evaluate_marginal(
    classifier: &Classifier,
    loader: &Loader,
    how: Marginalize,
    listener: &dyn Listener,
) -> Result<Evaluation> {
    let progress = listener.work(Work::Answers);
    progress.begin(loader.dataset().len() as u64);
    Evaluation::timed(|result| {
        answers(classifier, loader, 0, how, |rows, indices| {
            progress.advance(indices.len() as u64);
            result.add_rows(&rows, indices.iter().map(|&index| loader.dataset().label(index)));
        })
    })
}

/// Shows the logarithm of each class's probability for the pictures of each batch, and which
/// pictures these are. Returns the time spent waiting for pictures.
pub(crate) fn answers(
    classifier: &Classifier,
    loader: &Loader,
    epoch: u64,
    how: Marginalize,
    mut see: impl FnMut(Vec<Vec<f64>>, &[usize]),
) -> Result<Duration> {
    let mut batches = loader.epoch(epoch);
    for loaded in batches.by_ref() {
        let loaded = loaded?;
        // Logarithms of probabilities are logits that need no softmax, but lose nothing by one.
        let logits = match how {
            Marginalize::Expectation => classifier.forward(&loaded.batch.images, Mode::Eval)?,
            how => sampled(classifier, &loaded.batch.images, how)?.mean.log()?,
        };
        let rows: Vec<Vec<f64>> = log_softmax(&logits.to_dtype(DType::F64)?)?.to_vec2()?;
        if let Some(row) = rows.iter().position(|row| is_nan(row)) {
            let picture = Some(loader.dataset().name(loaded.indices[row]));
            return Err(EvaluateError::Nan { picture }.into());
        }
        see(rows, &loaded.indices);
    }
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
