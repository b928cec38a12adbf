//! The backward pass of a part of a graph, from the gradient of its result.

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor};

use super::backward::backward;
use super::tape;

/// The gradients of all variables that `y` depends on, where the gradient of `y` is `gradient`, of
/// its shape: what [`backward`](crate::backward) goes on with where a graph is cut in two.
///
/// ```text
/// backward(Σ y·gradient)
/// ```
///
/// # Errors
/// As there, and when the shapes differ.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor, Var};
/// let x = Var::new(&[-1f32, 2.0], &Device::Cpu)?;
/// let gradient = Tensor::new(&[5f32, 7.0], &Device::Cpu)?;
/// let grads = taper_tensor::backward_from(&taper_tensor::relu(&x)?, &gradient)?;
/// assert_eq!(grads.get(&x).unwrap().to_vec1::<f32>()?, [0.0, 7.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn backward_from(y: &Tensor, gradient: &Tensor) -> Result<GradStore> {
    let gradient = gradient.detach();
    if let Some(token) = tape::give(y, &gradient)? {
        return backward(&token);
    }
    let mut grads = backward(&y.mul(&gradient)?.sum_all()?)?;
    // candle computes one for the constant as well, a map that nobody asks for.
    grads.remove(&gradient);
    Ok(grads)
}
