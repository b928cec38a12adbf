use std::fmt;

use candle_core::{DType, Tensor, Var};

use crate::engine::vector::negated;
use crate::error::{OptimError, require, tensor_error};
use crate::named::elements;
use crate::second_order::cholesky::damped;
use crate::second_order::descent::{Curvature, Task, descend};
use crate::second_order::line_search::LineSearch;
use crate::second_order::minimize::{Minimizer, Observer, Outcome, Stopping};
use crate::second_order::objective::{LossAndGradients, Objective, Point};

/// What stands for the Hessian in the place of a parameter's name.
const HESSIAN: &str = "the Hessian";

/// The settings of [`Newton`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NewtonConfig {
    /// *μ*: what is added to the diagonal of the Hessian at the least, 0 or more. Default 0: the
    /// pure Newton step wherever the loss is convex.
    pub damping: f64,
    /// How far to go along a direction. Default backtracking: near a minimum the whole step is
    /// right, and a second condition would not change it.
    pub line_search: LineSearch,
    /// When to stop.
    pub stopping: Stopping,
}

impl Default for NewtonConfig {
    fn default() -> Self {
        Self { damping: 0.0, line_search: LineSearch::BACKTRACKING, stopping: Stopping::default() }
    }
}

/// Newton's method with Levenberg's damping: each step goes to the minimum of a parabola that
/// touches the loss, if that parabola opens upwards.
///
/// ```text
/// p = -(∇²f + μI)⁻¹ g
/// ```
///
/// with *μ* ≥ `damping`, solved by Cholesky's factors. Where ∇²*f* + *μI* is not positive
/// definite, *μ* is raised to a thousandth of the greatest diagonal element, and then tenfold until
/// it is; the larger *μ*, the shorter *p* and the closer to -*g*. A line search along *p* makes
/// sure that the loss falls.
///
/// The Hessian is computed at every iteration: by a closure of the caller's
/// ([`Newton::with_hessian`]), or by central differences of the gradient ([`Newton::new`]), which
/// takes 2*n* evaluations for *n* elements:
///
/// ```text
/// column j = (∇f(x + heⱼ) - ∇f(x - heⱼ)) / 2h,  h = ε^⅓ max(1, |xⱼ|)
/// ```
///
/// with *ε* the machine epsilon of the parameter's type. Either way it is made symmetric by the
/// mean of itself and its transpose. Solving takes *n*³/6 multiplications: for small problems.
///
/// **Full batch and deterministic only**: see [`Minimizer`].
///
/// # Examples
/// A parabola takes one step, and a second look:
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use taper_optim::{Minimizer, Newton, NewtonConfig};
///
/// let x = Var::new(&[5f64, -3.0], &Device::Cpu)?;
/// let scale = Tensor::new(&[1f64, 1000.0], &Device::Cpu)?;
/// let newton = Newton::new(NewtonConfig::default())?;
/// let outcome = newton.minimize(&[("x".to_owned(), x.clone())], &mut || {
///     let loss = ((x.as_tensor() - 1.0)?.sqr()? * &scale)?.sum_all()?;
///     let grads = loss.backward()?;
///     Ok((loss, grads))
/// })?;
/// assert!(outcome.iterations <= 2 && (x.to_vec1::<f64>()?[1] - 1.0).abs() < 1e-9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// - K. Levenberg, *A method for the solution of certain non-linear problems in least squares*,
///   1944.
/// - J. Nocedal, S. J. Wright, *Numerical Optimization*, 2006, chapters 3 and 8.
pub struct Newton {
    config: NewtonConfig,
    /// By differences when there is none.
    hessian: Option<Box<Hessian>>,
}

impl fmt::Debug for Newton {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hessian = if self.hessian.is_some() { "given" } else { "by differences" };
        f.debug_struct("Newton").field("config", &self.config).field("hessian", &hessian).finish()
    }
}

/// The matrix of second derivatives where the parameters are now.
type Hessian = dyn Fn() -> candle_core::Result<Tensor>;

impl Newton {
    /// Checks the settings; the Hessian is computed by differences of the gradient.
    ///
    /// # Errors
    /// [`OptimError::BadConfig`] when `damping` or a field of `line_search` or `stopping` is out of
    /// range.
    pub fn new(config: NewtonConfig) -> Result<Self, OptimError> {
        let damping = config.damping;
        require(damping.is_finite() && damping >= 0.0, "damping", "finite and not negative", damping)?;
        config.line_search.check()?;
        config.stopping.check()?;
        Ok(Self { config, hessian: None })
    }

    /// Checks the settings; `hessian` gives the *n* by *n* matrix of second derivatives at the
    /// present values of the parameters, with the *n* elements of all of them in the order of
    /// their names, each in row order.
    ///
    /// # Errors
    /// As [`Newton::new`].
    pub fn with_hessian(
        config: NewtonConfig,
        hessian: impl Fn() -> candle_core::Result<Tensor> + 'static,
    ) -> Result<Self, OptimError> {
        Ok(Self { hessian: Some(Box::new(hessian)), ..Self::new(config)? })
    }
}

