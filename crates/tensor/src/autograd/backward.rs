//! The backward pass without candle's zeroed copy of every parameter.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::mpsc::Sender;

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
    collecting(loss, None)
}

/// A term of the gradient of a variable that has come in the course of [`backward_told`].
#[derive(Clone, Debug)]
pub struct Told {
    /// The variable.
    pub variable: TensorId,
    /// The sum of the terms that have come: the whole gradient, once there are as many as there
    /// are operations of this crate that read the variable, and none of candle's does.
    pub gradient: Tensor,
    /// How many have come.
    pub terms: usize,
}

/// [`backward`] that tells of each gradient of a variable when it comes, while those of the layers
/// before it are still to be computed. Who no longer listens does no harm.
///
/// # Errors
/// As there.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor, Var};
/// let x = Var::new(&[-1f32, 2.0], &Device::Cpu)?;
/// let (tell, told) = std::sync::mpsc::channel();
/// taper_tensor::backward_told(&taper_tensor::relu(&x)?.sum_all()?, tell)?;
/// let told: Vec<_> = told.iter().collect();
/// assert_eq!((told.len(), told[0].variable, told[0].terms), (1, x.id(), 1));
/// assert_eq!(told[0].gradient.to_vec1::<f32>()?, [0.0, 1.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn backward_told(loss: &Tensor, tell: Sender<Told>) -> Result<GradStore> {
    collecting(loss, Some(tell))
}

fn collecting(loss: &Tensor, tell: Option<Sender<Told>>) -> Result<GradStore> {
    let before = COLLECTED.replace(Some(Collected { sums: HashMap::new(), tell }));
    let grads = loss.backward();
    let collected = COLLECTED.replace(before).map(|collected| collected.sums).unwrap_or_default();
    let mut grads = grads?;
    for (id, (grad, _)) in collected {
        let sum = match grads.get_id(id) {
            Some(other) => added(other, &grad)?,
            None => grad,
        };
        grads.insert_id(id, sum);
    }
    Ok(grads)
}

/// The gradients of variables, each with the number of its terms, and who is told of them.
struct Collected {
    sums: HashMap<TensorId, (Tensor, usize)>,
    tell: Option<Sender<Told>>,
}

thread_local! {
    /// What has come during [`backward`].
    static COLLECTED: RefCell<Option<Collected>> = const { RefCell::new(None) };
}

/// Keeps the gradient of a variable for [`backward`], if that is running; else gives it back.
pub(crate) fn collect(x: &Tensor, grad: Tensor) -> Result<Option<Tensor>> {
    COLLECTED.with_borrow_mut(|collected| match collected {
        None => Ok(Some(grad)),
        Some(Collected { sums, tell }) => {
            let (gradient, terms) = match sums.remove(&x.id()) {
                Some((other, terms)) => (added(&other, &grad)?, terms + 1),
                None => (grad, 1),
            };
            if let Some(tell) = tell {
                let told = Told { variable: x.id(), gradient: gradient.clone(), terms };
                // Nobody has to listen to the end.
                let _ = tell.send(told);
            }
            sums.insert(x.id(), (gradient, terms));
            Ok(None)
        }
    })
}
