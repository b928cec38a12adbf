//! Several networks as one.

use taper_tensor::Rng;

use crate::evaluate::Evaluation;
use crate::evaluate::error::EvaluateError;
use crate::evaluate::views::Mean;
use crate::objective::Objective;

/// What several networks say of the same pictures, averaged: the mean of their probabilities, or
/// the probabilities that belong to the mean of their logits; the mean of their numbers either way.
/// With several labels their thresholds are averaged too.
///
/// # Errors
/// When there is none, or they were not asked about the same pictures.
///
/// # References
/// L. Hansen, P. Salamon, *Neural Network Ensembles*, 1990. B. Lakshminarayanan, A. Pritzel, C.
/// Blundell, *Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles*, 2017.
pub fn average(members: &[&Evaluation], mean: Mean) -> Result<Evaluation, EvaluateError> {
    let Some(first) = members.first() else { return Err(EvaluateError::NoMembers) };
    if members.iter().any(|m| m.labels != first.labels || m.targets != first.targets) {
        return Err(EvaluateError::OtherPictures);
    }
    let objectives: Vec<&Objective> = members.iter().map(|member| &member.objective).collect();
    let objective = Objective::together(&objectives).ok_or(EvaluateError::OtherLabels)?;
    let mut averaged = Evaluation::of(&objective);
    for i in 0..first.labels.len() {
        let mut sums = vec![0.0; first.probabilities[i].len()];
        for member in members {
            let answer: Vec<f64> = member.probabilities[i].iter().map(|&answer| f64::from(answer)).collect();
            let summand = match mean {
                Mean::Probabilities => answer,
                Mean::Logits => objective.said_by(&answer),
            };
            sums.iter_mut().zip(summand).for_each(|(sum, summand)| *sum += summand);
        }
        averaged.add_rows(&[mean.of_sum(&objective, sums, members.len())], [first.truth(i)]);
    }
    averaged.took = members.iter().map(|member| member.took).sum();
    averaged.finish();
    Ok(averaged)
}

/// The pictures of these numbers alone.
pub fn part(evaluation: &Evaluation, numbers: &[usize]) -> Evaluation {
    let mut part = Evaluation { took: evaluation.took, ..Evaluation::of(&evaluation.objective) };
    for &i in numbers {
        let answer: Vec<f64> = evaluation.probabilities[i].iter().map(|&p| f64::from(p)).collect();
        part.add_rows(&[evaluation.objective.said_by(&answer)], [evaluation.truth(i)]);
    }
    part.finish();
    part
}

/// Two halves of so many pictures, drawn by a fixed key: one to choose by, one to test with.
pub fn halves(pictures: usize) -> [Vec<usize>; 2] {
    let mut order: Vec<usize> = (0..pictures).collect();
    Rng::new(0).fork("ensemble").shuffle(&mut order);
    let mut second = order.split_off(pictures / 2);
    order.sort_unstable();
    second.sort_unstable();
    [order, second]
}

/// The members that lower the loss of the average, one after the other: the best first, then
/// whichever helps the most, until none does. Their numbers in this order.
///
/// # Errors
/// As [`average`].
///
/// # References
/// R. Caruana, A. Niculescu-Mizil, G. Crew, A. Ksikes, *Ensemble Selection from Libraries of
/// Models*, 2004 (here without taking a member twice).
pub fn greedy(members: &[Evaluation], mean: Mean) -> Result<Vec<usize>, EvaluateError> {
    let (mut chosen, mut lowest) = (Vec::new(), f64::INFINITY);
    loop {
        let mut best = None;
        for i in (0..members.len()).filter(|i| !chosen.contains(i)) {
            let with: Vec<&Evaluation> = chosen.iter().chain([&i]).map(|&i: &usize| &members[i]).collect();
            let loss = average(&with, mean)?.loss;
            if loss < lowest {
                (lowest, best) = (loss, Some(i));
            }
        }
        match best {
            Some(i) => chosen.push(i),
            None => return Ok(chosen),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(rows: &[[f32; 2]], labels: &[usize]) -> Evaluation {
        Evaluation {
            probabilities: rows.iter().map(|row| row.to_vec()).collect(),
            labels: labels.to_vec(),
            ..Evaluation::default()
        }
    }

    #[test]
    fn averages_by_hand() -> Result<(), Box<dyn std::error::Error>> {
        let (a, b) = (member(&[[0.9, 0.1]], &[0]), member(&[[0.5, 0.5]], &[0]));
        let of = |mean| average(&[&a, &b], mean).map(|e| (e.probabilities[0][0], e.loss));
        let (p, loss) = of(Mean::Probabilities)?;
        assert!((p - 0.7).abs() < 1e-6 && (loss + 0.7f64.ln()).abs() < 1e-6);
        // √(0.9 · 0.5) : √(0.1 · 0.5) = 3 : 1
        assert!((of(Mean::Logits)?.0 - 0.75).abs() < 1e-6);
        assert!(average(&[], Mean::Logits).is_err());
        assert!(average(&[&a, &member(&[[0.9, 0.1]], &[1])], Mean::Logits).is_err());
        Ok(())
    }

    #[test]
    fn what_helps_is_chosen_and_what_hurts_is_not() -> Result<(), Box<dyn std::error::Error>> {
        let labels = [0, 0, 1, 1];
        let sure = |right: [f32; 4]| {
            let rows: Vec<[f32; 2]> =
                right.iter().zip(labels).map(|(&p, l)| if l == 0 { [p, 1.0 - p] } else { [1.0 - p, p] }).collect();
            member(&rows, &labels)
        };
        // Two that err on different pictures, and one that is always wrong.
        let members = [sure([0.1, 0.1, 0.1, 0.1]), sure([0.9, 0.9, 0.9, 0.3]), sure([0.8, 0.2, 0.8, 0.9])];
        assert_eq!(greedy(&members, Mean::Probabilities)?, [1, 2]);
        let [a, b] = halves(5);
        assert_eq!((a.len(), b.len(), part(&members[1], &[3]).labels.clone()), (2, 3, vec![1]));
        assert!(a.iter().chain(&b).all(|&i| i < 5) && a.iter().all(|i| !b.contains(i)));
        Ok(())
    }
}
