//! The operations of this crate in candle's autograd, without its price by edge.
//!
//! candle's `backward` allocates a zeroed tensor for every intermediate result and adds each gradient to it: three
//! passes over memory as large as the feature maps. So gradients between two of our operations do not go through it.
//! Each result has a **slot**, into which every operation that consumed it puts its share, and a **token**, one float
//! that stands for the result in candle's graph and makes candle visit the operations in the right order:
//!
//! ```text
//! x (a Var) ──enter──▶ token ─┐
//!                             ├─ node ─▶ token of y ──leave──▶ y (the map, for any candle operation)
//! w (a Var) ──enter──▶ token ─┘                └─ node ─▶ token of the next result ...
//! ```
//!
//! An operation of ours that is given y finds its token in a table; one of candle's sees an ordinary tensor, whose
//! gradient `leave` puts into the slot. What an operation kept for its backward pass is dropped as soon as it has run.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, TensorId, WithDType, bail};

use crate::gate::Gate;
use crate::kernels::{self, elementwise, on_floats};

/// From the gradient of the output, and the output, to those of the inputs: None where none was asked for. They are given
/// away: who wants them may write over them.
pub(crate) trait Backward<G>: FnOnce(G, &Tensor) -> Result<Vec<Option<Tensor>>> + Send + Sync + 'static {}

impl<G, F: FnOnce(G, &Tensor) -> Result<Vec<Option<Tensor>>> + Send + Sync + 'static> Backward<G> for F {}

/// `values` as the result of an operation on `inputs`. `backward` runs at most once, on contiguous gradients.
pub(crate) fn record<T: WithDType>(
    values: Vec<T>,
    shape: impl Into<Shape>,
    inputs: &[&Tensor],
    backward: impl for<'a> Backward<&'a Tensor>,
) -> Result<Tensor> {
    record_terms(values, shape, inputs, move |terms: Terms, y: &Tensor| backward(&terms.sum()?.tensor, y))
}

/// As [`record`], for an operation that adds the terms of its gradient while it reads them.
pub(crate) fn record_terms<T: WithDType>(
    values: Vec<T>,
    shape: impl Into<Shape>,
    inputs: &[&Tensor],
    backward: impl Backward<Terms>,
) -> Result<Tensor> {
    let shape = shape.into();
    let edges = inputs.iter().map(|x| edge(x)).collect::<Result<Vec<_>>>()?;
    for edge in edges.iter().flatten() {
        edge.slot.readers.fetch_add(1, Ordering::Relaxed);
    }
    let tokens: Vec<&Tensor> = edges.iter().flatten().map(|e| &e.token).collect();
    let token = match tokens[..] {
        [] => return kernels::tensor(values, &shape),
        [one] => one.clone(),
        _ => Tensor::cat(&tokens, 0)?,
    };
    let (slot, guard, saved) =
        (Arc::<Slot>::default(), Arc::<Guard>::default(), Arc::<Mutex<Option<Saved>>>::default());
    let inputs = edges.into_iter().map(|e| e.map(|e| e.slot)).collect();
    let node = Node { slot: slot.clone(), inputs, saved: saved.clone() };
    let token = token.apply_op1(node)?;
    let storage = Mutex::new(Some(kernels::store(values)));
    let leave = Leave { storage, shape, slot: slot.clone(), _guard: guard.clone() };
    let y = token.apply_op1(leave)?;
    // Not y itself: y holds the node.
    *lock(&saved) = Some(Saved { output: y.detach(), backward: Box::new(backward) });
    guard.0.get_or_init(|| y.id());
    lock(&EDGES).insert(y.id(), Edge { token, slot, gate: None });
    Ok(y)
}

/// Asks whoever computes the last term of the gradient of `y`, the result of an operation, to finish it.
pub(crate) fn ask(y: &Tensor, gate: Arc<Gate>) {
    if let Some(edge) = lock(&EDGES).get_mut(&y.id()) {
        edge.gate = Some(gate);
    }
}

/// What has been asked of the operations that read `x`.
pub(crate) fn asked(x: &Tensor) -> Option<Asked> {
    let edge = lock(&EDGES).get(&x.id()).cloned()?;
    Some(Asked { gate: edge.gate?, slot: edge.slot })
}

/// A gate, and the gradient that should pass it.
pub(crate) struct Asked {
    pub(crate) gate: Arc<Gate>,
    slot: Arc<Slot>,
}

impl Asked {
    /// Whether the terms of all other operations that we know of have come.
    pub(crate) fn last(&self) -> bool {
        lock(&self.slot.arrived).number + 1 >= self.slot.readers.load(Ordering::Relaxed)
    }

    /// Takes the terms that have come, for an operation that adds its own to them.
    pub(crate) fn rest(&self) -> Result<Option<Gradient>> {
        lock(&self.slot.arrived).terms.take().map(Terms::sum).transpose()
    }
}

/// The gradients of all variables that a scalar depends on, as candle's `Tensor::backward`, without its zeroed copy
/// of every parameter.
///
/// # Errors
/// When an operation on the way has no gradient, or the graph has been used by a backward pass before.
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

/// The tokens of living results.
static EDGES: LazyLock<Mutex<HashMap<TensorId, Edge>>> = LazyLock::new(Mutex::default);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone)]
struct Edge {
    token: Tensor,
    slot: Arc<Slot>,
    gate: Option<Arc<Gate>>,
}

