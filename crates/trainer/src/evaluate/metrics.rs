//! What probabilities and labels say beside the accuracy.

use crate::evaluate::{Evaluation, ranked};

/// Bins of [`Reliability`], of one width, as in the paper.
pub const BINS: usize = 15;

/// How good the answers for a class are. A share of nothing is 0, as in scikit-learn.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct ClassScore {
    /// Pictures of the class.
    pub pictures: usize,
    /// Of those taken for it the share that are of it.
    pub precision: f64,
    /// Of those that are of it the share taken for it.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1: f64,
    /// Probability that a picture of it gets a higher probability for it than one that is not, ties
    /// counting half: the area under the receiver's curve, one class against the rest. None without
    /// pictures on both sides.
    pub auc: Option<f64>,
}

/// The scores of every class.
pub fn class_scores(evaluation: &Evaluation) -> Vec<ClassScore> {
    let confusion = evaluation.confusion();
    let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
    let score = |class: usize| {
        let (pictures, hits) = (confusion[class].iter().sum(), confusion[class][class]);
        let (precision, recall) = (share(hits, confusion.iter().map(|row| row[class]).sum()), share(hits, pictures));
        let both = precision + recall;
        let f1 = if both > 0.0 { 2.0 * precision * recall / both } else { 0.0 };
        ClassScore { pictures, precision, recall, f1, auc: auc(evaluation, class) }
    };
    (0..confusion.len()).map(score).collect()
}

/// The mean of the scores over the classes that have pictures, each weighing alike (macro average),
/// with the pictures of all. Its recall is the balanced accuracy. Classes without pictures count
/// for nothing; with none that has any, all is 0.
pub fn mean_score(scores: &[ClassScore]) -> ClassScore {
    let seen: Vec<&ClassScore> = scores.iter().filter(|score| score.pictures > 0).collect();
    let mean =
        |value: fn(&ClassScore) -> f64| seen.iter().map(|score| value(score)).sum::<f64>() / seen.len().max(1) as f64;
    let known: Vec<f64> = seen.iter().filter_map(|score| score.auc).collect();
    ClassScore {
        pictures: seen.iter().map(|score| score.pictures).sum(),
        precision: mean(|score| score.precision),
        recall: mean(|score| score.recall),
        f1: mean(|score| score.f1),
        auc: (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64),
    }
}

/// By the ranks of the probabilities (H. Mann, D. Whitney, 1947).
fn auc(evaluation: &Evaluation, class: usize) -> Option<f64> {
    let mut scores: Vec<(f32, bool)> = evaluation
        .probabilities
        .iter()
        .zip(&evaluation.labels)
        .map(|(row, label)| (row[class], *label == class))
        .collect();
    scores.sort_by(|a, b| a.0.total_cmp(&b.0));
    let inside = scores.iter().filter(|(_, inside)| *inside).count() as f64;
    let outside = scores.len() as f64 - inside;
    let mut ranks = 0.0;
    let mut below = 0;
    for tied in scores.chunk_by(|a, b| a.0 == b.0) {
        let rank = below as f64 + (tied.len() + 1) as f64 / 2.0;
        ranks += rank * tied.iter().filter(|(_, inside)| *inside).count() as f64;
        below += tied.len();
    }
    (inside > 0.0 && outside > 0.0).then(|| (ranks - inside * (inside + 1.0) / 2.0) / (inside * outside))
}

/// Share of pictures whose class is among the `k` most probable ones, fraction.
pub fn top(evaluation: &Evaluation, k: usize) -> f64 {
    let pairs = evaluation.probabilities.iter().zip(&evaluation.labels);
    let hits = pairs.filter(|(row, label)| ranked(row).iter().take(k).any(|class| class == *label)).count();
    hits as f64 / evaluation.labels.len().max(1) as f64
}

