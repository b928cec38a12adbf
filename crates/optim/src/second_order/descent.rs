//! The iteration that the methods of second order share.

use candle_core::Var;

use crate::engine::vector::{difference, max_norm};
use crate::error::OptimError;
use crate::second_order::line_search::LineSearch;
use crate::second_order::minimize::{Iterate, Observer, Outcome, Reason, Stopping};
use crate::second_order::objective::{LossAndGradients, Objective, Point};
use crate::second_order::ray::{Found, Ray};

/// What a method knows of the loss's second derivatives, and the direction that follows from it.
pub(crate) trait Curvature {
    /// *p*, in which the loss falls. The parameters are at `point`, and may be elsewhere after.
    fn direction(&mut self, point: &Point, objective: &mut Objective<'_>) -> Result<Vec<f64>, OptimError>;

    /// The *t* to try first along the direction.
    fn first_trial(&self, gradient: &[f64]) -> f64;

    /// Takes in a step *s* and the change *y* of the gradient along it.
    fn learn(&mut self, s: &[f64], y: &[f64]);

    /// Forgets all steps, and says whether there were any.
    fn forget(&mut self) -> bool;
}

/// Where a descent begins, and who follows it.
pub(crate) struct Task<'a> {
    pub(crate) params: &'a [(String, Var)],
    pub(crate) closure: &'a mut LossAndGradients<'a>,
    pub(crate) observer: &'a mut Observer<'a>,
}

/// Direction, line search, step, until there is a reason to stop.
pub(crate) fn descend(
    curvature: &mut dyn Curvature,
    line_search: LineSearch,
    stopping: Stopping,
    task: Task<'_>,
) -> Result<Outcome, OptimError> {
    let mut objective = Objective::new(task.params, task.closure)?;
    let point = objective.start()?;
    let mut descent =
        Descent { curvature, line_search, stopping, objective, point, iterations: 0, step: 0.0, settled: false };
    let stopped = descent.run(task.observer);
    // After an error, too: the last trial may lie elsewhere.
    let restored = descent.objective.set(&descent.point.x);
    let stopped = stopped?;
    restored?;
    Ok(Outcome {
        loss: descent.point.loss,
        gradient_norm: max_norm(&descent.point.gradient),
        iterations: descent.iterations,
        evaluations: descent.objective.evaluations,
        stopped,
    })
}

struct Descent<'a, 'o> {
    curvature: &'a mut dyn Curvature,
    line_search: LineSearch,
    stopping: Stopping,
    objective: Objective<'o>,
    /// The best so far.
    point: Point,
    iterations: u64,
    /// The *t* of the last step.
    step: f64,
    /// Whether the last step changed no more than the tolerance.
    settled: bool,
}

impl Descent<'_, '_> {
    fn run(&mut self, observer: &mut Observer<'_>) -> Result<Reason, OptimError> {
        loop {
            let gradient_norm = max_norm(&self.point.gradient);
            let iterate = Iterate {
                iteration: self.iterations,
                evaluations: self.objective.evaluations,
                loss: self.point.loss,
                gradient_norm,
                step: self.step,
                x: &self.point.x,
            };
            let reasons = [
                (observer(&iterate).is_break(), Reason::Observer),
                (gradient_norm <= self.stopping.tolerance_grad, Reason::GradientTolerance),
                (self.settled, Reason::ChangeTolerance),
                (self.iterations >= self.stopping.max_iterations, Reason::MaxIterations),
                (self.evaluations_left() == Some(0), Reason::MaxEvaluations),
            ];
            if let Some((_, reason)) = reasons.into_iter().find(|(holds, _)| *holds) {
                return Ok(reason);
            }
            match self.next_point()? {
                Some(found) => self.step_to(found)?,
                None if self.evaluations_left() == Some(0) => return Ok(Reason::MaxEvaluations),
                None => return Ok(Reason::NoDecrease),
            }
        }
    }

    /// A lower point along the direction; when there is none, along the one that follows from the
    /// gradient alone.
    fn next_point(&mut self) -> Result<Option<Found>, OptimError> {
        loop {
            let direction = self.curvature.direction(&self.point, &mut self.objective)?;
            let first = self.curvature.first_trial(&self.point.gradient);
            let left = self.evaluations_left();
            let mut ray = Ray::new(&mut self.objective, &self.point, &direction, left);
            // Rounding may have turned the direction uphill, or made it a NaN.
            if ray.slope < 0.0
                && let Some(found) = self.line_search.search(&mut ray, first)?
            {
                return Ok(Some(found));
            }
            if self.evaluations_left() == Some(0) || !self.curvature.forget() {
                return Ok(None);
            }
        }
    }

    fn step_to(&mut self, Found { t, point }: Found) -> Result<(), OptimError> {
        let s = difference(&point.x, &self.point.x);
        let y = difference(&point.gradient, &self.point.gradient);
        self.curvature.learn(&s, &y);
        let change = (point.loss - self.point.loss).abs();
        self.settled = change.min(max_norm(&s)) <= self.stopping.tolerance_change;
        self.point = point;
        self.step = t;
        self.iterations += 1;
        // The last trial need not be the one that the search found.
        self.objective.set(&self.point.x)
    }

    fn evaluations_left(&self) -> Option<u64> {
        let most = self.stopping.max_evaluations?;
        Some(most.saturating_sub(self.objective.evaluations))
    }
}

/// The first trial of a method that may know nothing but the gradient: as PyTorch, a step whose
/// elements add up to 1 at most.
pub(crate) fn cautious(gradient: &[f64]) -> f64 {
    let sum: f64 = gradient.iter().map(|g| g.abs()).sum();
    (1.0 / sum).min(1.0)
}
