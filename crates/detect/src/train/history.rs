//! What an epoch came to.

use std::fmt::Write as _;

use crate::evaluate::Metrics;

/// An epoch that is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochRecord {
    /// Its number, from 1.
    pub epoch: usize,
    /// The learning rate of its last step.
    pub lr: f64,
    /// The mean over its steps of each loss: objectness, proposals, class, boxes.
    pub losses: [f64; 4],
    /// mAP, AP50 and AP75 on the validation pictures, fractions; NaN where it was not measured.
    pub precision: [f64; 3],
}

/// How many numbers an epoch is in a row of them.
const NUMBERS: usize = 8;

impl EpochRecord {
    /// The sum of its losses.
    pub fn loss(&self) -> f64 {
        self.losses.iter().sum()
    }

    /// What was measured, as its place has it.
    pub(super) fn of(metrics: Option<&Metrics>) -> [f64; 3] {
        let all = metrics.map_or([None; 3], |metrics| [metrics.ap, metrics.ap50, metrics.ap75]);
        all.map(|value| value.unwrap_or(f64::NAN))
    }

    /// As numbers, which tensors keep to the bit.
    pub(super) fn numbers(&self) -> [f64; NUMBERS] {
        let ([a, b, c, d], [ap, ap50, ap75]) = (self.losses, self.precision);
        [self.lr, a, b, c, d, ap, ap50, ap75]
    }

    /// Epochs from rows of numbers.
    pub(super) fn all(numbers: &[f64]) -> Option<Vec<Self>> {
        let (rows, rest) = numbers.as_chunks::<NUMBERS>();
        let record = |(number, &[lr, a, b, c, d, ap, ap50, ap75]): (usize, &[f64; NUMBERS])| Self {
            epoch: number + 1,
            lr,
            losses: [a, b, c, d],
            precision: [ap, ap50, ap75],
        };
        rest.is_empty().then(|| rows.iter().enumerate().map(record).collect())
    }
}

/// `history.csv`: a row an epoch, and no times, so that a recipe gives the same bytes.
pub(super) fn csv(history: &[EpochRecord]) -> String {
    let mut text = "epoch,lr,loss,objectness,proposals,class,boxes,ap,ap50,ap75\n".to_owned();
    for record in history {
        let ([a, b, c, d], lr) = (record.losses, record.lr);
        let precision = record.precision.map(|x| if x.is_nan() { String::new() } else { format!("{x:.5}") });
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "{},{lr:.6e},{:.5},{a:.5},{b:.5},{c:.5},{d:.5},{}",
            record.epoch,
            record.loss(),
            precision.join(",")
        );
    }
    text
}
