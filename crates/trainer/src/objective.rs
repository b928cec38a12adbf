//! What a network is trained to say of a picture, and what its answer means: the one place that
//! tells classes, several labels and numbers apart.

use candle_core::{DType, Result, Tensor};
use serde::{Deserialize, Serialize};
use taper_data::LabelKind;
use taper_tensor::{binary_cross_entropy, cross_entropy, huber_loss, l1_loss, log_softmax, mse_loss};

use crate::recipe::NumberLoss;

/// What the outputs of a network stand for. It is part of a model's card.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(tag = "labels", rename_all = "snake_case", deny_unknown_fields)]
pub enum Objective {
    /// A picture is of one class: probabilities by the softmax, cross-entropy.
    #[default]
    One,
    /// Of each class, whether a picture is of it: probabilities by the sigmoid, binary
    /// cross-entropy.
    Many {
        /// The probability from which a class is taken to be there, by class.
        thresholds: Vec<f32>,
    },
    /// Numbers, which are standardized in training.
    Number {
        /// The mean of each over the training pictures.
        mean: Vec<f32>,
        /// Its standard deviation, or 1 where it is the same everywhere.
        deviation: Vec<f32>,
        /// How far a number is from what it should be.
        loss: NumberLoss,
    },
}

/// The figure that a network is judged by.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// The share of pictures whose class is right.
    #[default]
    Accuracy,
    /// The mean of the average precision of the classes.
    Map,
    /// The share of the variance of the numbers that the answers explain, the mean over the
    /// numbers.
    R2,
}

impl Metric {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::Map => "mAP",
            Self::R2 => "R2",
        }
    }

    /// The name of its value on validation pictures, in files.
    pub fn field(self) -> &'static str {
        match self {
            Self::Accuracy => "val_accuracy",
            Self::Map => "val_map",
            Self::R2 => "val_r2",
        }
    }

    /// A value of it in words: a share in percent, R2 as a number.
    pub fn value(self, value: f64) -> String {
        match self {
            Self::Accuracy | Self::Map => format!("{:.1} %", 100.0 * value),
            Self::R2 => format!("{value:.3}"),
        }
    }
}

/// A figure that was measured on validation pictures, under a name of its own in files.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub enum Figure {
    /// [`Metric::Accuracy`], fraction.
    #[serde(rename = "val_accuracy")]
    Accuracy(f64),
    /// [`Metric::Map`], fraction.
    #[serde(rename = "val_map")]
    Map(f64),
    /// [`Metric::R2`].
    #[serde(rename = "val_r2")]
    R2(f64),
}

impl Default for Figure {
    fn default() -> Self {
        Self::Accuracy(0.0)
    }
}

impl Figure {
    /// A value of a metric.
    pub fn new(metric: Metric, value: f64) -> Self {
        match metric {
            Metric::Accuracy => Self::Accuracy(value),
            Metric::Map => Self::Map(value),
            Metric::R2 => Self::R2(value),
        }
    }

    /// What was measured.
    pub fn metric(self) -> Metric {
        match self {
            Self::Accuracy(_) => Metric::Accuracy,
            Self::Map(_) => Metric::Map,
            Self::R2(_) => Metric::R2,
        }
    }

    /// Its value.
    pub fn value(self) -> f64 {
        let (Self::Accuracy(value) | Self::Map(value) | Self::R2(value)) = self;
        value
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.metric().name(), self.metric().value(self.value()))
    }
}

impl Objective {
    /// What is known of each picture.
    pub fn kind(&self) -> LabelKind {
        match self {
            Self::One => LabelKind::One,
            Self::Many { .. } => LabelKind::Many,
            Self::Number { .. } => LabelKind::Number,
        }
    }

    /// Whether a picture is of one class.
    pub fn is_one(&self) -> bool {
        *self == Self::One
    }

    /// The figure that answers are judged by.
    pub fn metric(&self) -> Metric {
        match self {
            Self::One => Metric::Accuracy,
            Self::Many { .. } => Metric::Map,
            Self::Number { .. } => Metric::R2,
        }
    }

    /// What the mean of several networks' answers stands for: thresholds are averaged. None where
    /// they do not answer about the same.
    pub fn together(members: &[&Self]) -> Option<Self> {
        let first = *members.first()?;
        match first {
            Self::One => members.iter().all(|other| other.is_one()).then_some(Self::One),
            Self::Number { mean, .. } => {
                let alike =
                    |other: &&Self| matches!(other, Self::Number { mean: other, .. } if other.len() == mean.len());
                members.iter().all(alike).then(|| first.clone())
            }
            Self::Many { thresholds } => {
                let mut sums = vec![0.0; thresholds.len()];
                for other in members {
                    let Self::Many { thresholds } = other else { return None };
                    if thresholds.len() != sums.len() {
                        return None;
                    }
                    sums.iter_mut().zip(thresholds).for_each(|(sum, share)| *sum += f64::from(*share));
                }
                let mean = |sum: f64| (sum / members.len() as f64) as f32;
                Some(Self::Many { thresholds: sums.into_iter().map(mean).collect() })
            }
        }
    }

