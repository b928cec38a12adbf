//! The loss as a function of one vector.

use std::iter;

use candle_core::{DType, Tensor, Var, backprop::GradStore};

use crate::error::{OptimError, require_like, tensor_error};
use crate::named::{elements, named, set_elements};

/// The loss, a scalar tensor, and its gradients where the parameters are now.
///
/// It must be a function of the parameters and nothing else: the same values give the same loss.
/// See [`Minimizer`](crate::Minimizer).
pub type LossAndGradients<'a> = dyn FnMut() -> candle_core::Result<(Tensor, GradStore)> + 'a;

/// What stands for the loss in the place of a parameter's name.
const LOSS: &str = "the loss";

/// Where the parameters are, all as one vector, and what the loss is there.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    pub(crate) x: Vec<f64>,
    /// NaN where the loss or its gradient is not finite.
    pub(crate) loss: f64,
    pub(crate) gradient: Vec<f64>,
}

/// The parameters in the order of their names, one behind the other, and a loss that depends on
/// them.
pub(crate) struct Objective<'a> {
    params: Vec<(String, Var)>,
    closure: &'a mut LossAndGradients<'a>,
    /// At how many points the loss has been computed.
    pub(crate) evaluations: u64,
}

impl<'a> Objective<'a> {
    pub(crate) fn new(params: &[(String, Var)], closure: &'a mut LossAndGradients<'a>) -> Result<Self, OptimError> {
        Ok(Self { params: named(params.to_vec())?, closure, evaluations: 0 })
    }

    /// The loss where the parameters are, which must be finite, and the same when it is computed
    /// again.
    pub(crate) fn start(&mut self) -> Result<Point, OptimError> {
        let mut x = Vec::new();
        for (name, var) in &self.params {
            x.extend(elements(name, var)?);
        }
        self.evaluations += 1;
        let (loss, gradient) = self.compute()?;
        if !loss.is_finite() {
            return Err(OptimError::NonFiniteLoss { loss });
        }
        let mut rest = &gradient[..];
        for (name, var) in &self.params {
            let (own, later) = rest.split_at(var.elem_count());
            if !own.iter().all(|g| g.is_finite()) {
                return Err(OptimError::NonFiniteGradient { name: name.clone() });
            }
            rest = later;
        }
        self.require_repeatable(loss, &gradient)?;
        Ok(Point { x, loss, gradient })
    }

    /// Computes the loss once more where it was `loss` with this gradient, and refuses another
    /// answer.
    fn require_repeatable(&mut self, loss: f64, gradient: &[f64]) -> Result<(), OptimError> {
        let (again, other) = self.compute()?;
        let differs =
            |name: &str, first, second| Err(OptimError::NotDeterministic { name: name.to_owned(), first, second });
        if again != loss {
            return differs(LOSS, loss, again);
        }
        let names = self.params.iter().flat_map(|(name, var)| iter::repeat_n(name, var.elem_count()));
        match names.zip(gradient.iter().zip(&other)).find(|(_, (first, second))| first != second) {
            Some((name, (first, second))) => differs(&format!("the gradient of {name}"), *first, *second),
            None => Ok(()),
        }
    }

    /// The loss at `x`, rounded to the types of the parameters, where they are left. Where `x`
    /// itself is not finite the parameters stay, and so does the count.
    pub(crate) fn evaluate(&mut self, mut x: Vec<f64>) -> Result<Point, OptimError> {
        self.round(&mut x);
        if !x.iter().all(|x| x.is_finite()) {
            return Ok(Point { gradient: vec![f64::NAN; x.len()], x, loss: f64::NAN });
        }
        self.set(&x)?;
        self.evaluations += 1;
        let (loss, gradient) = self.compute()?;
        let finite = loss.is_finite() && gradient.iter().all(|g| g.is_finite());
        Ok(Point { x, loss: if finite { loss } else { f64::NAN }, gradient })
    }

    /// Moves the parameters without computing the loss.
    pub(crate) fn set(&self, x: &[f64]) -> Result<(), OptimError> {
        let mut rest = x;
        for (name, var) in &self.params {
            let (own, later) = rest.split_at(var.elem_count());
            set_elements(name, var, own)?;
            rest = later;
        }
        Ok(())
    }

    /// The relative distance of neighboring numbers in each element's type.
    pub(crate) fn epsilons(&self) -> impl Iterator<Item = f64> {
        self.params.iter().flat_map(|(_, var)| {
            let epsilon = if var.dtype() == DType::F32 { f64::from(f32::EPSILON) } else { f64::EPSILON };
            iter::repeat_n(epsilon, var.elem_count())
        })
    }

    fn compute(&mut self) -> Result<(f64, Vec<f64>), OptimError> {
        let (loss, grads) = (self.closure)().map_err(|source| tensor_error(LOSS, source))?;
        let [loss] = elements(LOSS, &loss)?[..] else {
            return Err(OptimError::NotScalar { shape: loss.shape().clone() });
        };
        let mut gradient = Vec::new();
        for (name, var) in &self.params {
            let grad = grads.get(var).ok_or_else(|| OptimError::MissingGradient { name: name.clone() })?;
            require_like(name, grad, var)?;
            gradient.extend(elements(name, grad)?);
        }
        Ok((loss, gradient))
    }

    fn round(&self, x: &mut [f64]) {
        let mut rest = x;
        for (_, var) in &self.params {
            let (own, later) = rest.split_at_mut(var.elem_count());
            if var.dtype() == DType::F32 {
                own.iter_mut().for_each(|x| *x = f64::from(*x as f32));
            }
            rest = later;
        }
    }
}
