//! Walking down a function, step by step.

use std::ops::ControlFlow;
use std::sync::Arc;

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, Var};
use taper_optim::{Group, OptimError, Optimizer, OptimizerConfig, Sgd, SgdConfig, Stopping};
use taper_tensor::Rng;

use super::error::require;
use super::{Course, Function, LandscapeError, Method};
use crate::draw::{Point, shows};

/// How far from the middle of the window, in widths of it, a path counts as lost.
const LOST: f64 = 100.0;

/// The most steps that a picture has room for.
pub(super) const MOST_STEPS: u64 = 10_000;

/// How long to walk, and how well the way is seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Walk {
    /// The number of updates, or of iterations of a method of second order; from 1 to 10 000.
    /// Default 100.
    pub steps: u64,
    /// *σ*: the standard deviation of the noise on each element of a gradient, 0 or more. Default
    /// 0.
    pub noise: f64,
    /// The seed of the noise, which is the same for all who walk. Default 0.
    pub seed: u64,
    /// Where all begin, in the window of the function. Default its own start.
    pub start: Option<Point>,
}

impl Walk {
    /// Where all begin on a function.
    pub fn start_on(&self, function: &Function) -> Point {
        self.start.unwrap_or_else(|| function.start())
    }
}

impl Default for Walk {
    fn default() -> Self {
        Self { steps: 100, noise: 0.0, seed: 0, start: None }
    }
}

/// Where a course led.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// The name of the course, with its parameters.
    pub name: String,
    /// The learning rate; none for a method of second order.
    pub rate: Option<f64>,
    /// The start, and the point after each step.
    pub points: Vec<Point>,
    /// The loss at each point, without noise.
    pub losses: Vec<f64>,
    /// Whether it got lost: the last point is so far away that there is no use in going on.
    pub diverged: bool,
}

