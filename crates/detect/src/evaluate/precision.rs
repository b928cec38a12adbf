//! From outcomes to average precision.

use super::pairs::Outcome;

/// Places of recall that precision is read at.
const PLACES: usize = 101;

/// The average precision, and the largest recall, of the outcomes of all detections of a class in
/// the order of their scores; none where there is nothing to find.
///
/// Precision is made falling from the right, and read at the recalls 0, 0.01, ..., 1; beyond the
/// largest recall it is 0.
pub(super) fn average_precision(outcomes: &[Outcome], objects: usize) -> Option<(f64, f64)> {
    if objects == 0 {
        return None;
    }
    let (mut right, mut wrong) = (0.0, 0.0);
    let (mut recalls, mut precisions) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        match outcome {
            Outcome::Right => right += 1.0,
            Outcome::Wrong => wrong += 1.0,
            Outcome::Ignored => {}
        }
        recalls.push(right / objects as f64);
        precisions.push(right / (right + wrong + f64::EPSILON));
    }
    for i in (1..precisions.len()).rev() {
        precisions[i - 1] = f64::max(precisions[i - 1], precisions[i]);
    }
    let read = |place: usize| {
        let recall = place as f64 * 0.01;
        let at = recalls.partition_point(|&other| other < recall);
        precisions.get(at).copied().unwrap_or(0.0)
    };
    let sum: f64 = (0..PLACES).map(read).sum();
    Some((sum / PLACES as f64, recalls.last().copied().unwrap_or(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_is_read_at_hundred_and_one_recalls() {
        use Outcome::{Ignored, Right, Wrong};
        let ap = |outcomes: &[Outcome], objects| average_precision(outcomes, objects);
        assert_eq!(ap(&[], 0), None);
        assert_eq!(ap(&[], 3), Some((0.0, 0.0)));
        let (perfect, recall) = ap(&[Right, Ignored, Right], 2).unwrap();
        assert!((perfect - 1.0).abs() < 1e-12 && recall == 1.0);
        // Half is found at once, the rest behind two mistakes: 51 places at 1, 50 at 1/2.
        let (half, _) = ap(&[Right, Wrong, Wrong, Right], 2).unwrap();
        assert!((half - (51.0 + 25.0) / 101.0).abs() < 1e-12, "{half}");
    }
}
