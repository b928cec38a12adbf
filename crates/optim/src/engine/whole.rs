//! A formula composed of candle's operations, for every device.

use std::iter;
use std::ops::{Add, Div, Mul, Sub};
use std::sync::Arc;

use candle_core::{Error, Result, Tensor, Var, bail};

use crate::engine::number::Number;
use crate::engine::part::Formula;

/// Applies the formula to the tensors as a whole.
///
/// Every new value stands before the first old one goes, so that the tensors may share memory and
/// an operation that fails leaves them as they were.
pub(crate) fn update<const N: usize>(
    formula: impl Formula<N>,
    theta: &Var,
    grad: &Tensor,
    slots: &[Var],
) -> Result<()> {
    let Ok(slots) = <&[Var; N]>::try_from(slots) else {
        bail!("the rule keeps {N} slots, got {}", slots.len());
    };
    let old = |var: &Var| Whole::new(var.as_detached_tensor());
    let (new, kept) = formula.apply(old(theta), Whole::new(grad.detach()), slots.each_ref().map(old));
    let values: Vec<Tensor> = iter::once(new).chain(kept).map(Whole::finish).collect::<Result<_>>()?;
    iter::once(theta).chain(slots).zip(&values).try_for_each(|(var, value)| var.set(value))
}

/// A tensor, or the first error on the way to it.
#[derive(Clone)]
struct Whole(std::result::Result<Tensor, Arc<Error>>);

impl Whole {
    fn new(tensor: Tensor) -> Self {
        Self(Ok(tensor))
    }

    fn map(self, operation: impl FnOnce(Tensor) -> Result<Tensor>) -> Self {
        Self(self.0.and_then(|tensor| operation(tensor).map_err(Arc::new)))
    }

    fn with(self, other: Self, operation: impl FnOnce(&Tensor, &Tensor) -> Result<Tensor>) -> Self {
        match other.0 {
            Ok(other) => self.map(|tensor| operation(&tensor, &other)),
            Err(error) => Self(self.0.and(Err(error))),
        }
    }

    fn finish(self) -> Result<Tensor> {
        self.0.map_err(|error| Arc::try_unwrap(error).unwrap_or_else(Error::wrap))
    }
}

impl Number for Whole {
    fn sqrt(self) -> Self {
        self.map(|tensor| tensor.sqrt())
    }

    fn square(self) -> Self {
        self.map(|tensor| tensor.sqr())
    }

    fn abs(self) -> Self {
        self.map(|tensor| tensor.abs())
    }

    fn sign(self) -> Self {
        self.map(|tensor| tensor.sign())
    }

    fn max(self, other: Self) -> Self {
        self.with(other, |a, b| a.maximum(b))
    }
}

macro_rules! operator {
    ($operator:ident, $method:ident) => {
        impl $operator for Whole {
            type Output = Self;

            fn $method(self, other: Self) -> Self {
                self.with(other, |a, b| a.$method(b))
            }
        }
    };
    ($operator:ident<f64>, $method:ident) => {
        impl $operator<f64> for Whole {
            type Output = Self;

            fn $method(self, setting: f64) -> Self {
                self.map(|tensor| tensor.$method(setting))
            }
        }
    };
}

operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);
operator!(Add<f64>, add);
operator!(Mul<f64>, mul);

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};

    #[derive(Clone, Copy)]
    struct Exchange;

    impl Formula<1> for Exchange {
        fn apply<T: Number>(self, theta: T, grad: T, [slot]: [T; 1]) -> (T, [T; 1]) {
            (slot + 0.0, [theta + grad])
        }
    }

    #[test]
    fn values_are_read_before_one_is_written() -> Result<()> {
        let [theta, slot] = [[1f64, 2.0], [3.0, 4.0]].map(|v| Var::new(&v, &Device::Cpu).unwrap());
        update(Exchange, &theta, &theta.detach(), std::slice::from_ref(&slot))?;
        assert_eq!(theta.to_vec1::<f64>()?, [3.0, 4.0]);
        assert_eq!(slot.to_vec1::<f64>()?, [2.0, 4.0]);
        Ok(())
    }

    #[test]
    fn an_error_in_the_middle_of_a_formula_comes_out_and_nothing_changes() -> Result<()> {
        let [theta, slot] = [[1f64, 2.0], [3.0, 4.0]].map(|v| Var::new(&v, &Device::Cpu).unwrap());
        let grad = Tensor::zeros(3, DType::F64, &Device::Cpu)?;
        let said = update(Exchange, &theta, &grad, std::slice::from_ref(&slot)).unwrap_err().to_string();
        assert!(said.contains("shape mismatch"), "{said}");
        assert_eq!(theta.to_vec1::<f64>()?, [1.0, 2.0]);
        let said = update(Exchange, &theta, &theta.detach(), &[]).unwrap_err().to_string();
        assert!(said.starts_with("the rule keeps 1 slots, got 0"), "{said}");
        Ok(())
    }
}
