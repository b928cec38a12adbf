//! A gradient that becomes another one: in its own memory where nobody else holds it.

use std::cell::RefCell;
use std::marker::PhantomData;

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Tensor, bail};

use super::gradient::Gradient;
use crate::kernels::memory::{Elements, tensor, with};
use crate::kernels::simd::Stored;

/// Runs a rewrite on a gradient: what it has become, and the rest that the run gives.
pub(crate) fn rewritten<M: Stored, R>(
    g: Gradient,
    run: impl FnOnce(Elements<'_, M>) -> (Option<Vec<M>>, R),
) -> Result<(Tensor, R)> {
    let Gradient { tensor: g, own } = g;
    if !own {
        let (new, rest) = with::<M, _>(&g, |g| run(Elements::Shared(g)))?;
        return Ok((new.map_or(Ok(g.clone()), |new| tensor(new, g.shape()))?, rest));
    }
    let (run, rest) = (RefCell::new(Some(run)), RefCell::new(None));
    g.inplace_op1(&InPlace(
        |elements: &mut [M]| {
            *rest.borrow_mut() = run.take().map(|run| run(Elements::Own(elements)).1);
        },
        PhantomData,
    ))?;
    match rest.into_inner() {
        Some(rest) => Ok((g, rest)),
        None => bail!("a gradient on the CPU was expected"),
    }
}

/// A function of a tensor's elements as candle's operation.
struct InPlace<M, F>(F, PhantomData<M>);

impl<M: Stored, F: Fn(&mut [M])> InplaceOp1 for InPlace<M, F> {
    fn name(&self) -> &'static str {
        "rewrite"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (Some((from, to)), Some(all)) = (layout.contiguous_offsets(), M::all_mut(storage)) else {
            bail!("a kernel needs a contiguous tensor of {:?}; got {layout:?}", M::DTYPE);
        };
        (self.0)(&mut all[from..to]);
        Ok(())
    }
}
