//! The operations of this crate in candle's autograd, without its price by edge.
//!
//! candle's `backward` allocates a zeroed tensor for every intermediate result and adds each
//! gradient to it: three passes over memory as large as the feature maps. So gradients between two
//! of our operations do not go through it. Each result has a **slot**, into which every operation
//! that consumed it puts its share, and a **token**, one float that stands for the result in
//! candle's graph and makes candle visit the operations in the right order:
//!
//! ```text
//! x (a Var) ──enter──▶ token ─┐
//!                             ├─ node ─▶ token of y ──leave──▶ y (the map, for candle's operations)
//! w (a Var) ──enter──▶ token ─┘                └─ node ─▶ token of the next result ...
//! ```
//!
//! An operation of ours that is given y finds its token in a table; one of candle's sees an
//! ordinary tensor, whose gradient `leave` puts into the slot. What an operation kept for its
//! backward pass is dropped as soon as it has run.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use candle_core::{Result, Shape, Tensor, TensorId, WithDType, bail};

use super::gate::{Asked, Gate};
use super::gradient::{Gradient, Terms};
use super::kept::{Again, Kept};
use super::lock::lock;
use super::nodes::{Backward, Enter, Gradients, Leave, Node, Saved};
use super::slot::Slot;
use super::trace::{self, Pass};
use crate::kernels;

/// `values` as the result of an operation on `inputs`. `backward` runs at most once, on contiguous
/// gradients.
#[track_caller]
pub(crate) fn record<T: WithDType>(
    values: Vec<T>,
    shape: impl Into<Shape>,
    inputs: &[&Tensor],
    backward: impl FnOnce(&Tensor) -> Gradients + Send + Sync + 'static,
) -> Result<Tensor> {
    record_terms(values, shape, inputs, move |terms: Terms| backward(&terms.sum()?.tensor))
}

/// As [`record`], for an operation that adds the terms of its gradient while it reads them.
#[track_caller]
pub(crate) fn record_terms<T: WithDType>(
    values: Vec<T>,
    shape: impl Into<Shape>,
    inputs: &[&Tensor],
    backward: impl FnOnce(Terms) -> Gradients + Send + Sync + 'static,
) -> Result<Tensor> {
    node(values, shape.into(), inputs, Output::Dropped, Box::new(move |terms, _| backward(terms)))
}

/// As [`record_terms`], for an operation whose gradient is made of its result, too: that is kept.
#[track_caller]
pub(crate) fn record_with_output<T: WithDType>(
    values: Vec<T>,
    shape: impl Into<Shape>,
    inputs: &[&Tensor],
    backward: impl FnOnce(Terms, &Tensor) -> Gradients + Send + Sync + 'static,
) -> Result<Tensor> {
    let backward = move |terms, y: Option<Tensor>| match y {
        Some(y) => backward(terms, &y),
        None => bail!("the result has not been kept"),
    };
    node(values, shape.into(), inputs, Output::Kept, Box::new(backward))
}

/// Whether a node keeps its result.
#[derive(PartialEq)]
enum Output {
    Kept,
    Dropped,
}

#[track_caller]
fn node<T: WithDType>(
    values: Vec<T>,
    shape: Shape,
    inputs: &[&Tensor],
    output: Output,
    backward: Backward,
) -> Result<Tensor> {
    let place = Location::caller();
    let edges = inputs.iter().map(|x| edge(x)).collect::<Result<Vec<_>>>()?;
    for edge in edges.iter().flatten() {
        edge.slot.read();
    }
    let tokens: Vec<&Tensor> = edges.iter().flatten().map(|e| &e.token).collect();
    let token = match tokens[..] {
        [] => return kernels::tensor(values, &shape),
        [one] => one.clone(),
        _ => Tensor::cat(&tokens, 0)?,
    };
    let (slot, guard, saved) =
        (Arc::new(Slot::new(shape.clone(), T::DTYPE)), Arc::<Guard>::default(), Arc::<Mutex<Option<Saved>>>::default());
    let inputs = edges.into_iter().map(|e| e.map(|e| e.slot)).collect();
    trace::note(place, Pass::Forward, &shape);
    let node = Node { slot: slot.clone(), inputs, saved: saved.clone(), place };
    let token = token.apply_op1(node)?;
    let storage = Mutex::new(Some(kernels::store(values)));
    let leave = Leave { storage, shape, slot: slot.clone(), _guard: guard.clone() };
    let y = token.apply_op1(leave)?;
    // Not y itself: y holds the node.
    *lock(&saved) = Some(Saved { output: (output == Output::Kept).then(|| y.detach()), backward });
    guard.0.get_or_init(|| y.id());
    lock(&EDGES).insert(y.id(), Edge { token, slot, gate: None, again: None });
    Ok(y)
}

/// Asks whoever computes the last term of the gradient of `y`, the result of an operation, to
/// finish it.
pub(crate) fn ask(y: &Tensor, gate: Arc<Gate>) {
    if let Some(edge) = lock(&EDGES).get_mut(&y.id()) {
        edge.gate = Some(gate);
    }
}

/// Says how `y`, the result of an operation, can be computed again for whoever would keep it.
pub(crate) fn offer(y: &Tensor, again: Arc<Again>) {
    if let Some(edge) = lock(&EDGES).get_mut(&y.id()) {
        edge.again = Some(again);
    }
}

/// What to keep of `x`, whose contiguous map this is.
pub(crate) fn kept(x: &Tensor, map: &Tensor) -> Kept {
    match lock(&EDGES).get(&x.id()).and_then(|edge| edge.again.clone()) {
        Some(again) => Kept::again(again),
        None => Kept::Map(map.detach()),
    }
}

/// Gives `y`, the result of an operation, its gradient; the token to go backward from. None where
/// it is no such result.
pub(crate) fn give(y: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
    let Some(Edge { token, slot, .. }) = lock(&EDGES).get(&y.id()).cloned() else { return Ok(None) };
    slot.read();
    slot.add(Gradient { tensor: gradient.clone(), own: false })?;
    Ok(Some(token))
}

/// What has been asked of the operations that read `x`.
pub(crate) fn asked(x: &Tensor) -> Option<Asked> {
    let edge = lock(&EDGES).get(&x.id()).cloned()?;
    Some(Asked { gate: edge.gate?, slot: edge.slot })
}

/// The tokens of living results.
///
/// A global table, since candle lets nobody attach anything to a tensor: its operation is private,
/// and its id is all that the next operation can know it by. A key lives as long as its result
/// ([`Guard`]).
static EDGES: LazyLock<Mutex<HashMap<TensorId, Edge>>> = LazyLock::new(Mutex::default);

#[derive(Clone)]
struct Edge {
    token: Tensor,
    slot: Arc<Slot>,
    gate: Option<Arc<Gate>>,
    again: Option<Arc<Again>>,
}

/// The edge to an input, if it leads to a variable.
fn edge(x: &Tensor) -> Result<Option<Edge>> {
    if !x.track_op() {
        return Ok(None);
    }
    if let Some(edge) = lock(&EDGES).get(&x.id()) {
        return Ok(Some(edge.clone()));
    }
    let slot = Arc::new(Slot::new(x.shape().clone(), x.dtype()));
    Ok(Some(Edge { token: x.apply_op1(Enter(slot.clone()))?, slot, gate: None, again: None }))
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
