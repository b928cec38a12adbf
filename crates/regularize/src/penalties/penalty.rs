//! Penalties on the size of weights.

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, Var};

use crate::RegularizeError;
use crate::error::check;

/// What large weights cost, added to the loss: L1, L2, or with both the elastic net,
///
/// ```text
/// penalty = l1 · Σ|w| + l2 / 2 · Σw²          over the weights that are handed in
/// gradient += l1 · sign(w) + l2 · w           (sign(0) = 0: the subgradient of |w|)
/// ```
///
/// Hand in the weights and not biases, norm scales or running statistics: [`decays`](crate::decays)
/// tells them apart. The gradient is added to those of the loss, without a graph over all weights.
///
/// A step along the subgradient of L1 hardly ever ends at 0. [`shrink`](Self::shrink), the proximal
/// step of L1 behind the update, makes weights exactly 0:
///
/// ```text
/// w <- sign(w) · max(|w| - lr · l1, 0)
/// ```
///
/// L2 by gradient is the *coupled* decay: an adaptive rule divides it by the size of the gradients.
/// *Decoupled* decay, beside the update, is a setting of the optimizer's groups (`AdamW`).
///
/// # Examples
/// ```
/// use candle_core::{Device, Var};
/// use taper_regularize::Penalty;
/// let weights = [("w".to_owned(), Var::new(&[0.5f64, -2.0], &Device::Cpu)?)];
/// let penalty = Penalty { l1: 0.1, l2: 0.2 };
/// assert!((penalty.value(&weights)? - (0.1 * 2.5 + 0.1 * 4.25)).abs() < 1e-12);
/// penalty.shrink(&weights, 10.0)?; // by 1
/// assert_eq!(weights[0].1.to_vec1::<f64>()?, [0.0, -1.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// - R. Tibshirani, *Regression Shrinkage and Selection via the Lasso*, 1996.
/// - H. Zou, T. Hastie, *Regularization and Variable Selection via the Elastic Net*, 2005.
/// - N. Parikh, S. Boyd, *Proximal Algorithms*, 2014.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Penalty {
    /// The factor of Σ|w|, finite and 0 or more. Default 0.
    pub l1: f64,
    /// The factor of Σw²/2, finite and 0 or more. Default 0.
    pub l2: f64,
}

impl Penalty {
    /// Refuses settings out of range.
    ///
    /// # Errors
    /// When a factor is negative or not finite.
    pub fn check(&self) -> std::result::Result<(), RegularizeError> {
        for (field, factor) in [("l1", self.l1), ("l2", self.l2)] {
            check(factor >= 0.0 && factor.is_finite(), field, "finite and 0 or more", factor)?;
        }
        Ok(())
    }

    /// The penalty, to be reported beside the loss.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn value(&self, weights: &[(String, Var)]) -> Result<f64> {
        let mut sum = 0.0;
        for (_, var) in weights {
            let w = var.as_detached_tensor();
            if self.l1 > 0.0 {
                sum += self.l1 * scalar(&w.abs()?)?;
            }
            if self.l2 > 0.0 {
                sum += 0.5 * self.l2 * scalar(&w.sqr()?)?;
            }
        }
        Ok(sum)
    }

    /// Adds the gradient of the penalty to that of each weight; a weight that has none gets the
    /// penalty's alone.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn add_gradients(&self, weights: &[(String, Var)], grads: &mut GradStore) -> Result<()> {
        if self.l1 == 0.0 && self.l2 == 0.0 {
            return Ok(());
        }
        for (_, var) in weights {
            let w = var.as_detached_tensor();
            let mut grad = grads.remove(var);
            for (factor, more) in
                [(self.l1, Tensor::sign as fn(&Tensor) -> Result<Tensor>), (self.l2, |w| Ok(w.clone()))]
            {
                if factor > 0.0 {
                    let more = (more(&w)? * factor)?;
                    grad = Some(match grad {
                        Some(grad) => (grad + more)?,
                        None => more,
                    });
                }
            }
            if let Some(grad) = grad {
                grads.insert(var, grad);
            }
        }
        Ok(())
    }

    /// The proximal step of L1 after an update with the learning rate `lr`.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn shrink(&self, weights: &[(String, Var)], lr: f64) -> Result<()> {
        if self.l1 > 0.0 {
            for (_, var) in weights {
                let w = var.as_detached_tensor();
                var.set(&((w.abs()? - lr * self.l1)?.relu()? * w.sign()?)?)?;
            }
        }
        Ok(())
    }
}

fn scalar(x: &Tensor) -> Result<f64> {
    x.sum_all()?.to_dtype(candle_core::DType::F64)?.to_scalar()
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn weights(values: &[f64]) -> Vec<(String, Var)> {
        vec![("w".to_owned(), Var::new(values, &Device::Cpu).unwrap())]
    }

    #[test]
    fn gradients_are_those_of_the_value() -> Result<()> {
        for penalty in [Penalty { l1: 0.3, l2: 0.0 }, Penalty { l1: 0.0, l2: 0.7 }, Penalty { l1: 0.3, l2: 0.7 }] {
            let at = [0.5, -1.5, 2.0];
            let weights = weights(&at);
            let loss = (weights[0].1.as_tensor() * 3.0)?.sum_all()?;
            let mut grads = loss.backward()?;
            penalty.add_gradients(&weights, &mut grads)?;
            let grad = grads.get(&weights[0].1).unwrap().to_vec1::<f64>()?;
            for i in 0..3 {
                let h = 1e-6;
                let value = |step: f64| {
                    let mut moved = at;
                    moved[i] += step;
                    penalty.value(&super::tests::weights(&moved)).unwrap()
                };
                let wanted = 3.0 + (value(h) - value(-h)) / (2.0 * h);
                assert!((grad[i] - wanted).abs() < 1e-6, "{penalty:?}: {} is not {wanted}", grad[i]);
            }
        }
        Ok(())
    }

    #[test]
    fn only_the_proximal_step_ends_at_zero() -> Result<()> {
        // min (w - 0.05)² / 2 + 0.1 |w| has its minimum at 0.
        let penalty = Penalty { l1: 0.1, l2: 0.0 };
        let (subgradient, proximal) = (weights(&[1.0]), weights(&[1.0]));
        for _ in 0..200 {
            for (weights, by_gradient) in [(&subgradient, true), (&proximal, false)] {
                let w = weights[0].1.as_tensor();
                let mut grads = ((w - 0.05)?.sqr()? * 0.5)?.sum_all()?.backward()?;
                if by_gradient {
                    penalty.add_gradients(weights, &mut grads)?;
                }
                let grad = grads.get(w).unwrap().clone();
                weights[0].1.set(&(w.detach() - (grad * 0.3)?)?)?;
                if !by_gradient {
                    penalty.shrink(weights, 0.3)?;
                }
            }
        }
        assert_eq!(proximal[0].1.to_vec1::<f64>()?, [0.0]);
        assert_ne!(subgradient[0].1.to_vec1::<f64>()?, [0.0]);
        Ok(())
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let refused = |penalty: Penalty| penalty.check().unwrap_err().to_string();
        assert!(refused(Penalty { l1: -1.0, l2: 0.0 }).starts_with("l1 must be"));
        assert!(refused(Penalty { l1: 0.0, l2: f64::NAN }).starts_with("l2 must be"));
    }
}
