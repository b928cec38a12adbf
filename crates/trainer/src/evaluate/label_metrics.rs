//! How good answers are where pictures have several labels.

use serde::Serialize;

/// How good the answers for a label are. A share of nothing is 0, as in scikit-learn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LabelScore {
    /// Pictures that have it.
    pub pictures: usize,
    /// The area under precision over recall, in steps: how early those that have it come when all
    /// are sorted by the probability of it. None where no picture has it.
    pub average_precision: Option<f64>,
    /// Of those taken to have it the share that do.
    pub precision: f64,
    /// Of those that have it the share taken to.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1: f64,
    /// The probability from which it is taken to be there.
    pub threshold: f32,
}

/// How good the answers for several labels are.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LabelScores {
    /// Those of each label.
    pub labels: Vec<LabelScore>,
    /// The mean of the average precision over the labels that some picture has.
    pub map: f64,
    /// The mean of F1 over these.
    pub macro_f1: f64,
    /// F1 of all answers together, whatever the label.
    pub micro_f1: f64,
    /// The share of answers, a picture and a label each, that are wrong.
    pub hamming_loss: f64,
    /// The share of pictures with no wrong answer.
    pub exact_match: f64,
}

/// Answers about a label: those that are right and wrong of what is and what is not there.
#[derive(Clone, Copy, Default)]
struct Counts {
    hits: usize,
    false_alarms: usize,
    misses: usize,
}

impl Counts {
    fn of(answers: impl Iterator<Item = (bool, bool)>) -> Self {
        let mut counts = Self::default();
        for (said, there) in answers {
            match (said, there) {
                (true, true) => counts.hits += 1,
                (true, false) => counts.false_alarms += 1,
                (false, true) => counts.misses += 1,
                (false, false) => {}
            }
        }
        counts
    }

    fn plus(self, other: Self) -> Self {
        Self {
            hits: self.hits + other.hits,
            false_alarms: self.false_alarms + other.false_alarms,
            misses: self.misses + other.misses,
        }
    }

    fn wrong(self) -> usize {
        self.false_alarms + self.misses
    }

