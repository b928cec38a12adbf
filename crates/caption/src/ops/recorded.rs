//! An operation that has run before candle's graph hears of it.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};

use super::real::storage;

/// The gradients of three inputs for the gradient of the result.
type Backward = dyn Fn(&Tensor) -> Result<[Tensor; 3]> + Send + Sync;

struct Recorded {
    name: &'static str,
    y: Tensor,
    backward: Box<Backward>,
}

/// `y` as a function of three inputs, of which it was computed, with its gradient.
pub(super) fn record(
    name: &'static str,
    [a, b, c]: [&Tensor; 3],
    y: Tensor,
    backward: impl Fn(&Tensor) -> Result<[Tensor; 3]> + Send + Sync + 'static,
) -> Result<Tensor> {
    if !(a.track_op() || b.track_op() || c.track_op()) {
        return Ok(y);
    }
    a.apply_op3(b, c, Recorded { name, y, backward: Box::new(backward) })
}

impl CustomOp3 for Recorded {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        Ok((storage(&self.y)?, self.y.shape().clone()))
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [a, b, c] = (self.backward)(&dy.detach())?;
        Ok((Some(a), Some(b), Some(c)))
    }
}