/// The edge to an input, if it leads to a variable.
fn edge(x: &Tensor) -> Result<Option<Edge>> {
    if !x.track_op() {
        return Ok(None);
    }
    if let Some(edge) = lock(&EDGES).get(&x.id()) {
        return Ok(Some(edge.clone()));
    }
    let slot = Arc::<Slot>::default();
    Ok(Some(Edge { token: x.apply_op1(Enter(slot.clone()))?, slot, gate: None }))
}

/// The gradient of a tensor.
#[derive(Default)]
struct Slot {
    arrived: Mutex<Arrived>,
    /// Operations of ours that have read the tensor.
    readers: AtomicUsize,
}

/// What has come of it, from so many operations.
#[derive(Default)]
struct Arrived {
    terms: Option<Terms>,
    number: usize,
}

impl Slot {
    fn add(&self, grad: Gradient) -> Result<()> {
        let grad = Gradient { tensor: grad.tensor.contiguous()?, own: grad.own };
        let mut arrived = lock(&self.arrived);
        arrived.number += 1;
        arrived.terms = Some(match arrived.terms.take() {
            None => Terms(grad, None),
            Some(Terms(first, None)) => Terms(first, Some(grad.tensor)),
            Some(more) => Terms(more.sum()?, Some(grad.tensor)),
        });
        Ok(())
    }

    fn take(&self) -> Option<Terms> {
        lock(&self.arrived).terms.take()
    }
}

/// A gradient, and whether nobody else holds it.
pub(crate) struct Gradient {
    pub(crate) tensor: Tensor,
    pub(crate) own: bool,
}

/// A gradient as one term, or as two that nobody has added yet; both contiguous.
pub(crate) struct Terms(pub(crate) Gradient, pub(crate) Option<Tensor>);

impl Terms {
    pub(crate) fn sum(self) -> Result<Gradient> {
        match self.1 {
            Some(second) => Ok(Gradient { tensor: added(&self.0.tensor, &second)?, own: true }),
            None => Ok(self.0),
        }
    }
}

/// The sum of two gradients of one tensor.
fn added(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if !kernels::fits(a) {
        return a + b;
    }
    on_floats!(a.dtype(), T => {
        let sum = kernels::with2::<T, _>(&a.contiguous()?, &b.contiguous()?, |a, b| elementwise::map2(a, b, |a, b| a + b))?;
        kernels::tensor(sum, a.shape())
    })
}

fn token() -> (CpuStorage, Shape) {
    (kernels::store(vec![0f32]), Shape::from(1))
}

/// From a tensor of candle's graph to its token.
struct Enter(Arc<Slot>);

impl CustomOp1 for Enter {
    fn name(&self) -> &'static str {
        "enter"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok(token())
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, _: &Tensor) -> Result<Option<Tensor>> {
        let Some(Gradient { tensor: grad, .. }) = self.0.take().map(Terms::sum).transpose()? else {
            // candle wants a gradient for all that it visits.
            return if x.is_variable() { Ok(None) } else { x.zeros_like().map(Some) };
        };
        if !x.is_variable() {
            return Ok(Some(grad));
        }
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
}

/// An operation: from the tokens of its inputs to that of its output.
struct Node {
    slot: Arc<Slot>,
    inputs: Vec<Option<Arc<Slot>>>,
    saved: Arc<Mutex<Option<Saved>>>,
}

/// What an operation keeps for its backward pass.
struct Saved {
    output: Tensor,
    backward: Box<dyn Backward<Terms>>,
}

impl CustomOp1 for Node {
    fn name(&self) -> &'static str {
        "node"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok(token())
    }

    fn bwd(&self, tokens: &Tensor, _: &Tensor, _: &Tensor) -> Result<Option<Tensor>> {
        if let Some(terms) = self.slot.take() {
            let Some(Saved { output, backward }) = lock(&self.saved).take() else {
                bail!("this graph has been used by a backward pass before: run the forward pass again");
            };
            let grads = backward(terms, &output)?;
            // What two inputs get is no input's own.
            let given: Vec<TensorId> = grads.iter().flatten().map(Tensor::id).collect();
            for (slot, grad) in self.inputs.iter().zip(grads) {
                if let (Some(slot), Some(tensor)) = (slot, grad) {
                    let own = given.iter().filter(|id| **id == tensor.id()).count() == 1;
                    slot.add(Gradient { tensor, own })?;
                }
            }
        }
        tokens.zeros_like().map(Some)
    }
}

/// From the token of a result to the result.
struct Leave {
    storage: Mutex<Option<CpuStorage>>,
    shape: Shape,
    slot: Arc<Slot>,
    _guard: Arc<Guard>,
}

impl CustomOp1 for Leave {
    fn name(&self) -> &'static str {
        "leave"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        match lock(&self.storage).take() {
            Some(storage) => Ok((storage, self.shape.clone())),
            None => bail!("a result can be taken once"),
        }
    }

    fn bwd(&self, token: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        self.slot.add(Gradient { tensor: grad.clone(), own: false })?;
        token.zeros_like().map(Some)
    }
}

/// Takes a result out of the table when it is dropped.
#[derive(Default)]
struct Guard(OnceLock<TensorId>);

impl Drop for Guard {
    fn drop(&mut self) {
        // In two steps: dropping the edge may drop further results, which want the lock.
        let edge = self.0.get().and_then(|id| lock(&EDGES).remove(id));
        drop(edge);
    }
}
