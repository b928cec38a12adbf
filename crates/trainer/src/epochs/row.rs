//! What an epoch came to.

use std::fmt::Write as _;

/// An epoch that is done.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochRow {
    /// Its number, from 1.
    pub epoch: usize,
    /// The learning rate of its last step.
    pub lr: f64,
    /// The mean over its steps of each loss.
    pub losses: Vec<f64>,
    /// What was measured behind it; NaN where nothing was.
    pub measures: Vec<f64>,
}

/// What the numbers of an epoch are called.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    /// The losses, whose sum is trained.
    pub losses: &'static [&'static str],
    /// What is measured.
    pub measures: &'static [&'static str],
}

impl Columns {
    /// How many numbers an epoch is in a row of them.
    fn numbers(&self) -> usize {
        1 + self.losses.len() + self.measures.len()
    }

    /// Epochs from rows of numbers; none where they are no whole rows.
    pub(super) fn rows(&self, numbers: &[f64]) -> Option<Vec<EpochRow>> {
        let rows = numbers.chunks_exact(self.numbers());
        let row = |(number, row): (usize, &[f64])| {
            let (losses, measures) = row[1..].split_at(self.losses.len());
            EpochRow { epoch: number + 1, lr: row[0], losses: losses.to_vec(), measures: measures.to_vec() }
        };
        rows.remainder().is_empty().then(|| rows.enumerate().map(row).collect())
    }

    /// `history.csv`: a row an epoch, and no times, so that a recipe gives the same bytes. A single
    /// loss has no column beside the sum.
    pub fn csv(&self, history: &[EpochRow]) -> String {
        let losses = if self.losses.len() == 1 { &[] } else { self.losses };
        let titles: Vec<&str> = ["epoch", "lr", "loss"].iter().chain(losses).chain(self.measures).copied().collect();
        let mut text = titles.join(",") + "\n";
        for row in history {
            // Writing into a string cannot fail.
            let _ = write!(text, "{},{:.6e},{:.5}", row.epoch, row.lr, row.loss());
            for loss in &row.losses[..losses.len()] {
                let _ = write!(text, ",{loss:.5}");
            }
            for measure in &row.measures {
                let _ = if measure.is_nan() { write!(text, ",") } else { write!(text, ",{measure:.5}") };
            }
            text.push('\n');
        }
        text
    }
}

impl EpochRow {
    /// The sum of its losses.
    pub fn loss(&self) -> f64 {
        self.losses.iter().sum()
    }

    /// The epoch that was measured as most in a column of the measures, the first of equal ones,
    /// and how much.
    pub fn best(history: &[Self], measure: usize) -> Option<(usize, f64)> {
        let measured =
            history.iter().map(|row| (row.epoch, row.measures[measure])).filter(|(_, value)| !value.is_nan());
        measured.reduce(|a, b| if b.1 > a.1 { b } else { a })
    }

    /// As numbers, which tensors keep to the bit.
    pub(super) fn numbers(&self) -> impl Iterator<Item = f64> {
        [self.lr].into_iter().chain(self.losses.iter().copied()).chain(self.measures.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_epoch_is_the_first_of_equal_ones_that_were_measured() {
        let row = |epoch, measure| EpochRow { epoch, lr: 0.1, losses: vec![], measures: vec![0.0, measure] };
        let history = [row(1, f64::NAN), row(2, 0.5), row(3, 0.7), row(4, 0.7)];
        assert_eq!(EpochRow::best(&history, 1), Some((3, 0.7)));
        assert_eq!(EpochRow::best(&history[..1], 1), None);
    }

    #[test]
    fn a_row_is_written_with_what_was_measured() {
        let two = Columns { losses: &["a", "b"], measures: &["ap"] };
        let row = EpochRow { epoch: 1, lr: 0.1, losses: vec![1.0, 0.5], measures: vec![f64::NAN] };
        assert_eq!(two.csv(&[row]), "epoch,lr,loss,a,b,ap\n1,1.000000e-1,1.50000,1.00000,0.50000,\n");
        let one = Columns { losses: &["words"], measures: &["bleu4"] };
        let row = EpochRow { epoch: 2, lr: 0.1, losses: vec![2.0], measures: vec![0.25] };
        assert_eq!(one.csv(&[row]), "epoch,lr,loss,bleu4\n2,1.000000e-1,2.00000,0.25000\n");
        assert!(one.rows(&[0.1, 2.0, 0.25, 0.1]).is_none());
    }
}
