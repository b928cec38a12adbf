//! The line search for both Wolfe conditions.

use std::mem;

use crate::error::OptimError;
use crate::second_order::ray::{Found, Ray, Trial};

/// Goes out until a minimum of *φ* lies between two trials, then closes in on it.
pub(crate) fn search(ray: &mut Ray<'_, '_>, first: f64, c1: f64, c2: f64) -> Result<Option<Found>, OptimError> {
    // The trial with the lowest loss of those that fall enough, at first the start itself.
    let mut low = ray.start();
    let mut t = first;
    let high = loop {
        let Some(trial) = ray.at(t)? else {
            return Ok(low.found());
        };
        if !ray.falls_enough(&trial, c1) || trial.loss >= low.loss {
            break trial;
        }
        if trial.slope.abs() <= -c2 * ray.slope {
            return Ok(trial.found());
        }
        if trial.slope >= 0.0 {
            break mem::replace(&mut low, trial);
        }
        t = beyond(&low, &trial);
        low = trial;
    };
    close_in(ray, low, high, c1, c2)
}

/// Shrinks the interval between `low` and `high`, on whichever side of each other they lie: `low`
/// falls enough and has the lowest loss of all trials that do, and toward `high` the loss falls
/// from it.
fn close_in(
    ray: &mut Ray<'_, '_>,
    mut low: Trial,
    mut high: Trial,
    c1: f64,
    c2: f64,
) -> Result<Option<Found>, OptimError> {
    let mut halve = false;
    while !ray.coincide(low.t, high.t) {
        let width = (high.t - low.t).abs();
        let Some(trial) = ray.at(between(&low, &high, halve))? else {
            break;
        };
        if !ray.falls_enough(&trial, c1) || trial.loss >= low.loss {
            high = trial;
        } else {
            if trial.slope.abs() <= -c2 * ray.slope {
                return Ok(trial.found());
            }
            if trial.slope * (high.t - low.t) >= 0.0 {
                high = low;
            }
            low = trial;
        }
        // An interpolation that hardly helps may go on hardly helping.
        halve = (high.t - low.t).abs() > 0.7 * width;
    }
    Ok(low.found())
}

/// The next trial behind `far`, from which the loss still falls: where the cubic has its minimum,
/// but at least a tenth of the last stride further and at most nine.
fn beyond(near: &Trial, far: &Trial) -> f64 {
    let stride = far.t - near.t;
    let (least, most) = (far.t + 0.1 * stride, far.t + 9.0 * stride);
    cubic_minimum(near, far).map_or(most, |t| t.clamp(least, most))
}

/// The next trial between the two: where the cubic has its minimum, but at least a tenth of the
/// interval away from either end; the middle when there is none or `halve` asks for it.
fn between(low: &Trial, high: &Trial, halve: bool) -> f64 {
    let middle = 0.5 * (low.t + high.t);
    let Some(t) = cubic_minimum(low, high).filter(|_| !halve) else {
        return middle;
    };
    let margin = 0.1 * (high.t - low.t).abs();
    t.clamp(low.t.min(high.t) + margin, low.t.max(high.t) - margin)
}

