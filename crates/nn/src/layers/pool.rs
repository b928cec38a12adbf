//! Pools: what is left of a map when neighbors, or all pixels, are taken together.

use candle_core::{Result, Tensor};
use taper_tensor::{Pool, adaptive_avg_pool2d, global_avg_pool, global_max_pool, max_pool2d};

use crate::error::check;
use crate::graph::{Graph, GraphOp, Value};
use crate::layer::Layer;
use crate::mode::Mode;

/// The largest number of each window, by channel. Default windows of 2x2, one beside the other.
///
/// # Shapes
/// (N,H,W,C) to (N,OH,OW,C), by [`Pool::output`].
///
/// # Differs from PyTorch
/// Padding and stride are square; the stride is 2 unless it is given, there as large as the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MaxPool2d(
    /// How the window moves.
    pub Pool,
);

impl Layer for MaxPool2d {
    fn forward(&self, x: &Tensor, _: Mode<'_>) -> Result<Tensor> {
        max_pool2d(x, self.0)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        graph.add(GraphOp::MaxPool(self.0), &[x], &[])
    }
}

/// The mean of each window of `kernel` x `kernel` pixels, one beside the other; rows and columns
/// that fill no window are left out.
///
/// # Shapes
/// (N,H,W,C) to (N,⌊H/kernel⌋,⌊W/kernel⌋,C).
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor};
/// use taper_nn::{AvgPool2d, Layer, Mode};
/// let x = Tensor::arange(0f32, 6.0, &Device::Cpu)?.reshape((1, 2, 3, 1))?;
/// let y = AvgPool2d { kernel: 2 }.forward(&x, Mode::Eval)?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [2.0]); // of 0, 1, 3 and 4
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # Differs from PyTorch
/// Windows neither overlap nor hang over the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvgPool2d {
    /// The side of a window, pixels, 1 or more.
    pub kernel: usize,
}

impl Layer for AvgPool2d {
    fn forward(&self, x: &Tensor, _: Mode<'_>) -> Result<Tensor> {
        let side = self.kernel;
        check(side > 0, "kernel", "1 or more", side as f64)?;
        let (_, h, w, _) = x.dims4()?;
        let whole = x.narrow(1, 0, h / side * side)?.narrow(2, 0, w / side * side)?;
        adaptive_avg_pool2d(&whole.contiguous()?, (h / side, w / side))
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        graph.add(GraphOp::AveragePool(self.kernel), &[x], &[])
    }
}

/// The means over a grid of cells, whatever the size of the map.
///
/// # Shapes
/// (N,H,W,C) to (N,rows,columns,C).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdaptiveAvgPool2d {
    /// Rows of cells, 1 or more.
    pub rows: usize,
    /// Columns of cells, 1 or more.
    pub columns: usize,
}

impl Layer for AdaptiveAvgPool2d {
    fn forward(&self, x: &Tensor, _: Mode<'_>) -> Result<Tensor> {
        adaptive_avg_pool2d(x, (self.rows, self.columns))
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        graph.add(GraphOp::AdaptiveAverage(self.rows, self.columns), &[x], &[])
    }
}

/// The mean of each channel: what stands between the last map and a linear layer.
///
/// # Shapes
/// (N,H,W,C) to (N,C).
///
/// # References
/// M. Lin, Q. Chen, S. Yan, *Network In Network*, 2014.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GlobalAvgPool;

impl Layer for GlobalAvgPool {
    fn forward(&self, x: &Tensor, _: Mode<'_>) -> Result<Tensor> {
        global_avg_pool(x)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let mean = graph.add(GraphOp::AdaptiveAverage(1, 1), &[x], &[])?;
        graph.add(GraphOp::Flatten, &[mean], &[])
    }
}

/// The largest number of each channel.
///
/// # Shapes
/// (N,H,W,C) to (N,C), H and W at most 256.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GlobalMaxPool;

impl Layer for GlobalMaxPool {
    fn forward(&self, x: &Tensor, _: Mode<'_>) -> Result<Tensor> {
        global_max_pool(x)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let most = graph.add(GraphOp::GlobalMax, &[x], &[])?;
        graph.add(GraphOp::Flatten, &[most], &[])
    }
}
