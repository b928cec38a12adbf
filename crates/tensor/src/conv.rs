//! Convolution.

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};

use crate::composed;
use crate::kernels::{self, conv as kernel, on_floats};

/// How a convolution moves over the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    /// Pixels between windows, both directions. Default 1.
    pub stride: usize,
    /// Rows and columns of zeros on each side, pixels. Default 0.
    pub padding: usize,
    /// Pixels between the taps of the kernel. Default 1.
    pub dilation: usize,
    /// Parts that the channels are split into; equal to the channels it is a depthwise convolution. Default 1.
    pub groups: usize,
}

impl Default for Conv {
    fn default() -> Self {
        Self { stride: 1, padding: 0, dilation: 1, groups: 1 }
    }
}

/// Cross-correlation over feature maps, as every framework's `conv2d`:
/// `y[n,i,j,o] = b[o] + Σ_{r,s,c} x[n, i·stride + r·dilation - padding, …, c] · weight[o,c,r,s]`.
///
/// # Shapes
/// x (N,H,W,C), weight (O, C/groups, R, S), bias (O) to (N,OH,OW,O) with
/// `OH = (H + 2·padding - dilation·(R-1) - 1) / stride + 1`.
///
/// # Errors
/// When the shapes do not fit each other, a size of the configuration is 0, or the window is larger than the padded map.
///
/// # Differs from PyTorch
/// Maps are (N,H,W,C). Each gradient is computed only for an argument that leads to a variable.
pub fn conv2d(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, conv: Conv) -> Result<Tensor> {
    let shape = sizes(x, weight, bias, conv)?;
    if !kernels::fits(x) {
        return composed::conv2d(x, weight, bias, conv);
    }
    let (x, weight) = (x.contiguous()?, weight.contiguous()?);
    let op = Op { shape, gradients: (x.track_op(), weight.track_op(), bias.is_some_and(Tensor::track_op)) };
    match bias {
        Some(bias) => x.apply_op3(&weight, &bias.contiguous()?, op),
        None => x.apply_op2(&weight, op),
    }
}

fn sizes(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, conv: Conv) -> Result<kernel::Shape> {
    let (n, h, w, c) = x.dims4()?;
    let (o, i, r, s) = weight.dims4()?;
    let Conv { stride, padding, dilation, groups } = conv;
    if stride == 0 || dilation == 0 || groups == 0 || r == 0 || s == 0 {
        bail!("conv2d: stride, dilation, groups and kernel must be at least 1; got {conv:?}, kernel {r}x{s}");
    }
    if c != i * groups || o % groups != 0 {
        bail!(
            "conv2d: weight {:?} in {groups} groups wants {} channels (N,H,W,C); got {:?}",
            weight.dims(),
            i * groups,
            x.dims()
        );
    }
    if let Some(bias) = bias.filter(|b| b.dims() != [o]) {
        bail!("conv2d: bias must have the shape [{o}]; got {:?}", bias.dims());
    }
    let (reach_h, reach_w) = (dilation * (r - 1) + 1, dilation * (s - 1) + 1);
    if h + 2 * padding < reach_h || w + 2 * padding < reach_w {
        bail!("conv2d: the window {reach_h}x{reach_w} is larger than the map {h}x{w} with padding {padding}");
    }
    let (oh, ow) = ((h + 2 * padding - reach_h) / stride + 1, (w + 2 * padding - reach_w) / stride + 1);
    Ok(kernel::Shape { n, h, w, c, oh, ow, o, r, s, stride, padding, dilation, groups })
}

struct Op {
    shape: kernel::Shape,
    /// Which of x, weight, bias lead to a variable.
    gradients: (bool, bool, bool),
}

impl Op {
    fn output(&self) -> Shape {
        let d = &self.shape;
        Shape::from((d.n, d.oh, d.ow, d.o))
    }

    fn backward(&self, x: &Tensor, weight: &Tensor, dy: &Tensor) -> Result<[Option<Tensor>; 3]> {
        let (d, dy) = (self.shape, dy.contiguous()?);
        on_floats!(x.dtype(), T => {
            let dx = self.gradients.0.then(|| {
                let dx = kernels::with2::<T, _>(weight, &dy, |w, dy| kernel::input_gradient(d, w, dy))?;
                kernels::tensor(dx, x.shape())
            });
            let dw = self.gradients.1.then(|| {
                let dw = kernels::with2::<T, _>(x, &dy, |x, dy| kernel::weight_gradient(d, x, dy))?;
                kernels::tensor(dw, weight.shape())
            });
            let db = self.gradients.2.then(|| {
                let db = kernels::with::<T, _>(&dy, |dy| kernel::column_sums(dy, d.o))?;
                kernels::tensor(db, &Shape::from(d.o))
            });
            Ok([dx.transpose()?, dw.transpose()?, db.transpose()?])
        })
    }
}

impl CustomOp2 for Op {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn cpu_fwd(&self, x: &CpuStorage, xl: &Layout, w: &CpuStorage, wl: &Layout) -> Result<(CpuStorage, Shape)> {
        let out = on_floats!(kernels::dtype(x), T => {
            kernels::store(kernel::forward(self.shape, kernels::slice::<T>(x, xl)?, kernels::slice::<T>(w, wl)?, None))
        });
        Ok((out, self.output()))
    }

    fn bwd(&self, x: &Tensor, w: &Tensor, _: &Tensor, dy: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let [dx, dw, _] = self.backward(x, w, dy)?;
        Ok((dx, dw))
    }
}

impl CustomOp3 for Op {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        w: &CpuStorage,
        wl: &Layout,
        b: &CpuStorage,
        bl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let out = on_floats!(kernels::dtype(x), T => {
            let (x, w) = (kernels::slice::<T>(x, xl)?, kernels::slice::<T>(w, wl)?);
            kernels::store(kernel::forward(self.shape, x, w, Some(kernels::slice::<T>(b, bl)?)))
        });
        Ok((out, self.output()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _: &Tensor,
        _: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [dx, dw, db] = self.backward(x, w, dy)?;
        Ok((dx, dw, db))
    }
}
