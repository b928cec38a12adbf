//! Weights as integers of 8 bits: a quarter of the size, for networks that only answer.
//!
//! A weight of a convolution or a fully connected layer is `q · scale`, with q in -127..=127 and a
//! scale for each output channel, as `Precision::Int8` multiplies them. In a safetensors file it is
//! the tensor `NAME`, of int8, and the scales are `NAME.scale`, of float32.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};
use safetensors::tensor::{Dtype, TensorView};

use super::error::WeightsError;

/// What the name of the scales ends in.
pub(super) const SCALE: &str = ".scale";

/// A weight (O,...) in integers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Int8 {
    pub(crate) integers: Vec<i8>,
    /// One for each of O; NaN where a value of the channel is not finite.
    pub(crate) scales: Vec<f32>,
}

impl Int8 {
    /// Whether a parameter of this name is a weight that is rounded: what has several axes, unlike
    /// biases and norms.
    pub(crate) fn is_for(name: &str, tensor: &Tensor) -> bool {
        name.ends_with(".weight") && tensor.rank() > 1 && tensor.elem_count() > 0
    }

    /// Rounds a weight.
    pub(crate) fn of(weight: &Tensor) -> candle_core::Result<Self> {
        let values = weight.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        let mut rounded = Self { integers: Vec::with_capacity(values.len()), scales: Vec::new() };
        for channel in values.chunks(values.len() / weight.dim(0)?.max(1)) {
            let most = channel.iter().fold(0f32, |most, value| most.max(value.abs()));
            let scale = if channel.iter().all(|value| value.is_finite()) { most / 127.0 } else { f32::NAN };
            let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            rounded.scales.push(scale);
            rounded.integers.extend(channel.iter().map(|value| (value * inverse).round_ties_even() as i8));
        }
        Ok(rounded)
    }

    /// The integers as bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.integers.iter().map(|integer| integer.cast_unsigned()).collect()
    }

    /// The scales as bytes, little endian.
    pub(crate) fn scale_bytes(&self) -> Vec<u8> {
        self.scales.iter().flat_map(|scale| scale.to_le_bytes()).collect()
    }
}

/// Named tensors as the bytes of a safetensors file, weights as integers of 8 bits;
/// [`read_weights`](crate::read_weights) reads it as float32.
///
/// # Errors
/// When a tensor is on a device that fails.
///
/// # Examples
/// ```
/// use std::collections::BTreeMap;
/// use candle_core::{Device, Tensor};
/// use taper_transfer::{int8_weights, weights_from_bytes};
/// let weight = Tensor::new(&[[1.27f32, -0.5], [0.0, 0.0]], &Device::Cpu)?;
/// let bytes = int8_weights(&BTreeMap::from([("fc.weight".to_owned(), weight)]))?;
/// let read = weights_from_bytes(&bytes, "int8")?;
/// assert_eq!(read.tensors["fc.weight"].to_vec2::<f32>()?, [[1.27, -0.5], [0.0, 0.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// B. Jacob et al., *Quantization and Training of Neural Networks for Efficient
/// Integer-Arithmetic-Only Inference*, 2018.
pub fn int8_weights(tensors: &BTreeMap<String, Tensor>) -> Result<Vec<u8>, WeightsError> {
    let mut all: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    for (name, tensor) in tensors {
        if Int8::is_for(name, tensor) {
            let rounded = Int8::of(tensor)?;
            all.push((name.clone(), Dtype::I8, tensor.dims().to_vec(), rounded.bytes()));
            all.push((format!("{name}{SCALE}"), Dtype::F32, vec![rounded.scales.len()], rounded.scale_bytes()));
        } else {
            let values = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
            let bytes = values.into_iter().flat_map(f32::to_le_bytes).collect();
            all.push((name.clone(), Dtype::F32, tensor.dims().to_vec(), bytes));
        }
    }
    let views =
        all.iter().map(|(name, dtype, shape, bytes)| Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?)));
    let views: Vec<_> = views.collect::<Result<_, safetensors::SafeTensorError>>().map_err(candle_core::Error::from)?;
    Ok(safetensors::serialize(views, None).map_err(candle_core::Error::from)?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::weights_from_bytes;

    fn written(values: Vec<f32>, shape: &[usize]) -> crate::WeightsFile {
        let weight = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
        let tensors = BTreeMap::from([("w.weight".to_owned(), weight.clone()), ("w.bias".to_owned(), weight)]);
        weights_from_bytes(&int8_weights(&tensors).unwrap(), "bytes").unwrap()
    }

    #[test]
    fn a_weight_comes_back_within_half_a_step_of_its_channel() {
        let values: Vec<f32> =
            (0..2 * 3 * 5).map(|i| ((i * 37 % 101) as f32 - 50.0) * if i < 15 { 1.0 } else { 1e-3 }).collect();
        let file = written(values.clone(), &[2, 3, 5, 1]);
        assert_eq!(file.tensors.len(), 2);
        let read = file.tensors["w.weight"].flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (channel, (read, values)) in read.chunks(15).zip(values.chunks(15)).enumerate() {
            let most = values.iter().fold(0f32, |most, value| most.max(value.abs()));
            for (read, value) in read.iter().zip(values) {
                assert!((read - value).abs() <= most / 127.0 * 0.5001, "{channel}: {read} of {value}");
            }
        }
        assert_eq!(
            file.tensors["w.bias"].flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            values,
            "of several axes, but no weight"
        );
    }

    #[test]
    fn what_is_not_finite_is_told() {
        let file = written(vec![1.0, f32::NAN, 2.0, 3.0], &[2, 2]);
        assert!(file.report.not_finite.is_some());
        let read = file.tensors["w.weight"].to_vec2::<f32>().unwrap();
        assert!(read[0][0].is_nan() && read[1][1] == 3.0);
    }

    #[test]
    fn integers_without_fitting_scales_are_left_out() {
        let file = |scales: Option<Vec<f32>>| {
            let (bytes, scale_bytes) = (
                [1u8, 2, 3, 4],
                scales.map(|s| (s.len(), s.into_iter().flat_map(f32::to_le_bytes).collect::<Vec<_>>())),
            );
            // A file without any weight is refused.
            let mut views = vec![("w", TensorView::new(Dtype::I8, vec![2, 2], &bytes).unwrap())];
            views.push(("b", TensorView::new(Dtype::F32, vec![1], &bytes).unwrap()));
            if let Some((n, bytes)) = &scale_bytes {
                views.push(("w.scale", TensorView::new(Dtype::F32, vec![*n], bytes).unwrap()));
            }
            weights_from_bytes(&safetensors::serialize(views, None).unwrap(), "bytes").unwrap()
        };
        assert_eq!(file(Some(vec![1.0, 10.0])).tensors["w"].to_vec2::<f32>().unwrap(), [[1.0, 2.0], [30.0, 40.0]]);
        for scales in [None, Some(vec![1.0]), Some(vec![1.0; 4])] {
            let file = file(scales);
            assert!(!file.tensors.contains_key("w") && file.report.left_out == ["w"]);
        }
    }
}
