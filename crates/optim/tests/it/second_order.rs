//! The methods of second order: minima and evaluations as PyTorch's, and what they refuse.

use std::cell::Cell;
use std::ops::ControlFlow;

use candle_core::{DType, Device, Result, Tensor, Var, backprop::GradStore};
use taper_optim::{
    Bfgs, BfgsConfig, Lbfgs, LbfgsConfig, LineSearch, Minimizer, Newton, NewtonConfig, OptimError, Outcome, Reason,
    Stopping,
};

use crate::golden::{numbers, read};

/// The settings with which PyTorch made the golden file.
const GOLDEN: Stopping =
    Stopping { tolerance_grad: 1e-9, tolerance_change: 1e-14, max_iterations: 500, max_evaluations: None };

fn lbfgs(line_search: LineSearch, stopping: Stopping) -> Box<dyn Minimizer> {
    Box::new(Lbfgs::new(LbfgsConfig { history: 10, line_search, stopping }).unwrap())
}

fn bfgs(line_search: LineSearch, stopping: Stopping) -> Box<dyn Minimizer> {
    Box::new(Bfgs::new(BfgsConfig { line_search, stopping }).unwrap())
}

fn newton(line_search: LineSearch, stopping: Stopping) -> Box<dyn Minimizer> {
    Box::new(Newton::new(NewtonConfig { damping: 0.0, line_search, stopping }).unwrap())
}

/// What every method promises. A new one adds its row.
fn methods(stopping: Stopping) -> Vec<(&'static str, Box<dyn Minimizer>)> {
    let (wolfe, backtracking) = (LineSearch::STRONG_WOLFE, LineSearch::BACKTRACKING);
    vec![
        ("L-BFGS", lbfgs(wolfe, stopping)),
        ("L-BFGS with backtracking", lbfgs(backtracking, stopping)),
        ("BFGS", bfgs(wolfe, stopping)),
        ("BFGS with backtracking", bfgs(backtracking, stopping)),
        ("Newton", newton(backtracking, stopping)),
        ("Newton with strong Wolfe", newton(wolfe, stopping)),
    ]
}

fn with_gradients(loss: Result<Tensor>) -> Result<(Tensor, GradStore)> {
    let loss = loss?;
    let grads = loss.backward()?;
    Ok((loss, grads))
}

fn rosenbrock(x: &Tensor) -> Result<Tensor> {
    let n = x.dim(0)?;
    let (head, tail) = (x.narrow(0, 0, n - 1)?, x.narrow(0, 1, n - 1)?);
    let valley = ((tail - head.sqr()?)?.sqr()? * 100.0)?;
    (valley + (1.0 - head)?.sqr()?)?.sum_all()
}

/// *x*ᵀ*Ax*/2 - *b*·*x* of the golden file.
fn quadratic() -> (Tensor, Tensor) {
    let file = read("second_order.json");
    let matrix = Tensor::from_vec(numbers(&file["quadratic"]["A"]), (30, 30), &Device::Cpu).unwrap();
    (matrix, Tensor::new(numbers(&file["quadratic"]["b"]), &Device::Cpu).unwrap())
}

fn value(x: &Tensor, (matrix, b): &(Tensor, Tensor)) -> Result<Tensor> {
    let bent = (matrix.matmul(&x.unsqueeze(1)?)?.squeeze(1)? * 0.5)?;
    (x * (bent - b)?)?.sum_all()
}

/// A vector in two parameters: its first four elements as a matrix, the rest as a vector.
struct Split([Var; 2]);

impl Split {
    fn new(values: &[f64]) -> Self {
        let matrix = Tensor::from_slice(&values[..4], (2, 2), &Device::Cpu).unwrap();
        let vector = Tensor::new(&values[4..], &Device::Cpu).unwrap();
        Self([matrix, vector].map(|tensor| Var::from_tensor(&tensor).unwrap()))
    }

    /// Not in the order of their names.
    fn params(&self) -> [(String, Var); 2] {
        [("b".to_owned(), self.0[1].clone()), ("a".to_owned(), self.0[0].clone())]
    }

    fn joined(&self) -> Result<Tensor> {
        Tensor::cat(&[self.0[0].flatten_all()?, self.0[1].as_tensor().clone()], 0)
    }

    fn values(&self) -> Vec<f64> {
        self.joined().unwrap().to_vec1().unwrap()
    }
}

/// The greatest distance of two elements.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |max, (a, b)| max.max((a - b).abs()))
}