/// The 95 % interval of a share that was found on so many pictures, both fractions (Wilson's score
/// interval):
///
/// ```text
/// (p + z²/2n ± z √(p(1 - p)/n + z²/4n²)) / (1 + z²/n),   z = 1.96
/// ```
///
/// with *p* = `share` and *n* = `pictures`. It stays within 0 and 1, and has a width where all or
/// none are right: 20 of 20 is 0.839 to 1. Of no pictures nothing is known: 0 to 1.
///
/// # References
/// E. Wilson, *Probable Inference, the Law of Succession, and Statistical Inference*, 1927. L.
/// Brown, T. Cai, A. DasGupta, *Interval Estimation for a Binomial Proportion*, 2001.
pub fn interval(share: f64, pictures: usize) -> [f64; 2] {
    const Z: f64 = 1.959_963_984_540_054;
    if pictures == 0 {
        return [0.0, 1.0];
    }
    let n = pictures as f64;
    let middle = share + Z * Z / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    // At 0 and 1 rounding could lead past them.
    [middle - half, middle + half].map(|end| (end / (1.0 + Z * Z / n)).clamp(0.0, 1.0))
}

/// Whether a network that says 80 % is right in 80 of 100.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Reliability {
    /// Of the pictures whose answer has a probability in each of [`BINS`] bins: how many, their
    /// mean probability, the share that are right.
    pub bins: Vec<(usize, f64, f64)>,
    /// The mean of the differences of both over the pictures: the expected calibration error.
    pub error: f64,
}

/// The reliability of answers (C. Guo, G. Pleiss, Y. Sun, K. Weinberger, *On Calibration of Modern
/// Neural Networks*, 2017). A bin holds its upper end.
pub fn reliability(evaluation: &Evaluation) -> Reliability {
    let mut sums = vec![(0usize, 0.0, 0.0); BINS];
    for (row, (answer, label)) in
        evaluation.probabilities.iter().zip(evaluation.predictions().iter().zip(&evaluation.labels))
    {
        let confidence = f64::from(row[*answer]);
        let bin = ((confidence * BINS as f64).ceil() as usize).clamp(1, BINS) - 1;
        sums[bin].0 += 1;
        sums[bin].1 += confidence;
        sums[bin].2 += f64::from(answer == label);
    }
    let all = evaluation.labels.len().max(1) as f64;
    let error = sums.iter().map(|(_, confidence, right)| (confidence - right).abs()).sum::<f64>() / all;
    let mean = |(count, confidence, right): (usize, f64, f64)| {
        let n = count.max(1) as f64;
        (count, confidence / n, right / n)
    };
    Reliability { bins: sums.into_iter().map(mean).collect(), error }
}

/// The probabilities with their logits divided by `temperature`: softer above 1, surer below; the
/// answers stay.
pub fn tempered(evaluation: &Evaluation, temperature: f64) -> Evaluation {
    let objective = &evaluation.objective;
    let mut tempered = Evaluation::of(objective);
    for (i, row) in evaluation.probabilities.iter().enumerate() {
        let said = objective.said_by(&row.iter().map(|&p| f64::from(p)).collect::<Vec<_>>());
        let said = objective.summed_to_one(said.into_iter().map(|said| said / temperature).collect());
        tempered.add_rows(&[said], [evaluation.truth(i)]);
    }
    tempered.finish();
    tempered
}