    /// What is wrong with one for so many outputs, if anything is: what is wanted, and what is
    /// there.
    pub(crate) fn mistake(&self, outputs: usize) -> Option<String> {
        let counted = |name: &str, list: &[f32]| {
            (list.len() != outputs).then(|| format!("{outputs} {name}, one for each output; got {}", list.len()))
        };
        match self {
            Self::One => None,
            Self::Many { thresholds } => counted("thresholds", thresholds).or_else(|| {
                let odd = thresholds.iter().find(|share| !(0.0..=1.0).contains(*share))?;
                Some(format!("thresholds from 0 to 1; got {odd}"))
            }),
            Self::Number { mean, deviation, .. } => {
                let odd = || {
                    deviation
                        .iter()
                        .find(|std| std.is_nan() || **std <= 0.0)
                        .map(|std| format!("deviations above 0; got {std}"))
                };
                counted("means", mean).or_else(|| counted("deviations", deviation)).or_else(odd)
            }
        }
    }

    /// The loss of logits (N,C) for targets (N,C), which are probabilities, or numbers in their
    /// units. `pos_weight` (C) weighs the pictures that are of a class, where there are several.
    pub(crate) fn loss(&self, logits: &Tensor, targets: &Tensor, pos_weight: Option<&Tensor>) -> Result<Tensor> {
        match self {
            Self::One => cross_entropy(logits, targets),
            Self::Many { .. } => binary_cross_entropy(logits, targets, pos_weight),
            Self::Number { mean, deviation, loss } => {
                let [mean, deviation] = vectors([mean, deviation], targets)?;
                let targets = targets.broadcast_sub(&mean)?.broadcast_div(&deviation)?;
                match *loss {
                    NumberLoss::L1 {} => l1_loss(logits, &targets),
                    NumberLoss::L2 {} => mse_loss(logits, &targets),
                    NumberLoss::Huber { delta } => huber_loss(logits, &targets, delta),
                }
            }
        }
    }

    /// The answers that logits (N,C) stand for, in float64: probabilities, or numbers in their
    /// units.
    ///
    /// # Errors
    /// When there are other outputs than the objective is of.
    pub fn answers(&self, logits: &Tensor) -> Result<Tensor> {
        let logits = logits.to_dtype(DType::F64)?;
        match self {
            Self::One => log_softmax(&logits)?.exp(),
            Self::Many { .. } => (logits.neg()?.exp()? + 1.0)?.recip(),
            Self::Number { mean, deviation, .. } => {
                let [mean, deviation] = vectors([mean, deviation], &logits)?;
                logits.broadcast_mul(&deviation)?.broadcast_add(&mean)
            }
        }
    }

    /// What logits (N,C) say, a row a picture, in the form that losses are measured in: logarithms
    /// of probabilities, logits, or numbers in their units.
    pub(crate) fn said(&self, logits: &Tensor) -> Result<Vec<Vec<f64>>> {
        match self {
            Self::One => log_softmax(&logits.to_dtype(DType::F64)?)?.to_vec2(),
            Self::Many { .. } => logits.to_dtype(DType::F64)?.to_vec2(),
            Self::Number { .. } => self.answers(logits)?.to_vec2(),
        }
    }

    /// The answer of what is [said](Self::said).
    pub(crate) fn answer(&self, said: &[f64]) -> Vec<f64> {
        match self {
            Self::One => said.iter().map(|log| log.exp()).collect(),
            Self::Many { .. } => said.iter().map(|logit| 1.0 / (1.0 + (-logit).exp())).collect(),
            Self::Number { .. } => said.to_vec(),
        }
    }

    /// What is [said](Self::said) by an answer, or by the mean of several; finite for a probability
    /// of 0 or 1 too. With one class probabilities need not sum to 1.
    pub(crate) fn said_by(&self, answer: &[f64]) -> Vec<f64> {
        const LEAST: f64 = f32::MIN_POSITIVE as f64;
        let most = 1.0 - f64::from(f32::EPSILON) / 2.0;
        match self {
            // A clamp keeps a NaN, which is an error of whoever asked.
            Self::One => answer.iter().map(|p| p.clamp(LEAST, f64::INFINITY).ln()).collect(),
            Self::Many { .. } => {
                let logit = |p: f64| (p / (1.0 - p)).ln();
                answer.iter().map(|p| logit(p.clamp(LEAST, most))).collect()
            }
            Self::Number { .. } => answer.to_vec(),
        }
    }

    /// What is [said](Self::said) by a mean of answers, or by the mean of what is said by several:
    /// probabilities of classes sum to 1 again.
    pub(crate) fn said_by_mean(&self, answer: &[f64]) -> Vec<f64> {
        self.summed_to_one(self.said_by(answer))
    }