/// Minimizes from PyTorch's start; returns where it ended, how, and what the file says.
fn golden(
    case: &str,
    method: &dyn Minimizer,
    loss: impl Fn(&Tensor) -> Result<Tensor>,
) -> (Vec<f64>, Outcome, serde_json::Value) {
    let file = read("second_order.json")["lbfgs"][case].clone();
    let x = Split::new(&numbers(&file["x0"]));
    let outcome = method.minimize(&x.params(), &mut || with_gradients(loss(&x.joined()?))).unwrap();
    println!("{case}: {outcome:?}");
    (x.values(), outcome, file)
}

#[test]
fn lbfgs_takes_no_more_evaluations_than_pytorch() {
    let quadratic = quadratic();
    let solution = numbers(&read("second_order.json")["quadratic"]["solution"]);
    for (case, minimum) in [("rosenbrock_10", vec![1.0; 10]), ("quadratic_30", solution)] {
        let method = lbfgs(LineSearch::STRONG_WOLFE, GOLDEN);
        let (x, outcome, file) = golden(case, &*method, |x| match case {
            "rosenbrock_10" => rosenbrock(x),
            _ => value(x, &quadratic),
        });
        let most = 1.1 * file["evaluations"].as_f64().unwrap();
        assert!(outcome.evaluations as f64 <= most, "{case}: {outcome:?}");
        // On the quadratic PyTorch's 500 iterations end 3e-9 above the minimum and 2e-5 beside it.
        assert!(outcome.loss <= file["loss"].as_f64().unwrap() + 1e-10, "{case}: {outcome:?}");
        let off = distance(&x, &minimum);
        assert!(off < 1e-5, "{case}: {off:e}");
    }
}

#[test]
fn every_method_finds_the_minimum_of_rosenbrock() {
    for (name, method) in methods(GOLDEN) {
        let (x, outcome, _) = golden("rosenbrock_10", &*method, rosenbrock);
        assert!(outcome.loss < 1e-12, "{name}: {outcome:?}");
        assert!(distance(&x, &[1.0; 10]) < 1e-5, "{name}: {x:?}");
    }
}

#[test]
fn every_method_solves_the_quadratic() {
    let quadratic = quadratic();
    let solution = numbers(&read("second_order.json")["quadratic"]["solution"]);
    for (name, method) in methods(Stopping { max_iterations: 2000, ..GOLDEN }) {
        let (x, outcome, _) = golden("quadratic_30", &*method, |x| value(x, &quadratic));
        let off = distance(&x, &solution);
        assert!(off < 1e-5, "{name}: {off:e}, {outcome:?}");
    }
}

#[test]
fn newton_solves_the_quadratic_in_two_steps_or_one() {
    let (matrix, b) = quadratic();
    let file = read("second_order.json");
    let solution = numbers(&file["quadratic"]["solution"]);
    let given = matrix.clone();
    let config = NewtonConfig::default();
    let exact = Newton::with_hessian(config, move || Ok(given.clone())).unwrap();
    for (method, most) in [(Newton::new(config).unwrap(), 2), (exact, 1)] {
        let quadratic = (matrix.clone(), b.clone());
        let (x, outcome, _) = golden("quadratic_30", &method, |x| value(x, &quadratic));
        assert!(outcome.iterations <= most, "{outcome:?}");
        assert_eq!(outcome.stopped, Reason::GradientTolerance);
        assert!(distance(&x, &solution) < 1e-9, "{outcome:?}");
    }
}

#[test]
fn every_method_works_in_float32_and_knows_the_rounded_values() {
    let stopping = Stopping { tolerance_grad: 1e-3, tolerance_change: 0.0, ..Stopping::default() };
    for (name, method) in methods(stopping) {
        let x = Var::new(&[-1.2f32, 1.0], &Device::Cpu).unwrap();
        let params = [("x".to_owned(), x.clone())];
        let mut rounded = true;
        let outcome = method
            .minimize_observed(&params, &mut || with_gradients(rosenbrock(&x)), &mut |iterate| {
                let now = x.to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap();
                rounded &= now == iterate.x;
                ControlFlow::Continue(())
            })
            .unwrap();
        let x = x.to_vec1::<f32>().unwrap();
        assert!(rounded && x.iter().all(|x| (x - 1.0).abs() < 1e-2), "{name}: {x:?}, {outcome:?}");
    }
}