/// The temperature from 1/20 to 20 with the lowest loss, by golden section over its logarithm: the
/// loss has one valley. Fitted on the pictures that it is then measured on it flatters; take it
/// from validation pictures to others.
pub fn temperature(evaluation: &Evaluation) -> f64 {
    let (ratio, mut ends) = (0.5 * (5f64.sqrt() - 1.0), [-(20f64.ln()), 20f64.ln()]);
    let loss = |log: f64| tempered(evaluation, log.exp()).loss;
    let inner = |ends: [f64; 2]| [ends[1] - ratio * (ends[1] - ends[0]), ends[0] + ratio * (ends[1] - ends[0])];
    let mut at = inner(ends);
    let mut losses = at.map(loss);
    while ends[1] - ends[0] > 1e-4 {
        let left = losses[0] < losses[1];
        ends = if left { [ends[0], at[1]] } else { [at[0], ends[1]] };
        at = inner(ends);
        losses = if left { [loss(at[0]), losses[0]] } else { [losses[1], loss(at[1])] };
    }
    (0.5 * (ends[0] + ends[1])).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Golden {
        probabilities: Vec<Vec<f32>>,
        labels: Vec<usize>,
        precision: Vec<f64>,
        recall: Vec<f64>,
        f1: Vec<f64>,
        auc: Vec<f64>,
        top2: f64,
        calibration_error: f64,
        log_loss: f64,
        temperature: f64,
        tempered_loss: f64,
        without_last_class: [f64; 4],
    }

    fn golden() -> (Golden, Evaluation) {
        let text = include_str!("../../tests/golden/metrics.json");
        let golden: Golden = serde_json::from_str(text).unwrap();
        let (probabilities, labels) = (golden.probabilities.clone(), golden.labels.clone());
        (golden, Evaluation { probabilities, labels, ..Evaluation::default() })
    }

    #[test]
    fn scores_are_those_of_scikit_learn() {
        let (golden, evaluation) = golden();
        let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
        for (class, score) in class_scores(&evaluation).iter().enumerate() {
            let wanted = [golden.precision[class], golden.recall[class], golden.f1[class], golden.auc[class]];
            let got = [score.precision, score.recall, score.f1, score.auc.unwrap()];
            assert!(got.iter().zip(wanted).all(|(got, wanted)| near(*got, wanted)), "{class}: {got:?} {wanted:?}");
        }
        assert!(near(top(&evaluation, 2), golden.top2) && near(top(&evaluation, 99), 1.0));
        assert!(near(reliability(&evaluation).error, golden.calibration_error));
        assert!(near(tempered(&evaluation, 1.0).loss, golden.log_loss));
        let best = temperature(&evaluation);
        assert!((best / golden.temperature - 1.0).abs() < 1e-3, "{best} {}", golden.temperature);
        assert!(near(tempered(&evaluation, best).loss, golden.tempered_loss));
        assert_eq!(tempered(&evaluation, best).predictions(), evaluation.predictions());
    }

    #[test]
    fn classes_without_pictures_count_for_nothing_as_in_scikit_learn() {
        let (golden, all) = golden();
        let kept: Vec<usize> = (0..all.labels.len()).filter(|&i| all.labels[i] != 3).collect();
        let few = Evaluation {
            probabilities: kept.iter().map(|&i| all.probabilities[i].clone()).collect(),
            labels: kept.iter().map(|&i| all.labels[i]).collect(),
            ..Evaluation::default()
        };
        let scores = class_scores(&few);
        let mean = mean_score(&scores);
        let got = [mean.precision, mean.recall, mean.f1, few.accuracy()];
        assert!(got.iter().zip(golden.without_last_class).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?}");
        assert_eq!((mean.pictures, scores[3].pictures, scores[3].auc), (kept.len(), 0, None));
        assert!(few.predictions().contains(&3));
        assert_eq!(mean_score(&[]), ClassScore::default());
    }

    #[test]
    fn a_class_without_pictures_has_scores() {
        let (probabilities, labels) = (vec![vec![0.9, 0.1], vec![0.8, 0.2]], vec![0, 0]);
        let scores = class_scores(&Evaluation { probabilities, labels, ..Evaluation::default() });
        assert_eq!(scores[0], ClassScore { pictures: 2, precision: 1.0, recall: 1.0, f1: 1.0, auc: None });
        assert_eq!(scores[1], ClassScore::default());
    }

    #[test]
    fn an_interval_is_that_of_scipy_and_never_without_width() {
        let rows: Vec<(usize, usize, [f64; 2])> =
            serde_json::from_str(include_str!("../../tests/golden/intervals.json")).unwrap();
        assert!(rows.len() > 20);
        for (right, pictures, wanted) in rows {
            let got = interval(right as f64 / pictures as f64, pictures);
            assert!(
                got.iter().zip(wanted).all(|(got, wanted)| (got - wanted).abs() < 1e-12),
                "{right} {pictures} {got:?}"
            );
            assert!(0.0 <= got[0] && got[0] < got[1] && got[1] <= 1.0);
        }
        assert_eq!(interval(0.0, 0), [0.0, 1.0]);
    }
}