    fn f1(self) -> f64 {
        share(2 * self.hits, 2 * self.hits + self.wrong())
    }
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// Whether a target says that a label is there.
fn there(target: f32) -> bool {
    target > 0.5
}

/// The scores of probabilities, a row a picture, for targets of 0 and 1, each label taken to be
/// there from its threshold on.
pub fn label_scores(probabilities: &[Vec<f32>], targets: &[Vec<f32>], thresholds: &[f32]) -> LabelScores {
    let said = |label: usize| {
        let pairs = probabilities.iter().zip(targets);
        pairs.map(move |(p, t)| (p[label] >= thresholds[label], there(t[label])))
    };
    let counts: Vec<Counts> = (0..thresholds.len()).map(|label| Counts::of(said(label))).collect();
    let labels: Vec<LabelScore> = (counts.iter().enumerate())
        .map(|(label, found)| LabelScore {
            pictures: found.hits + found.misses,
            average_precision: average_precision(&column(probabilities, targets, label)),
            precision: share(found.hits, found.hits + found.false_alarms),
            recall: share(found.hits, found.hits + found.misses),
            f1: found.f1(),
            threshold: thresholds[label],
        })
        .collect();
    let seen: Vec<f64> = labels.iter().filter(|score| score.pictures > 0).map(|score| score.f1).collect();
    let all = counts.iter().fold(Counts::default(), |all, found| all.plus(*found));
    let right =
        |i: &usize| (0..thresholds.len()).all(|l| (probabilities[*i][l] >= thresholds[l]) == there(targets[*i][l]));
    LabelScores {
        map: mean_average_precision(probabilities, targets),
        macro_f1: seen.iter().sum::<f64>() / seen.len().max(1) as f64,
        micro_f1: all.f1(),
        hamming_loss: share(all.wrong(), probabilities.len() * thresholds.len()),
        exact_match: share((0..probabilities.len()).filter(right).count(), probabilities.len()),
        labels,
    }
}

/// The mean of the average precision over the labels that some picture has; 0 where there is none.
pub fn mean_average_precision(probabilities: &[Vec<f32>], targets: &[Vec<f32>]) -> f64 {
    let labels = targets.first().map_or(0, Vec::len);
    let known: Vec<f64> =
        (0..labels).filter_map(|label| average_precision(&column(probabilities, targets, label))).collect();
    known.iter().sum::<f64>() / known.len().max(1) as f64
}

/// The thresholds with the highest F1 of each label on these pictures, half way between the
/// probabilities of two of them; 0.5 for a label that no picture has. Of several as good the
/// highest. On the pictures that they were chosen by they flatter.
pub fn best_thresholds(probabilities: &[Vec<f32>], targets: &[Vec<f32>]) -> Vec<f32> {
    let labels = targets.first().map_or(0, Vec::len);
    (0..labels).map(|label| best_threshold(&column(probabilities, targets, label))).collect()
}

/// The probability of a label for each picture and whether it is there, the highest first.
fn column(probabilities: &[Vec<f32>], targets: &[Vec<f32>], label: usize) -> Vec<(f32, bool)> {
    let mut all: Vec<(f32, bool)> =
        probabilities.iter().zip(targets).map(|(p, t)| (p[label], there(t[label]))).collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all
}

/// `Σ (R_n - R_{n-1}) P_n` over the probabilities from the highest, equal ones at once: as
/// scikit-learn has it, without interpolation.
fn average_precision(sorted: &[(f32, bool)]) -> Option<f64> {
    let all = sorted.iter().filter(|(_, there)| *there).count();
    let (mut hits, mut taken, mut area) = (0, 0, 0.0);
    for equal in sorted.chunk_by(|a, b| a.0 == b.0) {
        let found = equal.iter().filter(|(_, there)| *there).count();
        (hits, taken) = (hits + found, taken + equal.len());
        area += share(found, all) * share(hits, taken);
    }
    (all > 0).then_some(area)
}

fn best_threshold(sorted: &[(f32, bool)]) -> f32 {
    let all = sorted.iter().filter(|(_, there)| *there).count();
    let (mut hits, mut taken) = (0, 0);
    let (mut best, mut threshold) = (0.0, 0.5);
    for equal in sorted.chunk_by(|a, b| a.0 == b.0) {
        hits += equal.iter().filter(|(_, there)| *there).count();
        taken += equal.len();
        let f1 = Counts { hits, false_alarms: taken - hits, misses: all - hits }.f1();
        if f1 > best {
            let below = sorted.get(taken).map_or(0.0, |(p, _)| *p);
            let middle = 0.5 * (equal[0].0 + below);
            // Where no number lies between both the upper one still tells them apart.
            (best, threshold) = (f1, if middle > below { middle } else { equal[0].0 });
        }
    }
    threshold
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Golden {
        probabilities: Vec<Vec<f32>>,
        targets: Vec<Vec<f32>>,
        thresholds: Vec<f32>,
        average_precision: Vec<f64>,
        map: f64,
        precision: Vec<f64>,
        recall: Vec<f64>,
        f1: Vec<f64>,
        macro_f1: f64,
        micro_f1: f64,
        hamming_loss: f64,
        exact_match: f64,
        best_f1: Vec<f64>,
    }

    #[test]
    fn scores_are_those_of_scikit_learn() {
        let golden: Golden = serde_json::from_str(include_str!("../../tests/golden/labels.json")).unwrap();
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        let found = label_scores(&golden.probabilities, &golden.targets, &golden.thresholds);
        for (i, score) in found.labels.iter().enumerate() {
            assert!(near(score.average_precision.unwrap(), golden.average_precision[i]), "{i}: {score:?}");
            assert!(near(score.precision, golden.precision[i]) && near(score.recall, golden.recall[i]), "{score:?}");
            assert!(near(score.f1, golden.f1[i]), "{score:?}");
        }
        let got = [found.map, found.macro_f1, found.micro_f1, found.hamming_loss, found.exact_match];
        let wanted = [golden.map, golden.macro_f1, golden.micro_f1, golden.hamming_loss, golden.exact_match];
        assert!(got.iter().zip(wanted).all(|(a, b)| near(*a, b)), "{got:?} {wanted:?}");
        // No threshold has a higher F1: scikit-learn has tried all.
        let best = best_thresholds(&golden.probabilities, &golden.targets);
        let at_best = label_scores(&golden.probabilities, &golden.targets, &best);
        assert!(at_best.labels.iter().zip(golden.best_f1).all(|(score, best)| near(score.f1, best)), "{at_best:?}");
    }

    #[test]
    fn thresholds_lie_between_pictures() {
        let rows = |of: &[f32]| of.iter().map(|p| vec![*p]).collect::<Vec<_>>();
        let best = |p: &[f32], t: &[f32]| best_thresholds(&rows(p), &rows(t))[0];
        assert_eq!(best(&[0.9, 0.8, 0.2], &[1.0, 1.0, 0.0]), 0.5);
        assert_eq!(best(&[0.04, 0.02, 0.01], &[1.0, 0.0, 0.0]), 0.03);
        // All have it: from half of the lowest on.
        assert_eq!(best(&[0.5, 0.25], &[1.0, 1.0]), 0.125);
        assert_eq!(best(&[0.9, 0.1], &[0.0, 0.0]), 0.5);
        // Equal probabilities cannot be told apart.
        assert_eq!(best(&[0.6, 0.6, 0.2], &[1.0, 0.0, 0.0]), 0.4);
        assert!(best_thresholds(&[], &[]).is_empty());
    }

    #[test]
    fn a_label_that_no_picture_has_counts_for_nothing() {
        let (p, t) = (vec![vec![0.9, 0.4], vec![0.2, 0.6]], vec![vec![1.0, 0.0], vec![0.0, 0.0]]);
        let found = label_scores(&p, &t, &[0.5, 0.5]);
        assert_eq!((found.map, found.macro_f1, found.labels[1].average_precision), (1.0, 1.0, None));
        assert_eq!((found.hamming_loss, found.exact_match), (0.25, 0.5));
        assert_eq!(label_scores(&[], &[], &[0.5]).map, 0.0);
    }
}