    /// Logarithms of probabilities less what makes these sum to 1, where a picture is of one class;
    /// what else is said stays.
    pub(crate) fn summed_to_one(&self, mut said: Vec<f64>) -> Vec<f64> {
        if self.is_one() {
            let most = said.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let norm = most + said.iter().map(|log| (log - most).exp()).sum::<f64>().ln();
            said.iter_mut().for_each(|log| *log -= norm);
        }
        said
    }

    /// The loss of a picture of what is [said](Self::said) of it: nats, or for numbers what their
    /// loss makes of standard deviations.
    pub(crate) fn measure(&self, said: &[f64], label: usize, target: &[f32]) -> f64 {
        let mean = |losses: &mut dyn Iterator<Item = f64>| losses.sum::<f64>() / said.len().max(1) as f64;
        let pairs = said.iter().zip(target);
        match self {
            Self::One => -said[label],
            Self::Many { .. } => mean(&mut pairs.map(|(&z, &t)| {
                // log(1 + e⁻ᶻ) + (1 - t) z, for any z.
                (-z.abs()).exp().ln_1p() + (-z).max(0.0) + (1.0 - f64::from(t)) * z
            })),
            Self::Number { deviation, loss, .. } => {
                let distances = pairs.zip(deviation).map(|((y, t), std)| (y - f64::from(*t)) / f64::from(*std));
                mean(&mut distances.map(|distance| loss.of(distance)))
            }
        }
    }
}

/// Two lists as rows that fit a matrix.
fn vectors(lists: [&[f32]; 2], like: &Tensor) -> Result<[Tensor; 2]> {
    let row = |list: &[f32]| Tensor::from_slice(list, (1, list.len()), like.device())?.to_dtype(like.dtype());
    Ok([row(lists[0])?, row(lists[1])?])
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn objectives() -> [Objective; 5] {
        let number = |loss| Objective::Number { mean: vec![10.0, -1.0], deviation: vec![2.0, 0.5], loss };
        [
            Objective::One,
            Objective::Many { thresholds: vec![0.5, 0.5] },
            number(NumberLoss::L1 {}),
            number(NumberLoss::L2 {}),
            number(NumberLoss::Huber { delta: 0.7 }),
        ]
    }

    #[test]
    fn a_loss_of_rows_is_that_of_the_training() -> Result<()> {
        let logits = Tensor::new(&[[0.3f64, -1.2], [2.0, 0.1], [-0.4, 0.9]], &Device::Cpu)?;
        for objective in objectives() {
            let targets = match objective.kind() {
                LabelKind::Number => [[9.0f32, -1.0], [16.0, 2.0], [9.2, -0.55]],
                LabelKind::One => [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]],
                LabelKind::Many => [[1.0, 1.0], [0.0, 0.0], [0.0, 1.0]],
            };
            let wide = Tensor::new(&targets, &Device::Cpu)?.to_dtype(DType::F64)?;
            let wanted = objective.loss(&logits, &wide, None)?.to_scalar::<f64>()?;
            let said = objective.said(&logits)?;
            let label = |row: &[f32; 2]| usize::from(row[0] == 0.0);
            let sum: f64 = said.iter().zip(&targets).map(|(said, row)| objective.measure(said, label(row), row)).sum();
            assert!((sum / 3.0 - wanted).abs() < 1e-6, "{objective:?}: {} {wanted}", sum / 3.0);
            // Rows and tensors give the same answers, and answers say what was said.
            for (said, answer) in said.iter().zip(objective.answers(&logits)?.to_vec2::<f64>()?) {
                let by_row = objective.answer(said);
                assert!(by_row.iter().zip(&answer).all(|(a, b)| (a - b).abs() < 1e-12));
                assert!(objective.said_by(&answer).iter().zip(said).all(|(a, b)| (a - b).abs() < 1e-9));
            }
        }
        Ok(())
    }

    #[test]
    fn a_probability_of_zero_or_one_is_finite() {
        for objective in &objectives()[..2] {
            assert!(objective.said_by(&[0.0, 1.0]).iter().all(|said| said.is_finite()));
            assert!(objective.said_by_mean(&[f64::NAN, 1.0])[0].is_nan());
        }
    }

    #[test]
    fn cards_are_read_as_they_were_written() {
        for objective in objectives() {
            let text = serde_json::to_string(&objective).unwrap();
            assert_eq!(serde_json::from_str::<Objective>(&text).unwrap(), objective, "{text}");
            assert_eq!(objective.mistake(2), None);
            assert_eq!(objective.mistake(3).is_none(), objective.is_one());
        }
        let odd = Objective::Many { thresholds: vec![0.5, 1.5] };
        assert_eq!(odd.mistake(2).unwrap(), "thresholds from 0 to 1; got 1.5");
    }
}