/// Lets a course walk from the start of a function.
///
/// The gradient in step *t* is ∇*f*(*θ*) + *σε* with *ε* standard normal and keyed by *t*. A method
/// of second order stops early when it has arrived; a path that gets lost ends there.
///
/// # Errors
/// [`LandscapeError::Field`] when a field of `walk` is out of range, or there is noise for a method
/// of second order, which compares gradients; [`LandscapeError::Optim`] when the optimizer fails.
pub fn follow(function: &Function, course: &Course, walk: Walk) -> Result<Path, LandscapeError> {
    let Walk { steps, noise, .. } = walk;
    require((1..=MOST_STEPS).contains(&steps), "--steps", "from 1 to 10000", steps)?;
    require(noise.is_finite() && noise >= 0.0, "--noise", "a finite number, 0 or more", noise)?;
    if matches!(course.method, Method::Minimizer(_)) {
        let field = format!("--noise with {}", course.name);
        require(noise == 0.0, &field, "0: methods of second order need a loss without noise", noise)?;
    }
    let start = walk.start_on(function);
    require(
        shows(&function.window(), start),
        "--start",
        "a place in the picture, as in -1.5,0.5",
        format!("{},{}", start[0], start[1]),
    )?;
    let mut path = Path {
        name: course.label.clone(),
        rate: course.rate(),
        points: Vec::new(),
        losses: Vec::new(),
        diverged: false,
    };
    // A row of a matrix and no vector, so that Muon does what it does to matrices.
    let tensor = |source| OptimError::Tensor { name: "x".to_owned(), source };
    Var::new(&[start], &Device::Cpu)
        .map_err(tensor)
        .and_then(|theta| match &course.method {
            Method::Rule { rule, rate } => {
                let params = vec![("x".to_owned(), theta.clone())];
                let group = Group { params, rule: Some(Arc::clone(rule)), ..Group::default() };
                let idle = Box::new(Sgd::new(SgdConfig::default())?);
                let optimizer = Optimizer::new(idle, vec![group], OptimizerConfig::default())?;
                updates(function, optimizer, &theta, *rate, walk, &mut path)
            }
            Method::Minimizer(make) => {
                // Tolerances of 0 would let it try for ever in the last digit; these are far below
                // the picture.
                let stopping = Stopping {
                    tolerance_grad: 1e-10,
                    tolerance_change: 1e-20,
                    max_iterations: steps,
                    ..Stopping::default()
                };
                let mut closure = || {
                    let place = place(&theta)?;
                    Ok((Tensor::new(function.value(place), &Device::Cpu)?, store(&theta, function.gradient(place))?))
                };
                let method = make(stopping)?;
                method.minimize_observed(&[("x".to_owned(), theta.clone())], &mut closure, &mut |iterate| {
                    let lost = path.visit(function, [iterate.x[0], iterate.x[1]]);
                    if lost { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                })?;
                Ok(())
            }
        })
        .map_err(|source| LandscapeError::Optim { name: course.name, source: Box::new(source) })?;
    Ok(path)
}

/// One update after the other.
fn updates(
    function: &Function,
    mut optimizer: Optimizer,
    theta: &Var,
    rate: f64,
    walk: Walk,
    path: &mut Path,
) -> Result<(), OptimError> {
    let tensor = |source| OptimError::Tensor { name: "x".to_owned(), source };
    path.visit(function, walk.start_on(function));
    let noise = Rng::new(walk.seed).fork("gradient-noise");
    for step in 0..walk.steps {
        let mut gradient = function.gradient(place(theta).map_err(tensor)?);
        if walk.noise > 0.0 {
            let mut noise = noise.at(step);
            gradient = gradient.map(|g| g + walk.noise * noise.normal());
        }
        optimizer.step(&store(theta, gradient).map_err(tensor)?, rate)?;
        if path.visit(function, place(theta).map_err(tensor)?) {
            break;
        }
    }
    Ok(())
}

impl Path {
    /// Notes a point; says whether it is lost.
    fn visit(&mut self, function: &Function, place: Point) -> bool {
        let window = function.window();
        let far = |i: usize| {
            let (low, high) = (window.low[i], window.high[i]);
            let off = (place[i] - 0.5 * (low + high)).abs();
            off.is_nan() || off > LOST * (high - low)
        };
        self.diverged = far(0) || far(1);
        self.points.push(place);
        self.losses.push(function.value(place));
        self.diverged
    }
}

fn place(theta: &Var) -> candle_core::Result<Point> {
    let row = theta.to_vec2::<f64>()?;
    Ok([row[0][0], row[0][1]])
}

/// A gradient in candle's form: that of the linear function with these coefficients.
fn store(theta: &Var, gradient: Point) -> candle_core::Result<GradStore> {
    (theta.as_tensor() * Tensor::new(&[gradient], &Device::Cpu)?)?.sum_all()?.backward()
}

#[cfg(test)]
mod tests {
    use super::super::courses;
    use super::*;

    fn path(function: Function, list: &str, walk: Walk) -> Path {
        follow(&function, &courses(list, None, &function).unwrap()[0], walk).unwrap()
    }

    #[test]
    fn gradient_descent_by_hand() {
        let ravine = Function::Quadratic { condition: 4.0 };
        let path = path(ravine, "sgd=0.25", Walk { steps: 2, ..Walk::default() });
        assert_eq!(path.points, [[-2.0, 0.6], [-1.5, 0.0], [-1.125, 0.0]]);
        assert_eq!(path.losses[1..], [1.125, 0.6328125]);
        assert_eq!((path.rate, path.diverged), (Some(0.25), false));
    }

    /// The contract of the table: with its own rate everyone gets ahead on every function.
    #[test]
    fn everyone_descends_everywhere() {
        for name in Function::NAMES {
            let function = Function::named(name, 50.0).unwrap();
            for course in courses("all", None, &function).unwrap() {
                let path = follow(&function, &course, Walk { steps: 300, ..Walk::default() }).unwrap();
                let (first, last) = (path.losses[0], path.losses[path.losses.len() - 1]);
                assert!(!path.diverged, "{} is lost on {name}", path.name);
                assert!(last < 0.6 * first, "{} on {name}: from {first} to {last}", path.name);
            }
        }
    }

    #[test]
    fn methods_of_second_order_arrive_and_stop() {
        for name in ["newton", "bfgs", "lbfgs"] {
            let path = path(Function::Rosenbrock, name, Walk::default());
            assert!(path.losses[path.losses.len() - 1] < 1e-12, "{name}: {:?}", path.losses);
            assert!(path.points.len() < 60 && path.rate.is_none());
        }
    }

    #[test]
    fn a_path_that_gets_lost_ends_there() {
        let path = path(Function::Quadratic { condition: 50.0 }, "sgd=0.1", Walk::default());
        assert!(path.diverged && path.points.len() < 20 && path.points.iter().flatten().all(|x| x.is_finite()));
    }

    #[test]
    fn noise_is_the_same_for_the_same_seed_and_for_all() {
        let function = Function::Saddle;
        let noisy = |list, seed| path(function, list, Walk { steps: 20, noise: 0.5, seed, start: None });
        assert_eq!(noisy("adam", 3), noisy("adam", 3));
        assert_ne!(noisy("adam", 3), noisy("adam", 4));
        // Its first step shows the noise: start - η(g + σε).
        let first = |list, rate: f64| {
            let (path, g) = (noisy(list, 3), function.gradient(function.start()));
            [0, 1].map(|i| (path.points[0][i] - path.points[1][i]) / rate - g[i])
        };
        let (sgd, momentum) = (first("sgd=0.125", 0.125), first("momentum=0.25", 0.25));
        assert!((0..2).all(|i| (sgd[i] - momentum[i]).abs() < 1e-9 && sgd[i] != 0.0), "{sgd:?} {momentum:?}");
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let said = |list, walk| {
            let course = courses(list, None, &Function::Beale).unwrap();
            follow(&Function::Beale, &course[0], walk).unwrap_err().to_string()
        };
        let walk = Walk::default();
        assert_eq!(said("sgd", Walk { steps: 0, ..walk }), "--steps must be from 1 to 10000, got 0");
        assert_eq!(said("sgd", Walk { noise: -1.0, ..walk }), "--noise must be a finite number, 0 or more, got -1");
        let out = Walk { start: Some([9.0, 0.0]), ..walk };
        assert_eq!(said("sgd", out), "--start must be a place in the picture, as in -1.5,0.5, got 9,0");
        let wanted = "--noise with bfgs must be 0: methods of second order need a loss without noise, got 0.1";
        assert_eq!(said("bfgs", Walk { noise: 0.1, ..walk }), wanted);
    }
}