#[test]
fn the_path_begins_at_the_start_falls_and_ends_where_the_parameters_are() {
    for (name, method) in methods(Stopping::default()) {
        let x = Split::new(&[-1.2, 1.0, -1.2, 1.0, -1.0, 0.5]);
        let (start, mut path) = (x.values(), vec![]);
        let outcome = method
            .minimize_observed(&x.params(), &mut || with_gradients(rosenbrock(&x.joined()?)), &mut |iterate| {
                assert_eq!(iterate.iteration, path.len() as u64, "{name}");
                assert_eq!(iterate.step > 0.0, iterate.iteration > 0, "{name}");
                assert_eq!(iterate.x, x.values(), "{name}");
                path.push((iterate.x.to_vec(), iterate.loss));
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(path[0].0, start, "{name}");
        assert!(path.windows(2).all(|pair| pair[1].1 <= pair[0].1), "{name}");
        let (last, loss) = path.last().unwrap();
        assert_eq!((last, *loss), (&x.values(), outcome.loss), "{name}");
        assert_eq!(outcome.iterations, path.len() as u64 - 1, "{name}");
    }
}

#[test]
fn a_trial_without_a_finite_loss_is_a_rejected_step() {
    // log x is a NaN below 0; the first trial of every quasi-Newton method lies there.
    for (name, method) in methods(Stopping::default()) {
        let x = Var::new(&[0.02f64], &Device::Cpu).unwrap();
        let broken = Cell::new(0);
        let outcome = method
            .minimize(&[("x".to_owned(), x.clone())], &mut || {
                let loss = (x.sqr()?.sum_all()? - x.log()?.sum_all()?)?;
                let loss = (loss + (x.as_tensor() - 0.03)?.neg()?.log()?.neg()?.sum_all()?)?;
                broken.set(broken.get() + u32::from(loss.to_scalar::<f64>()?.is_nan()));
                with_gradients(Ok(loss))
            })
            .unwrap();
        let end = x.to_vec1::<f64>().unwrap()[0];
        assert!((end - 0.015).abs() < 1e-4, "{name}: {end}, {outcome:?}");
        assert!(broken.get() > 0 || name.starts_with("Newton"), "{name}");
    }
}

#[test]
fn a_start_without_a_finite_loss_or_gradient_is_an_error_and_stays() {
    let refused = |start: f64, loss: fn(&Tensor) -> Result<Tensor>| {
        let x = Var::new(&[start], &Device::Cpu).unwrap();
        let params = [("x".to_owned(), x.clone())];
        let method = Lbfgs::new(LbfgsConfig::default()).unwrap();
        let error = method.minimize(&params, &mut || with_gradients(loss(&x)?.sum_all())).unwrap_err();
        assert_eq!(x.to_vec1::<f64>().unwrap(), [start]);
        error
    };
    let error = refused(-1.0, Tensor::log);
    assert!(matches!(error, OptimError::NonFiniteLoss { loss } if loss.is_nan()));
    assert_eq!(refused(0.0, Tensor::log).to_string(), "the loss must be finite at the start, got -inf");
    let error = refused(0.0, Tensor::sqrt);
    assert!(matches!(error, OptimError::NonFiniteGradient { name } if name == "x"));
}

#[test]
fn every_reason_to_stop_is_told() {
    let stopped = |stopping: Stopping, breaks: bool| {
        let x = Var::new(&[-1.2f64, 1.0], &Device::Cpu).unwrap();
        let method = lbfgs(LineSearch::STRONG_WOLFE, stopping);
        let params = [("x".to_owned(), x.clone())];
        let outcome = method
            .minimize_observed(&params, &mut || with_gradients(rosenbrock(&x)), &mut |iterate| {
                let enough = breaks && iterate.iteration == 3;
                if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .unwrap();
        let loss = rosenbrock(&x).unwrap().to_scalar::<f64>().unwrap();
        assert_eq!(loss, outcome.loss);
        outcome
    };
    let exact = Stopping { tolerance_grad: 0.0, tolerance_change: 0.0, ..Stopping::default() };
    assert_eq!(stopped(exact, true).stopped, Reason::Observer);
    assert_eq!(stopped(Stopping { tolerance_grad: 1e-2, ..exact }, false).stopped, Reason::GradientTolerance);
    assert_eq!(stopped(Stopping { tolerance_change: 1e-2, ..exact }, false).stopped, Reason::ChangeTolerance);
    let outcome = stopped(Stopping { max_iterations: 4, ..exact }, false);
    assert_eq!((outcome.stopped, outcome.iterations), (Reason::MaxIterations, 4));
    for most in 1..12 {
        let outcome = stopped(Stopping { max_evaluations: Some(most), ..exact }, false);
        assert_eq!((outcome.stopped, outcome.evaluations), (Reason::MaxEvaluations, most));
    }
}

#[test]
fn gradients_that_do_not_belong_to_the_loss_leave_the_parameters_where_they_were() {
    for (name, method) in methods(Stopping::default()) {
        let x = Var::new(&[1f64, 2.0], &Device::Cpu).unwrap();
        let outcome = method
            .minimize(&[("x".to_owned(), x.clone())], &mut || {
                let loss = x.sqr()?.sum_all()?;
                let grads = loss.neg()?.backward()?;
                Ok((loss, grads))
            })
            .unwrap();
        assert_eq!(outcome.stopped, Reason::NoDecrease, "{name}");
        assert_eq!(x.to_vec1::<f64>().unwrap(), [1.0, 2.0], "{name}");
    }
}

#[test]
fn a_loss_that_answers_differently_is_refused_with_both_values() {
    for (name, method) in methods(Stopping::default()) {
        let x = Var::new(&[1f64, 2.0], &Device::Cpu).unwrap();
        let calls = Cell::new(0);
        let next = || {
            calls.set(calls.get() + 1);
            f64::from(calls.get())
        };
        let params = [("x".to_owned(), x.clone())];
        let error = method.minimize(&params, &mut || with_gradients(x.sqr()?.sum_all()? * next())).unwrap_err();
        assert!(matches!(&error, OptimError::NotDeterministic { first: 5.0, second: 10.0, .. }), "{name}: {error}");
        assert!(error.to_string().starts_with("the loss is not a function of the parameters: it was 5, and 10"));
        // The loss is the same, and its gradient is not.
        let error = method.minimize(&params, &mut || {
            let loss = x.sqr()?.sum_all()?;
            let grads = (&loss * next())?.backward()?;
            Ok((loss, grads))
        });
        let error = error.unwrap_err();
        assert!(matches!(&error, OptimError::NotDeterministic { first: 6.0, second: 8.0, .. }), "{name}: {error}");
        assert!(error.to_string().starts_with("the gradient of x is not"), "{error}");
        assert_eq!((x.to_vec1::<f64>().unwrap(), calls.get()), (vec![1.0, 2.0], 4), "{name}");
    }
}

#[test]
fn an_error_on_the_way_leaves_the_best_point() {
    let x = Var::new(&[-1.2f64, 1.0], &Device::Cpu).unwrap();
    let (mut best, evaluations) = (vec![], Cell::new(0));
    let error = Lbfgs::new(LbfgsConfig::default())
        .unwrap()
        .minimize_observed(
            &[("x".to_owned(), x.clone())],
            &mut || {
                evaluations.set(evaluations.get() + 1);
                if evaluations.get() == 10 {
                    candle_core::bail!("no more");
                }
                with_gradients(rosenbrock(&x))
            },
            &mut |iterate| {
                best = iterate.x.to_vec();
                ControlFlow::Continue(())
            },
        )
        .unwrap_err();
    assert!(matches!(error, OptimError::Tensor { name, .. } if name == "the loss"));
    assert_eq!(x.to_vec1::<f64>().unwrap(), best);
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let (x, other) = (Var::new(&[1f64, 2.0], &Device::Cpu).unwrap(), Var::new(1f64, &Device::Cpu).unwrap());
    let params = [("x".to_owned(), x.clone()), ("z".to_owned(), other)];
    let method = Lbfgs::new(LbfgsConfig::default()).unwrap();
    let square = || with_gradients(x.sqr()?.sum_all());

    let error = method.minimize(&params, &mut || square()).unwrap_err();
    assert!(matches!(error, OptimError::MissingGradient { name } if name == "z"));
    let error = method.minimize(&[], &mut || square()).unwrap_err();
    assert!(matches!(error, OptimError::NothingToTrain));
    let twice = [params[0].clone(), params[0].clone()];
    let error = method.minimize(&twice, &mut || square()).unwrap_err();
    assert!(matches!(error, OptimError::ListedTwice { name, .. } if name == "x"));
    let error = method.minimize(&params[..1], &mut || Ok((x.sqr()?, square()?.1))).unwrap_err();
    assert_eq!(error.to_string(), "the loss must be a scalar, got the shape [2]");

    let hessian = |matrix: Tensor| {
        let newton = Newton::with_hessian(NewtonConfig::default(), move || Ok(matrix.clone())).unwrap();
        newton.minimize(&params[..1], &mut || square()).unwrap_err()
    };
    let said = hessian(Tensor::ones((2, 3), DType::F32, &Device::Cpu).unwrap()).to_string();
    assert_eq!(said, "the Hessian needs the shape [2, 2] of F64, got [2, 3] of F32");
    let broken = Tensor::new(&[[1f64, f64::NAN], [0.0, 1.0]], &Device::Cpu).unwrap();
    assert!(matches!(hessian(broken), OptimError::NonFiniteHessian));
    assert_eq!(x.to_vec1::<f64>().unwrap(), [1.0, 2.0]);
}
