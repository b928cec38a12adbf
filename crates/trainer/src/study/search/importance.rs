//! Which settings mattered.

use super::order::{Scores, Trial};
use super::range::Range;
use super::space::Space;

/// How much one setting says of the result by itself.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Importance {
    /// The place in the recipe.
    pub place: String,
    /// The share of the variance of the accuracy that it explains alone: a parabola over the range
    /// of a number, the mean of each value of a choice; adjusted for how many numbers such a curve
    /// has, and 0 where that leaves less than nothing.
    pub explains: f64,
    /// Where the best trial lies when it lies at an end of the range: 0 or 1.
    pub edge: Option<u8>,
}

/// The importance of every setting over those trials that were trained alike and are the most.
pub fn importance(space: &Space, scores: &Scores) -> Vec<Importance> {
    let alike = alike(space, scores);
    let settings: Vec<_> = alike.iter().map(|trial| space.settings_of(*trial, scores)).collect();
    let ys: Vec<f64> = alike.iter().map(|trial| scores[trial].accuracy).collect();
    let best = space.best(scores).map(|trial| space.settings_of(trial, scores));
    let of = |(place, range): (&String, &Range)| {
        let xs: Vec<f64> = settings.iter().map(|one| range.share(&one[place])).collect();
        let explained = match range {
            Range::Choice(_) => by_groups(&xs, &ys),
            _ => by_parabola(&xs, &ys),
        };
        let numeric = !matches!(range, Range::Choice(_));
        let share = best.as_ref().filter(|_| numeric).map(|best| range.share(&best[place]));
        let edge = share.and_then(|share| match share {
            share if share < 0.05 => Some(0),
            share if share > 0.95 => Some(1),
            _ => None,
        });
        Importance { place: place.clone(), explains: explained.max(0.0), edge }
    };
    space.space.iter().map(of).collect()
}

/// The trials of that rung or stage that has the most.
pub fn alike(space: &Space, scores: &Scores) -> Vec<Trial> {
    let of = |depth: usize| scores.keys().filter(|trial| space.depth(trial) == depth).copied().collect::<Vec<_>>();
    let depths = scores.keys().map(|trial| space.depth(trial)).max().map_or(0, |last| last + 1);
    (0..depths).map(of).rev().max_by_key(Vec::len).unwrap_or_default()
}

/// 1 - (residual variance) / (variance), both by their degrees of freedom.
fn adjusted(residual: f64, total: f64, n: usize, parameters: usize) -> f64 {
    if n <= parameters || total <= 0.0 {
        return 0.0;
    }
    1.0 - (residual / (n - parameters) as f64) / (total / (n - 1) as f64)
}

fn variation(ys: &[f64]) -> f64 {
    let mean = ys.iter().sum::<f64>() / ys.len().max(1) as f64;
    ys.iter().map(|y| (y - mean).powi(2)).sum()
}

fn by_groups(xs: &[f64], ys: &[f64]) -> f64 {
    let mut groups: Vec<(f64, Vec<f64>)> = Vec::new();
    for (x, y) in xs.iter().zip(ys) {
        match groups.iter_mut().find(|(other, _)| other == x) {
            Some((_, group)) => group.push(*y),
            None => groups.push((*x, vec![*y])),
        }
    }
    let within = groups.iter().map(|(_, group)| variation(group)).sum();
    adjusted(within, variation(ys), ys.len(), groups.len())
}

/// By least squares over 1, x, x²: Gram-Schmidt, since the three are nearly dependent over a short
/// range.
fn by_parabola(xs: &[f64], ys: &[f64]) -> f64 {
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let mut rest = ys.to_vec();
    for power in 0..3 {
        let mut column: Vec<f64> = xs.iter().map(|x| x.powi(power)).collect();
        for _ in 0..2 {
            for earlier in &basis {
                subtract(&mut column, earlier);
            }
        }
        let length = dot(&column, &column).sqrt();
        if length < 1e-9 {
            continue;
        }
        column.iter_mut().for_each(|value| *value /= length);
        subtract(&mut rest, &column);
        basis.push(column);
    }
    adjusted(dot(&rest, &rest), variation(ys), ys.len(), basis.len())
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Takes from `values` their part along a vector of length 1.
fn subtract(values: &mut [f64], unit: &[f64]) {
    let along = dot(values, unit);
    values.iter_mut().zip(unit).for_each(|(value, unit)| *value -= along * unit);
}

#[cfg(test)]
mod tests {
    use taper_tensor::Rng;

    use super::super::order::Score;
    use super::*;

    #[test]
    fn what_matters_is_told_from_what_does_not() {
        let text = "trials = 60\n[space]\n\"a\" = { log = [1e-4, 1.0] }\n\"b\" = { uniform = [0, 1] }\n\"c\" = { choice = [1, 2] }\n";
        let space = Space::parse(text, "s".as_ref()).unwrap();
        let mut rng = Rng::new(5);
        let mut scores = Scores::new();
        for number in 0..60 {
            let settings = space.settings(number);
            let x = space.space["a"].share(&settings["a"]);
            let accuracy = 0.9 - (x - 0.4).powi(2) + 0.02 * rng.normal();
            scores.insert(Trial { number, rung: 0 }, Score { accuracy, loss: 1.0 });
        }
        let all = importance(&space, &scores);
        assert!(all[0].explains > 0.8 && all[1].explains < 0.15 && all[2].explains < 0.15, "{all:?}");
        assert!(all[0].edge.is_none());
        // The best at the end of its range.
        for (trial, score) in &mut scores {
            score.accuracy = space.space["a"].share(&space.settings(trial.number)["a"]);
        }
        assert_eq!(importance(&space, &scores)[0].edge, Some(1));
    }

    #[test]
    fn a_parabola_is_explained_whole_and_groups_by_their_means() {
        let xs: Vec<f64> = (0..8).map(f64::from).collect();
        let ys: Vec<f64> = xs.iter().map(|x| 3.0 - 2.0 * x + 0.5 * x * x).collect();
        assert!((by_parabola(&xs, &ys) - 1.0).abs() < 1e-12);
        assert_eq!(by_parabola(&[1.0; 4], &[1.0, 2.0, 3.0, 4.0]), 0.0);
        // By hand: total 4 of 4 values, within 0.04; 1 - (0.04/2)/(4.04/3)
        let got = by_groups(&[0.25, 0.25, 0.75, 0.75], &[0.9, 1.1, 2.9, 3.1]);
        assert!((got - (1.0 - 0.02 / (4.04 / 3.0))).abs() < 1e-12, "{got}");
    }
}
