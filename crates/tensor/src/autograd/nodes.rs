//! Our operations in candle's graph: into it, one by one, and out of it.

use std::panic::Location;
use std::sync::{Arc, Mutex};

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, TensorId, bail};

use super::backward::collect;
use super::gradient::{Gradient, Terms};
use super::lock::lock;
use super::slot::Slot;
use super::trace::{self, Pass};
use crate::kernels;

/// The gradients of the inputs: None where none was asked for. They are given away: who wants them
/// may write over them.
pub(crate) type Gradients = Result<Vec<Option<Tensor>>>;

/// From the gradient of the output, and the output where it is kept, to those of the inputs.
pub(super) type Backward = Box<dyn FnOnce(Terms, Option<Tensor>) -> Gradients + Send + Sync>;

fn token() -> (CpuStorage, Shape) {
    (kernels::store(vec![0f32]), Shape::from(1))
}

/// From a tensor of candle's graph to its token.
pub(super) struct Enter(pub(super) Arc<Slot>);

impl CustomOp1 for Enter {
    fn name(&self) -> &'static str {
        "enter"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok(token())
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, _: &Tensor) -> Result<Option<Tensor>> {
        let Some(Gradient { tensor: grad, .. }) = self.0.take()?.map(Terms::sum).transpose()? else {
            // candle wants a gradient for all that it visits.
            return if x.is_variable() { Ok(None) } else { x.zeros_like().map(Some) };
        };
        if !x.is_variable() {
            return Ok(Some(grad));
        }
        collect(x, grad)
    }
}

/// An operation: from the tokens of its inputs to that of its output.
pub(super) struct Node {
    pub(super) slot: Arc<Slot>,
    pub(super) inputs: Vec<Option<Arc<Slot>>>,
    pub(super) saved: Arc<Mutex<Option<Saved>>>,
    /// Where it was called.
    pub(super) place: &'static Location<'static>,
}

/// What an operation keeps for its backward pass.
pub(super) struct Saved {
    pub(super) output: Option<Tensor>,
    pub(super) backward: Backward,
}

impl CustomOp1 for Node {
    fn name(&self) -> &'static str {
        "node"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok(token())
    }

    fn bwd(&self, tokens: &Tensor, _: &Tensor, _: &Tensor) -> Result<Option<Tensor>> {
        if let Some(terms) = self.slot.take()? {
            let Some(Saved { output, backward }) = lock(&self.saved).take() else {
                bail!("this graph has been used by a backward pass before: run the forward pass again");
            };
            // What others hold stays theirs where it is handed on.
            let shared = (!terms.0.own).then(|| terms.0.tensor.id());
            let grads = backward(terms, output)?;
            // What two inputs get is no input's own.
            let given: Vec<TensorId> = grads.iter().flatten().map(Tensor::id).chain(shared).collect();
            for (slot, grad) in self.inputs.iter().zip(grads) {
                if let (Some(slot), Some(tensor)) = (slot, grad) {
                    let own = given.iter().filter(|id| **id == tensor.id()).count() == 1;
                    slot.add(Gradient { tensor, own })?;
                }
            }
            trace::note(self.place, Pass::Backward, self.slot.shape());
        }
        tokens.zeros_like().map(Some)
    }
}

/// From the token of a result to the result.
pub(super) struct Leave {
    pub(super) storage: Mutex<Option<CpuStorage>>,
    pub(super) shape: Shape,
    pub(super) slot: Arc<Slot>,
    /// Dropped with the result.
    pub(super) _guard: Arc<dyn Send + Sync>,
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
