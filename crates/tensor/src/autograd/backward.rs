//! The backward pass without candle's zeroed copy of every parameter.

use std::cell::RefCell;
use std::collections::HashMap;

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, TensorId};

use super::gradient::added;

/// The gradients of all variables that a scalar depends on, as candle's `Tensor::backward`, without
/// its zeroed copy of every parameter.
///
/// # Errors
/// When an operation on the way has no gradient, or the graph has been used by a backward pass
/// before.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor, Var};
/// let x = Var::new(&[-1f32, 2.0], &Device::Cpu)?;
/// let grads = taper_tensor::backward(&taper_tensor::relu(&x)?.sum_all()?)?;
/// assert_eq!(grads.get(&x).unwrap().to_vec1::<f32>()?, [0.0, 1.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn backward(loss: &Tensor) -> Result<GradStore> {
    let before = COLLECTED.replace(Some(HashMap::new()));
    let grads = loss.backward();
    let collected = COLLECTED.replace(before).unwrap_or_default();
    let mut grads = grads?;
    for (id, grad) in collected {
        let sum = match grads.get_id(id) {
            Some(other) => added(other, &grad)?,
            None => grad,
        };
        grads.insert_id(id, sum);
    }
    Ok(grads)
}

thread_local! {
    /// The gradients of variables during [`backward`].
    static COLLECTED: RefCell<Option<HashMap<TensorId, Tensor>>> = const { RefCell::new(None) };
}

/// Keeps the gradient of a variable for [`backward`], if that is running; else gives it back.
pub(crate) fn collect(x: &Tensor, grad: Tensor) -> Result<Option<Tensor>> {
    COLLECTED.with_borrow_mut(|collected| match collected {
        None => Ok(Some(grad)),
        Some(collected) => {
            let sum = match collected.remove(&x.id()) {
                Some(other) => added(&other, &grad)?,
                None => grad,
            };
            collected.insert(x.id(), sum);
            Ok(None)
        }
    })
}