impl Minimizer for Newton {
    /// # Errors
    /// Besides those of every method: [`OptimError::NonFiniteHessian`] when a second derivative is
    /// not finite, [`OptimError::Mismatch`] when `hessian` gives another shape than *n* by *n* or
    /// anything but float32 and float64.
    fn minimize_observed(
        &self,
        params: &[(String, Var)],
        closure: &mut LossAndGradients<'_>,
        observer: &mut Observer<'_>,
    ) -> Result<Outcome, OptimError> {
        let NewtonConfig { damping, line_search, stopping } = self.config;
        let mut exact = Exact { damping, hessian: self.hessian.as_deref() };
        descend(&mut exact, line_search, stopping, Task { params, closure, observer })
    }
}

/// All second derivatives, anew at every point.
struct Exact<'a> {
    damping: f64,
    hessian: Option<&'a Hessian>,
}

impl Curvature for Exact<'_> {
    fn direction(&mut self, point: &Point, objective: &mut Objective<'_>) -> Result<Vec<f64>, OptimError> {
        let n = point.x.len();
        let matrix = match self.hessian {
            Some(hessian) => given(hessian, n)?,
            None => by_differences(point, objective)?,
        };
        let factors = damped(&symmetric(&matrix, n), n, self.damping).ok_or(OptimError::NonFiniteHessian)?;
        Ok(factors.solve(&negated(&point.gradient)))
    }

    fn first_trial(&self, _: &[f64]) -> f64 {
        1.0
    }

    fn learn(&mut self, _: &[f64], _: &[f64]) {}

    fn forget(&mut self) -> bool {
        false
    }
}

/// The caller's matrix, row by row.
fn given(hessian: &Hessian, n: usize) -> Result<Vec<f64>, OptimError> {
    let matrix = hessian().map_err(|source| tensor_error(HESSIAN, source))?;
    if matrix.dims() != [n, n] || !matches!(matrix.dtype(), DType::F32 | DType::F64) {
        return Err(OptimError::Mismatch {
            name: HESSIAN.to_owned(),
            wanted: (n, n).into(),
            wanted_dtype: DType::F64,
            got: matrix.shape().clone(),
            got_dtype: matrix.dtype(),
        });
    }
    elements(HESSIAN, &matrix)
}

/// Central differences of the gradient; row *j* belongs to element *j*.
fn by_differences(point: &Point, objective: &mut Objective<'_>) -> Result<Vec<f64>, OptimError> {
    let epsilons: Vec<f64> = objective.epsilons().collect();
    let mut matrix = Vec::with_capacity(epsilons.len() * epsilons.len());
    for (j, epsilon) in epsilons.into_iter().enumerate() {
        let h = epsilon.cbrt() * point.x[j].abs().max(1.0);
        let [above, below] = [h, -h].map(|h| {
            let mut x = point.x.clone();
            x[j] += h;
            objective.evaluate(x)
        });
        let (above, below) = (above?, below?);
        // Of the points as they were rounded.
        let distance = above.x[j] - below.x[j];
        matrix.extend(above.gradient.iter().zip(&below.gradient).map(|(above, below)| (above - below) / distance));
    }
    Ok(matrix)
}

/// The mean of a matrix and its transpose.
fn symmetric(matrix: &[f64], n: usize) -> Vec<f64> {
    (0..n * n).map(|k| 0.5 * (matrix[k] + matrix[k % n * n + k / n])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        for damping in [-1.0, f64::NAN, f64::INFINITY] {
            let refused = Newton::new(NewtonConfig { damping, ..NewtonConfig::default() });
            let said = refused.err().unwrap().to_string();
            assert_eq!(said, format!("damping must be finite and not negative, got {damping}"));
        }
    }

    #[test]
    fn a_hessian_by_differences_is_that_of_the_formula() {
        // f = a²b + sin(c): ∇²f = (2b 2a 0; 2a 0 0; 0 0 -sin c).
        for (dtype, tolerance) in [(DType::F64, 1e-9), (DType::F32, 2e-3)] {
            let start = Tensor::new(&[1.5f64, -2.0, 0.5], &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
            let x = Var::from_tensor(&start).unwrap();
            let mut closure = || {
                let [a, b, c] = [0, 1, 2].map(|i| x.get(i));
                let loss = ((a?.sqr()? * b?)? + c?.sin()?)?;
                let grads = loss.backward()?;
                Ok((loss, grads))
            };
            let mut objective = Objective::new(&[("x".to_owned(), x.clone())], &mut closure).unwrap();
            let point = objective.start().unwrap();
            let matrix = by_differences(&point, &mut objective).unwrap();
            let wanted = [-4.0, 3.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0, -0.5f64.sin()];
            for (got, wanted) in matrix.iter().zip(wanted) {
                assert!((got - wanted).abs() < tolerance, "{dtype:?}: {matrix:?}");
            }
            assert_eq!(objective.evaluations, 7);
        }
    }

    #[test]
    fn both_triangles_count() {
        assert_eq!(symmetric(&[1.0, 2.0, 4.0, 5.0], 2), [1.0, 3.0, 3.0, 5.0]);
    }
}
