//! Single convolutions: how much of the machine's arithmetic each direction uses.

use anyhow::Result;
use candle_core::{Tensor, Var};
use rayon::prelude::*;
use taper_tensor::{Conv, backward, conv2d};

use super::clock;
use super::networks::noise;
use super::table::number;
use crate::output::line;

/// Pictures in a batch.
const BATCH: usize = 16;

/// A convolution of maps of `side`², padded by half its kernel where `padded`.
struct Layer {
    network: &'static str,
    kernel: usize,
    channels: (usize, usize),
    side: usize,
    stride: usize,
    groups: usize,
    padded: bool,
}

const fn layer(network: &'static str, kernel: usize, inputs: usize, outputs: usize, side: usize) -> Layer {
    Layer { network, kernel, channels: (inputs, outputs), side, stride: 1, groups: 1, padded: true }
}

/// Of MobileNetV2 and EfficientNet.
const fn depthwise(kernel: usize, channels: usize, side: usize, stride: usize) -> Layer {
    Layer { stride, groups: channels, ..layer("depthwise", kernel, channels, channels, side) }
}

const LAYERS: &[Layer] = &[
    layer("VGG", 3, 3, 64, 224),
    layer("VGG", 3, 64, 64, 224),
    layer("VGG", 3, 128, 128, 112),
    layer("VGG", 3, 256, 256, 56),
    layer("VGG", 3, 512, 512, 28),
    layer("VGG", 3, 512, 512, 14),
    Layer { stride: 2, ..layer("ResNet", 7, 3, 64, 224) },
    layer("ResNet", 3, 64, 64, 56),
    layer("ResNet", 3, 128, 128, 28),
    layer("ResNet", 3, 256, 256, 14),
    layer("ResNet", 3, 512, 512, 7),
    Layer { stride: 2, ..layer("ResNet", 3, 64, 128, 56) },
    layer("ResNet", 1, 256, 64, 56),
    layer("ResNet", 1, 64, 256, 56),
    layer("ResNet", 1, 512, 128, 28),
    layer("ResNet", 1, 128, 512, 28),
    layer("ResNet", 1, 1024, 256, 14),
    layer("ResNet", 1, 256, 1024, 14),
    layer("ResNet", 1, 2048, 512, 7),
    layer("ResNet", 1, 512, 2048, 7),
    Layer { stride: 2, ..layer("ResNet", 1, 256, 512, 56) },
    Layer { stride: 2, padded: false, ..layer("SqueezeNet", 3, 3, 64, 224) },
    layer("SqueezeNet", 1, 128, 16, 55),
    layer("SqueezeNet", 1, 16, 64, 55),
    layer("SqueezeNet", 3, 16, 64, 55),
    layer("SqueezeNet", 3, 48, 192, 13),
    depthwise(3, 32, 112, 1),
    depthwise(3, 96, 112, 2),
    depthwise(3, 144, 56, 1),
    depthwise(5, 144, 56, 2),
    depthwise(5, 240, 28, 1),
    depthwise(3, 384, 14, 1),
    depthwise(5, 672, 14, 1),
    depthwise(3, 960, 7, 1),
];

impl Layer {
    fn conv(&self) -> Conv {
        let padding = if self.padded { self.kernel / 2 } else { 0 };
        Conv { stride: self.stride, padding, groups: self.groups, ..Conv::default() }
    }

    /// Side of the output.
    fn output(&self) -> usize {
        (self.side + 2 * self.conv().padding - self.kernel) / self.stride + 1
    }

    /// Multiplications and additions of the direct form; of each gradient as many.
    fn flops(&self, n: usize) -> f64 {
        let (inputs, outputs) = self.channels;
        let window = self.kernel * self.kernel * inputs / self.groups;
        2.0 * (n * self.output() * self.output() * outputs) as f64 * window as f64
    }

    fn name(&self) -> String {
        let Layer { network, kernel, channels: (inputs, outputs), side, .. } = self;
        let stride = if self.stride > 1 { format!(" stride {}", self.stride) } else { String::new() };
        let groups = if self.groups > 1 { format!(" groups {}", self.groups) } else { String::new() };
        format!("{network} {kernel}x{kernel} {inputs}->{outputs} @{side}{stride}{groups}")
    }

