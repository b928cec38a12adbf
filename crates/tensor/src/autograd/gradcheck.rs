//! Gradients against finite differences.

use candle_core::{DType, Device, Tensor, Var};

use crate::rng::Rng;

/// Why a gradient check failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GradientError {
    /// A derivative that backward and finite differences do not agree on.
    #[error(
        "the gradient of input {input} at element {element} is {backward} by backward, {differences} by finite differences"
    )]
    Differs {
        /// Which input.
        input: usize,
        /// Which of its elements, in row-major order.
        element: usize,
        /// What backward says.
        backward: f64,
        /// What finite differences say.
        differences: f64,
    },
    /// The function gave no gradient for an input.
    #[error("backward gives no gradient for input {input}: is the function a function of it?")]
    Missing {
        /// Which input.
        input: usize,
    },
    /// The function itself failed.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

/// Holds the gradient of `f` to central differences in float64, at every element of every input.
///
/// The outputs are weighed with fixed random numbers r to one number `L = Σ r·f(x)`; each
/// derivative must satisfy `|backward - (L(x+h) - L(x-h)) / 2h| <= tolerance · max(1, |backward|)`
/// with h = 1e-5.
///
/// # Errors
/// The first derivative that does not agree.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[0.5f64, -1.5], &Device::Cpu)?;
/// taper_tensor::check_gradients(&[x], 1e-7, |x| x[0].sqr())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn check_gradients(
    inputs: &[Tensor],
    tolerance: f64,
    f: impl Fn(&[Tensor]) -> candle_core::Result<Tensor>,
) -> Result<(), GradientError> {
    const H: f64 = 1e-5;
    let inputs = inputs.iter().map(|x| x.to_dtype(DType::F64)).collect::<candle_core::Result<Vec<_>>>()?;
    let vars = inputs.iter().map(Var::from_tensor).collect::<candle_core::Result<Vec<_>>>()?;
    let tracked: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
    let y = f(&tracked)?;
    let mut rng = Rng::new(0).fork("gradcheck");
    let weights: Vec<f64> = (0..y.elem_count()).map(|_| rng.normal()).collect();
    let weights = Tensor::from_vec(weights, y.shape(), &Device::Cpu)?;
    let weigh = |y: Tensor| (y * &weights)?.sum_all();
    let grads = weigh(y)?.backward()?;

    for (input, x) in inputs.iter().enumerate() {
        let backward = grads.get(&vars[input]).ok_or(GradientError::Missing { input })?;
        let backward = backward.flatten_all()?.to_vec1::<f64>()?;
        let values = x.flatten_all()?.to_vec1::<f64>()?;
        for (element, &analytic) in backward.iter().enumerate() {
            let at = |step: f64| {
                let mut moved = values.clone();
                moved[element] += step;
                let mut all = inputs.clone();
                all[input] = Tensor::from_vec(moved, x.shape(), &Device::Cpu)?;
                weigh(f(&all)?)?.to_scalar::<f64>()
            };
            let numeric = (at(H)? - at(-H)?) / (2.0 * H);
            let agree = (analytic - numeric).abs() <= tolerance * analytic.abs().max(1.0);
            if !agree {
                return Err(GradientError::Differs { input, element, backward: analytic, differences: numeric });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_gradient_is_found_and_named() -> candle_core::Result<()> {
        let x = Tensor::new(&[1.0f64, 2.0], &Device::Cpu)?;
        // detach hides one factor: backward sees x·c where the function is x².
        let wrong = check_gradients(std::slice::from_ref(&x), 1e-6, |x| &x[0] * &x[0].detach());
        assert!(matches!(wrong, Err(GradientError::Differs { input: 0, element: 0, .. })), "{wrong:?}");
        let missing = check_gradients(&[x.clone(), x], 1e-6, |x| x[0].sqr());
        assert!(matches!(missing, Err(GradientError::Missing { input: 1 })), "{missing:?}");
        Ok(())
    }
}
