use candle_core::{Tensor, Var};

use crate::error::{OptimError, tensor_error};

/// Parameters that stand elsewhere for a while: where [`Sam`](crate::Sam) wants the gradient, or at
/// the weights of an [evaluation](crate::Optimizer::evaluation).
///
/// [`Displaced::restore`] puts them back, to the bit; [`Displaced::stay`] leaves them there. When
/// it is dropped, after an error on the way, it puts them back but cannot say whether that failed.
#[derive(Debug, Default)]
#[must_use = "parameters go back to their place when this is dropped"]
pub struct Displaced {
    kept: Vec<Kept>,
}

/// A parameter and the value that it had.
#[derive(Debug)]
struct Kept {
    name: String,
    var: Var,
    value: Tensor,
}

impl Displaced {
    /// Keeps the value of a parameter that is about to be moved.
    pub(crate) fn keep(&mut self, name: &str, var: &Var) -> Result<(), OptimError> {
        let value = var.as_detached_tensor().copy().map_err(|source| tensor_error(name, source))?;
        self.kept.push(Kept { name: name.to_owned(), var: var.clone(), value });
        Ok(())
    }

    /// Puts every parameter back where it was, to the bit.
    ///
    /// # Errors
    /// [`OptimError::Tensor`] for the first parameter that cannot be put back; the others are.
    pub fn restore(mut self) -> Result<(), OptimError> {
        self.put_back()
    }

    /// Leaves the parameters where they stand now: at the end of a training, for the weights that
    /// it is to end with.
    pub fn stay(mut self) {
        self.kept.clear();
    }

    fn put_back(&mut self) -> Result<(), OptimError> {
        let back = |Kept { name, var, value }: Kept| var.set(&value).map_err(|source| tensor_error(&name, source));
        let outcomes: Vec<_> = self.kept.drain(..).map(back).collect();
        outcomes.into_iter().collect()
    }
}

impl Drop for Displaced {
    fn drop(&mut self) {
        // Who wants to know calls `restore`.
        self.put_back().ok();
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn parameters_go_back_unless_they_are_to_stay() {
        let var = Var::new(&[1f64], &Device::Cpu).unwrap();
        let displaced = || {
            let mut displaced = Displaced::default();
            displaced.keep("x", &var).unwrap();
            var.set(&Tensor::new(&[2f64], &Device::Cpu).unwrap()).unwrap();
            displaced
        };
        displaced().restore().unwrap();
        assert_eq!(var.to_vec1::<f64>().unwrap(), [1.0]);
        drop(displaced());
        assert_eq!(var.to_vec1::<f64>().unwrap(), [1.0]);
        displaced().stay();
        assert_eq!(var.to_vec1::<f64>().unwrap(), [2.0]);
    }
}