    /// Seconds of the forward pass, of the gradient of x alone and of that of the weight alone.
    fn seconds(&self, n: usize, repeat: u32) -> Result<[f64; 3]> {
        let (inputs, outputs) = self.channels;
        let x = noise(&[n, self.side, self.side, inputs])?;
        let weight = noise(&[outputs, inputs / self.groups, self.kernel, self.kernel])?;
        let conv = self.conv();
        let forward = clock::seconds_after(repeat, || Ok(()), |()| Ok(conv2d(&x, &weight, None, conv).map(drop)?))?;

        // A backward pass begins with a gradient of ones, which is not the convolution's time.
        let y = conv2d(&x, &weight, None, conv)?;
        let ones = clock::seconds_after(repeat, || Ok(()), |()| Ok(y.ones_like()?.contiguous().map(drop)?))?;
        drop(y);
        let gradient = |x: &Tensor, weight: &Tensor| {
            let graph = || Ok(conv2d(x, weight, None, conv)?);
            clock::seconds_after(repeat, graph, |y| Ok(backward(&y).map(drop)?))
        };
        let dx = gradient(Var::from_tensor(&x)?.as_tensor(), &weight)? - ones;
        let dw = gradient(&x, Var::from_tensor(&weight)?.as_tensor())? - ones;
        Ok([forward, dx.max(f64::MIN_POSITIVE), dw.max(f64::MIN_POSITIVE)])
    }
}

/// GFLOP/s of a dense product of 2048x2048 matrices.
fn product(repeat: u32) -> Result<f64> {
    let side = 2048;
    let (a, b) = (noise(&[side, side])?, noise(&[side, side])?);
    let seconds = clock::seconds_after(repeat.max(10), || Ok(()), |()| Ok(a.matmul(&b).map(drop)?))?;
    Ok(2.0 * (side as f64).powi(3) / 1e9 / seconds)
}

/// GB/s of a copy between two buffers of 256 MB, what is read and what is written together.
fn copy(repeat: u32) -> Result<f64> {
    let from = vec![1f32; 64 << 20];
    let mut to = vec![0f32; from.len()];
    let part = 1 << 18;
    let seconds = clock::seconds(repeat.max(5), || {
        let parts = to.par_chunks_mut(part).zip(from.par_chunks(part));
        parts.for_each(|(to, from)| to.copy_from_slice(from));
        Ok(())
    })?;
    Ok((2 * size_of_val(&from[..])) as f64 / 1e9 / seconds)
}

/// Measures and prints, a line when it is done.
pub(super) fn run(repeat: u32) -> Result<()> {
    let peak = product(repeat)?;
    line(format_args!("dense product 2048x2048x2048, float32: {} GFLOP/s", number(peak)));
    line(format_args!("copy of memory, read and written: {} GB/s\n", number(copy(repeat)?)));
    line(format_args!(
        "Batch {BATCH}; GFLOP/s of the direct form and, in brackets, the percentage of the dense product's.\n"
    ));
    line(format_args!(
        "| {:<36} | {:>6} | {:>12} | {:>14} | {:>15} |",
        "layer", "GFLOP", "forward", "input gradient", "weight gradient"
    ));
    line(format_args!("|{:-<38}|{:->7}:|{:->13}:|{:->15}:|{:->16}:|", "", "", "", "", ""));
    for layer in LAYERS {
        let work = layer.flops(BATCH) / 1e9;
        let [forward, dx, dw] = layer.seconds(BATCH, repeat)?.map(|seconds| {
            let rate = work / seconds;
            format!("{} ({:.0})", number(rate), 100.0 * rate / peak)
        });
        line(format_args!("| {:<36} | {:>6} | {forward:>12} | {dx:>14} | {dw:>15} |", layer.name(), number(work)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    #[test]
    fn work_is_counted_by_the_direct_form() {
        // The first convolution of VGG: 224·224 places, 64 filters of 27 numbers.
        assert_eq!(LAYERS[0].flops(1), 2.0 * (224 * 224 * 64 * 27) as f64);
        let last = LAYERS.last().unwrap();
        assert_eq!(last.flops(2), 2.0 * (2 * 7 * 7 * 960 * 9) as f64);
        assert_eq!(last.name(), "depthwise 3x3 960->960 @7 groups 960");
    }

    #[test]
    fn every_layer_fits_its_map() {
        for layer in LAYERS {
            let (inputs, outputs) = layer.channels;
            let x = Tensor::zeros((1, layer.side, layer.side, inputs), DType::F32, &Device::Cpu).unwrap();
            let shape = (outputs, inputs / layer.groups, layer.kernel, layer.kernel);
            let weight = Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
            let y = conv2d(&x, &weight, None, layer.conv()).unwrap();
            assert_eq!(y.dims(), [1, layer.output(), layer.output(), outputs], "{}", layer.name());
        }
    }

    #[test]
    fn all_three_directions_take_time() {
        let seconds = LAYERS[10].seconds(1, 1).unwrap();
        assert!(seconds.iter().all(|s| *s > 0.0 && s.is_finite()), "{seconds:?}");
    }
}
