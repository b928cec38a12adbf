//! The loss along a direction.

use crate::engine::vector::{add_scaled, dot, max_norm};
use crate::error::OptimError;
use crate::second_order::objective::{Objective, Point};

/// The most points that one line search looks at.
const MOST_TRIALS: u64 = 25;

/// The loss along a direction, from a point on.
pub(crate) struct Ray<'r, 'o> {
    objective: &'r mut Objective<'o>,
    from: &'r Point,
    direction: &'r [f64],
    /// *φ'*(0).
    pub(crate) slope: f64,
    trials_left: u64,
}

impl<'r, 'o> Ray<'r, 'o> {
    /// `evaluations_left` is how often the loss may still be computed, if that is limited.
    pub(crate) fn new(
        objective: &'r mut Objective<'o>,
        from: &'r Point,
        direction: &'r [f64],
        evaluations_left: Option<u64>,
    ) -> Self {
        let slope = dot(&from.gradient, direction);
        let trials_left = evaluations_left.map_or(MOST_TRIALS, |left| left.min(MOST_TRIALS));
        Self { objective, from, direction, slope, trials_left }
    }

    /// *φ*(0).
    pub(crate) fn start(&self) -> Trial {
        Trial { t: 0.0, loss: self.from.loss, slope: self.slope, point: None }
    }

    /// *φ*(*t*), unless there have been trials enough.
    pub(crate) fn at(&mut self, t: f64) -> Result<Option<Trial>, OptimError> {
        let Some(left) = self.trials_left.checked_sub(1) else {
            return Ok(None);
        };
        self.trials_left = left;
        let mut x = self.from.x.clone();
        add_scaled(&mut x, t, self.direction);
        let point = self.objective.evaluate(x)?;
        let slope = dot(&point.gradient, self.direction);
        Ok(Some(Trial { t, loss: point.loss, slope, point: Some(point) }))
    }

    /// The condition of sufficient decrease, which a NaN fails.
    pub(crate) fn falls_enough(&self, trial: &Trial, c1: f64) -> bool {
        trial.loss <= self.from.loss + c1 * trial.t * self.slope
    }

    /// Whether two points of the ray are the same in float64.
    pub(crate) fn coincide(&self, a: f64, b: f64) -> bool {
        (a - b).abs() * max_norm(self.direction) <= f64::EPSILON * max_norm(&self.from.x)
    }
}

/// A point on a ray.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) t: f64,
    /// *φ*(*t*), NaN where it is not finite.
    pub(crate) loss: f64,
    /// *φ'*(*t*).
    pub(crate) slope: f64,
    /// Nothing at the start of the ray.
    point: Option<Point>,
}

impl Trial {
    /// A point of which nothing but this is known.
    #[cfg(test)]
    pub(crate) fn new(t: f64, loss: f64, slope: f64) -> Self {
        Self { t, loss, slope, point: None }
    }

    /// What the search ends with: nothing when it came back to the start.
    pub(crate) fn found(self) -> Option<Found> {
        self.point.map(|point| Found { t: self.t, point })
    }
}

/// The outcome of a line search.
pub(crate) struct Found {
    pub(crate) t: f64,
    pub(crate) point: Point,
}
