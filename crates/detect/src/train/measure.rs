//! What a detector answers over a data set.

use taper_tensor::Rng;

use super::error::TrainError;
use crate::data::{Loading, Object};
use crate::evaluate::{Metrics, evaluate};
use crate::model::{Asking, Detection, Detector};

/// What was found on pictures, and what is on them; boxes in the pixels of their files.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// What was found on each, best first.
    pub found: Vec<Vec<Detection>>,
    /// What is on each.
    pub truth: Vec<Vec<Object>>,
}

impl Answers {
    /// How good they are.
    pub fn metrics(&self, classes: usize) -> Metrics {
        evaluate(&self.truth, &self.found, classes)
    }
}

/// The answers for all pictures, so many at a time; `seen` is told how many are done.
///
/// # Errors
/// When a picture cannot be read, or does not fit the network.
pub fn answers(
    detector: &Detector,
    loading: &Loading<'_>,
    asking: &Asking,
    batch_size: usize,
    mut seen: impl FnMut(usize),
) -> Result<Answers, TrainError> {
    let numbers: Vec<usize> = (0..loading.set.pictures.len()).collect();
    let mut answers = Answers::default();
    for numbers in numbers.chunks(batch_size.max(1)) {
        let batch = loading.batch(numbers, &Rng::new(0))?;
        answers.found.extend(detector.detect(&batch, asking)?);
        answers.truth.extend(batch.truth);
        seen(answers.found.len());
    }
    Ok(answers)
}
