//! From tensors by name into a network.

use std::collections::BTreeMap;

use candle_core::Tensor;
use taper_nn::{LoadReport, Params};

use super::error::WeightsError;
use crate::names::is_below;

/// How closely weights must fit a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit<'a> {
    /// Every name and shape is the same on both sides.
    Exact,
    /// The same, but below these prefixes (of heads) anything may be missing, unexpected or of
    /// another shape; such parameters of the network keep the values they have.
    NewHead(&'a [&'a str]),
    /// Whatever fits is loaded, at least one tensor.
    Partial,
}

/// The weights in the shapes of the network where that is a matter of form: linear layers that a
/// file holds as convolutions over their whole map (O,C,H,W) as matrices (O,C·H·W), factors of
/// channels (C,1,1) as vectors, and filters of red, green and blue for pictures of other channels.
fn reshaped(params: &Params, weights: &BTreeMap<String, Tensor>) -> Result<BTreeMap<String, Tensor>, WeightsError> {
    let network = params.tensors();
    let fit = |(name, tensor): (&String, &Tensor)| {
        let own = network.get(name).map(Tensor::dims);
        let tensor = match (own, tensor.dims()) {
            (Some([_, _]), [_, _, _, _]) => tensor.flatten_from(1)?,
            (Some([c]), [d, 1, 1]) if c == d => tensor.flatten_all()?,
            (Some([o, channels, h, w]), [p, 3, i, j]) if (o, h, w) == (p, i, j) => filters(tensor, *channels)?,
            _ => tensor.clone(),
        };
        Ok((name.clone(), tensor))
    };
    weights.iter().map(fit).collect()
}

/// Filters (O,3,H,W) for pictures of 1 channel, their sum, or of 4 and more, their mean for each
/// further one.
fn filters(rgb: &Tensor, channels: usize) -> candle_core::Result<Tensor> {
    match channels {
        1 => rgb.sum_keepdim(1),
        4.. => {
            let further = rgb.mean_keepdim(1)?.repeat((1, channels - 3, 1, 1))?;
            Tensor::cat(&[rgb, &further], 1)
        }
        _ => Ok(rgb.clone()),
    }
}

/// Copies weights into the network whose parameters `params` are, trainables and buffers, by name.
/// A convolution in the place of a linear layer, as timm has them in VGG, is taken for the matrix
/// that it is. Filters of red, green and blue fit pictures of other channels: for gray ones they
/// are summed, so that the answer is that for three equal channels; a fourth channel and more get
/// their mean each, the first three staying as they are.
///
/// # Errors
/// When names or shapes differ more than `fit` allows; then nothing is copied, and the error lists
/// what is missing, unexpected and of another shape.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device};
/// use taper_nn::Params;
/// use taper_tensor::Rng;
/// use taper_transfer::{BackboneConfig, Fit, Head, SqueezeNetLayers, load_weights, model, squeezenet};
/// let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
/// squeezenet(&params.root(), SqueezeNetLayers::V1_1, &BackboneConfig::default())?;
/// let weights = model("squeezenet1_1")?.weights()?;
/// let report = load_weights(&params, &weights, Fit::NewHead(&Head::PREFIXES))?;
/// assert_eq!(report.unexpected, ["classifier.1.bias", "classifier.1.weight"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load_weights(
    params: &Params,
    weights: &BTreeMap<String, Tensor>,
    fit: Fit<'_>,
) -> Result<LoadReport, WeightsError> {
    let free = |name: &str| match fit {
        Fit::Exact => false,
        Fit::NewHead(prefixes) => prefixes.iter().any(|prefix| is_below(name, prefix)),
        Fit::Partial => true,
    };
    let weights = &reshaped(params, weights)?;
    let mut report = params.compare(weights);
    report.missing.retain(|name| !free(name));
    report.unexpected.retain(|name| !free(name));
    report.reshaped.retain(|tensor| !free(&tensor.name));
    if report.is_exact() && !(report.loaded.is_empty() && fit == Fit::Partial) {
        return Ok(params.load(weights)?);
    }
    Err(WeightsError::Mismatch(Box::new(LoadReport { loaded: Vec::new(), ..report })))
}
