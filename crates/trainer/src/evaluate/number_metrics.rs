//! How good answers are that are numbers.

use serde::Serialize;

/// How far answers are from a number, in its unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct NumberScore {
    /// The mean of the distances.
    pub mae: f64,
    /// The root of the mean of their squares.
    pub rmse: f64,
    /// The share of the variance of the number that the answers explain: 1 where all are right, 0
    /// where they are no better than the mean, and less where they are worse. Of a number that is
    /// the same everywhere 1 or 0, as in scikit-learn.
    pub r2: f64,
}

/// The scores of answers, a row a picture, by number.
pub fn number_scores(answers: &[Vec<f32>], targets: &[Vec<f32>]) -> Vec<NumberScore> {
    let numbers = targets.first().map_or(0, Vec::len);
    let n = targets.len() as f64;
    let score = |number: usize| {
        let pairs = || answers.iter().zip(targets).map(|(y, t)| (f64::from(y[number]), f64::from(t[number])));
        let mean = pairs().map(|(_, t)| t).sum::<f64>() / n;
        let squares: f64 = pairs().map(|(y, t)| (y - t).powi(2)).sum();
        let spread: f64 = pairs().map(|(_, t)| (t - mean).powi(2)).sum();
        let r2 = match (squares > 0.0, spread > 0.0) {
            (_, true) => 1.0 - squares / spread,
            (true, false) => 0.0,
            (false, false) => 1.0,
        };
        NumberScore { mae: pairs().map(|(y, t)| (y - t).abs()).sum::<f64>() / n, rmse: (squares / n).sqrt(), r2 }
    };
    (0..numbers).map(score).collect()
}

/// The mean of the scores, each number weighing alike; without any, all is 0.
pub fn mean_number_score(scores: &[NumberScore]) -> NumberScore {
    let mean = |value: fn(&NumberScore) -> f64| scores.iter().map(value).sum::<f64>() / scores.len().max(1) as f64;
    NumberScore { mae: mean(|score| score.mae), rmse: mean(|score| score.rmse), r2: mean(|score| score.r2) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Golden {
        answers: Vec<Vec<f32>>,
        targets: Vec<Vec<f32>>,
        mae: Vec<f64>,
        rmse: Vec<f64>,
        r2: Vec<f64>,
        mean_r2: f64,
    }

    #[test]
    fn scores_are_those_of_scikit_learn() {
        let golden: Golden = serde_json::from_str(include_str!("../../tests/golden/numbers.json")).unwrap();
        let found = number_scores(&golden.answers, &golden.targets);
        for (i, score) in found.iter().enumerate() {
            let (got, wanted) = ([score.mae, score.rmse, score.r2], [golden.mae[i], golden.rmse[i], golden.r2[i]]);
            assert!(got.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-9 * b.abs().max(1.0)), "{got:?} {wanted:?}");
        }
        assert!((mean_number_score(&found).r2 - golden.mean_r2).abs() < 1e-9);
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn of_equal_numbers_all_or_nothing_is_explained() {
        let rows = |of: [f32; 2]| of.map(|value| vec![value]).to_vec();
        let r2 = |answers| number_scores(&rows(answers), &rows([2.0, 2.0]))[0].r2;
        assert_eq!((r2([2.0, 2.0]), r2([2.0, 2.5])), (1.0, 0.0));
        assert!(number_scores(&[], &[]).is_empty() && mean_number_score(&[]).r2 == 0.0);
    }
}