/// The local minimum of the cubic with the losses and slopes of two trials, wherever it lies.
fn cubic_minimum(a: &Trial, b: &Trial) -> Option<f64> {
    let width = b.t - a.t;
    let bend = a.slope + b.slope - 3.0 * (b.loss - a.loss) / width;
    let root = (bend * bend - a.slope * b.slope).sqrt() * width.signum();
    let t = b.t - width * (b.slope + root - bend) / (b.slope - a.slope + 2.0 * root);
    t.is_finite().then_some(t)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::second_order::objective::{Objective, Point};
    use candle_core::{Device, Tensor, Var};

    /// *φ*(*t*) = *t*³ - 3*t* has its minimum at 1 and its maximum at -1.
    fn on_cubic(t: f64) -> Trial {
        trial(t, t * t * t - 3.0 * t, 3.0 * t * t - 3.0)
    }

    fn trial(t: f64, loss: f64, slope: f64) -> Trial {
        Trial::new(t, loss, slope)
    }

    #[test]
    fn a_cubic_is_minimized_from_any_two_of_its_points() {
        for (a, b) in [(0.0, 2.0), (2.0, 0.0), (0.0, 0.5), (0.5, 0.0), (3.0, 2.0), (-0.5, 10.0)] {
            let t = cubic_minimum(&on_cubic(a), &on_cubic(b)).unwrap();
            assert!((t - 1.0).abs() < 1e-12, "{a}, {b}: {t}");
        }
    }

    #[test]
    fn no_minimum_and_no_value_are_no_trial() {
        let falling = [trial(0.0, 0.0, -1.0), trial(1.0, -1.0, -1.0)];
        assert_eq!(cubic_minimum(&falling[0], &falling[1]), None);
        assert_eq!(beyond(&falling[0], &falling[1]), 10.0);
        let broken = trial(1.0, f64::NAN, f64::NAN);
        assert_eq!(between(&falling[0], &broken, false), 0.5);
    }

    #[test]
    fn a_trial_keeps_its_distance_from_both_ends() {
        let (low, high) = (trial(0.0, 0.0, -1.0), trial(1.0, 1e9, 1e9));
        assert_eq!(between(&low, &high, false), 0.1);
        assert_eq!(between(&low, &high, true), 0.5);
        assert_eq!(beyond(&on_cubic(0.0), &on_cubic(0.99)), 0.99 + 0.1 * 0.99);
    }

    /// Searches from 0 on the loss of one variable; returns where it ended and how many
    /// evaluations that took.
    fn searched(loss: impl Fn(&Tensor) -> candle_core::Result<Tensor>, first: f64, c2: f64) -> (f64, u64) {
        let x = Var::new(&[0f64], &Device::Cpu).unwrap();
        let mut closure = || {
            let loss = loss(&x)?.sum_all()?;
            let grads = loss.backward()?;
            Ok((loss, grads))
        };
        let mut objective = Objective::new(&[("x".to_owned(), x.clone())], &mut closure).unwrap();
        let start: Point = objective.start().unwrap();
        let direction = [-start.gradient[0].signum()];
        let mut ray = Ray::new(&mut objective, &start, &direction, None);
        let found = search(&mut ray, first, 1e-4, c2).unwrap().unwrap();
        (found.point.x[0], objective.evaluations - 1)
    }

    #[test]
    fn a_parabola_takes_one_interpolation_from_either_side() {
        let parabola = |x: &Tensor| (x - 3.0)?.sqr();
        assert_eq!(searched(parabola, 3.0, 0.1), (3.0, 1));
        let (x, evaluations) = searched(parabola, 1.0, 0.1);
        assert!((x - 3.0).abs() < 1e-12 && evaluations == 2, "{x}, {evaluations}");
        let (x, evaluations) = searched(parabola, 5.0, 0.1);
        assert!((x - 3.0).abs() < 1e-12 && evaluations == 2, "{x}, {evaluations}");
    }

    #[test]
    fn both_conditions_hold_where_it_ends() {
        // φ = -t/(t² + 2), the first test function of Moré and Thuente: the minimum is at √2.
        let shallow = |x: &Tensor| -> candle_core::Result<Tensor> { x.neg()? / (x.sqr()? + 2.0)? };
        let value = |t: f64| -t / (t * t + 2.0);
        let slope = |t: f64| (t * t - 2.0) / (t * t + 2.0).powi(2);
        for first in [1e-3, 0.1, 1.0, 10.0, 1e3] {
            for c2 in [1e-3, 0.1, 0.9] {
                let (t, evaluations) = searched(shallow, first, c2);
                assert!(value(t) <= 1e-4 * t * slope(0.0), "{first}, {c2}: {t}");
                assert!(slope(t).abs() <= c2 * slope(0.0).abs(), "{first}, {c2}: {t}");
                assert!(evaluations <= 15, "{first}, {c2}: {evaluations}");
            }
        }
    }

    #[test]
    fn a_point_outside_of_the_domain_shortens_the_step() {
        // The minimum of -t - log(1 - t²) is at √2 - 1; from 1 on there is no logarithm.
        let barrier = |x: &Tensor| -> candle_core::Result<Tensor> { x.neg()? - (1.0 - x.sqr()?)?.log()? };
        for first in [0.999, 1.0, 2.0, 100.0] {
            let (t, _) = searched(barrier, first, 0.01);
            assert!((t - (2f64.sqrt() - 1.0)).abs() < 0.01, "{first}: {t}");
        }
    }
}
