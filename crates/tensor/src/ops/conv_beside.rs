//! Several convolutions of one map, their rectified outputs side by side.

use candle_core::{Result, Shape, Tensor, bail};

use super::concat::{concat, on_slices};
use super::conv::{Saved, conv2d_relu};
use super::inputs;
use super::maps::stored;
use super::packed::PackedWeights;
use crate::autograd::{rewritten, tape};
use crate::kernels::conv::{self as kernel, Beside, Maps, Weight};
use crate::kernels::elementwise::concat::cut;
use crate::kernels::norm::rows;
use crate::kernels::simd::{Real, simd};
use crate::kernels::{self, on_floats};
use crate::sizes::{Checked, Convolution, made};
use crate::window::Conv;

/// A convolution with its weight and bias.
#[derive(Clone, Copy, Debug)]
pub struct Branch<'a> {
    /// (O, C, R, S).
    pub weight: &'a Tensor,
    /// (O).
    pub bias: &'a Tensor,
    /// How its window moves.
    pub conv: Conv,
}

/// `concat(conv2d_relu(x), ...)` of several convolutions: each writes its channels of the whole, so
/// that nothing is concatenated.
///
/// # Shapes
/// x (N,H,W,C) to (N,OH,OW,O₁ + O₂ + …), with OH and OW the same for all.
///
/// # Errors
/// As [`conv2d_relu`] and [`concat()`](crate::concat()), and when there is no branch.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_tensor::{Branch, Conv, conv2d_relu_concat};
/// let x = Tensor::new(&[[[[1f32], [-3.0]]]], &Device::Cpu)?; // (1,1,2,1)
/// let (one, zero) = (Tensor::ones((1, 1, 1, 1), DType::F32, &Device::Cpu)?, Tensor::zeros(1, DType::F32, &Device::Cpu)?);
/// let two = (&one * 2.0)?;
/// let branch = |weight| Branch { weight, bias: &zero, conv: Conv::default() };
/// let y = conv2d_relu_concat(&x, &[branch(&one), branch(&two)])?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [1.0, 2.0, 0.0, 0.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn conv2d_relu_concat(x: &Tensor, branches: &[Branch<'_>]) -> Result<Tensor> {
    let x = &stored(x)?;
    let sizes = |b: &Branch<'_>| inputs::convolution(x, b.weight, Some(b.bias), b.conv);
    let sizes = branches.iter().map(sizes).collect::<Result<Vec<_>>>()?;
    let Some(first) = sizes.first() else { bail!("conv2d_relu_concat: wanted one branch or more; got none") };
    let [n, h, w, _] = first.output();
    let alike = |d: &Checked<Convolution>| d.output()[..3] == [n, h, w] && d.groups == 1 && d.y_len() > 0;
    if !kernels::fits(x) || !sizes.iter().all(alike) {
        let maps = branches.iter().map(|b| conv2d_relu(x, b.weight, Some(b.bias), b.conv));
        return concat(&maps.collect::<Result<Vec<_>>>()?.iter().collect::<Vec<_>>());
    }
    let shape = [n, h, w, sizes.iter().map(|d| d.o).sum()];
    made("conv2d_relu_concat", &shape, x.dtype().size_in_bytes())?;
    on_floats!(x.dtype(), T => {
        let map = x.contiguous()?;
        let weights = branches.iter().map(|b| b.weight.contiguous()).collect::<Result<Vec<_>>>()?;
        let y = outputs::<T>(&map, &sizes, &weights, branches)?;
        let inputs: Vec<&Tensor> = branches.iter().flat_map(|b| [x, b.weight, b.bias]).collect();
        let saved = sizes.iter().zip(&weights).zip(inputs.chunks(3));
        let saved: Vec<(usize, Saved)> =
            saved.map(|((&d, weight), inputs)| (d.o, Saved::new(d, inputs, (&map, weight)))).collect();
        tape::record_with_output(y, shape.to_vec(), &inputs, move |dy, y| {
            let (dy, o) = (dy.sum()?, shape[3]);
            let (dz, sums) = kernels::with::<T, _>(y, |y| rewritten(dy, |dy| rows::rectified(y, dy, o)))??;
            let (mut gradients, mut from) = (Vec::new(), 0);
            for (channels, saved) in saved {
                let own = kernels::with::<T, _>(&dz, |dz| cut(dz, o, from, channels))?;
                let own = kernels::tensor(own, &Shape::from([n, h, w, channels].to_vec()))?;
                gradients.extend(saved.gradients::<T>(own, Some(sums[from..from + channels].to_vec()))?);
                from += channels;
            }
            Ok(gradients)
        })
    })
}

/// The outputs of all, by weights that lie in one piece.
fn outputs<T: Real + Maps<Real = T>>(
    map: &Tensor,
    sizes: &[Checked<Convolution>],
    weights: &[Tensor],
    branches: &[Branch<'_>],
) -> Result<Vec<T>> {
    let simd = simd();
    let packed = sizes.iter().zip(weights).map(|(&d, weight)| PackedWeights::of::<T>(d.simd(simd), d, weight));
    let packed = packed.collect::<Result<Vec<_>>>()?;
    let bias = Tensor::cat(&branches.iter().map(|b| b.bias).collect::<Vec<_>>(), 0)?;
    // The map, the biases, all weights, and behind them those that are packed.
    let tensors: Vec<Tensor> =
        [map, &bias].into_iter().chain(weights).cloned().chain(packed.iter().flatten().cloned()).collect();
    on_slices::<T, _>(&tensors, Vec::new(), &mut |slices| {
        let (values, mut kept) = (&slices[2..2 + weights.len()], slices[2 + weights.len()..].iter().copied());
        let all = sizes.iter().zip(values).zip(&packed).map(|((&d, values), packed)| {
            let packed = packed.as_ref().and_then(|_| kept.next());
            Beside { simd: d.simd(simd), d, weight: Weight { values, packed } }
        });
        kernel::forward_beside(&all.collect::<Vec<_>>(), slices[0], slices[1])
    })
}
