//! The names that other versions and libraries give to tensors.

use std::collections::BTreeMap;

use candle_core::Tensor;

use super::error::WeightsError;
use crate::names::is_below;

/// Gives weights their names in this library: each pair says what a name begins with, and what it
/// is to begin with; whole parts, the first pair that fits. `origin` says in errors where they came
/// from.
///
/// # Errors
/// When two tensors would have the same name.
///
/// # Examples
/// ```
/// # use std::collections::BTreeMap;
/// # use candle_core::{DType, Device, Tensor};
/// let bias = Tensor::zeros(3, DType::F32, &Device::Cpu)?;
/// let weights = BTreeMap::from([("head.fc.bias".to_owned(), bias)]);
/// let pairs = [["head.fc".to_owned(), "classifier.6".to_owned()]];
/// let weights = taper_transfer::rename(weights, &pairs, "vgg16.safetensors")?;
/// assert!(weights.contains_key("classifier.6.bias"));
/// # Ok::<(), taper_transfer::WeightsError>(())
/// ```
pub fn rename(
    weights: BTreeMap<String, Tensor>,
    pairs: &[[String; 2]],
    origin: &str,
) -> Result<BTreeMap<String, Tensor>, WeightsError> {
    rename_all(origin, weights, |name| renamed(name, pairs))
}

/// A name as [`rename`] gives it.
pub(crate) fn renamed(name: &str, pairs: &[[String; 2]]) -> String {
    let fitting = pairs.iter().find(|[from, _]| is_below(name, from));
    fitting.map_or_else(|| name.to_owned(), |[from, to]| format!("{to}{}", &name[from.len()..]))
}

/// The tensors of a file by other names, which `renamed` gives them.
///
/// # Errors
/// When two would have the same name.
pub(crate) fn rename_all(
    origin: &str,
    weights: BTreeMap<String, Tensor>,
    renamed: impl Fn(&str) -> String,
) -> Result<BTreeMap<String, Tensor>, WeightsError> {
    let mut old = BTreeMap::<String, String>::new();
    let mut new = BTreeMap::new();
    for (name, tensor) in weights {
        let to = renamed(&name);
        if let Some(other) = old.insert(to.clone(), name.clone()) {
            return Err(WeightsError::SameName { origin: origin.to_owned(), names: [other, name], renamed: to });
        }
        new.insert(to, tensor);
    }
    Ok(new)
}

/// The name of a parameter of DenseNet's: torchvision's own file is older than its names and says
/// `denselayer1.norm.1` for `denselayer1.norm1`.
pub(crate) fn undotted(name: String) -> String {
    if !name.contains(".denselayer") {
        return name;
    }
    let old = [[".norm.1.", ".norm1."], [".norm.2.", ".norm2."], [".conv.1.", ".conv1."], [".conv.2.", ".conv2."]];
    old.into_iter().fold(name, |name, [from, to]| name.replace(from, to))
}

/// torchvision's name of a parameter of a ConvNeXt as timm has it, which is the one here: there the
/// stem, the stages and what is between them are `features.0` to `features.7`.
pub(crate) fn timms_convnext(name: String) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    let layer = |number: &str| match number {
        "0" => Some("conv_dw"),
        "2" => Some("norm"),
        "3" => Some("mlp.fc1"),
        "5" => Some("mlp.fc2"),
        _ => None,
    };
    let new = match parts[..] {
        ["features", "0", part, kind] => Some(format!("stem.{part}.{kind}")),
        ["features", stage, block, "block", number, kind] => stage
            .parse::<usize>()
            .ok()
            .zip(layer(number))
            .map(|(stage, layer)| format!("stages.{}.blocks.{block}.{layer}.{kind}", stage / 2)),
        ["features", stage, block, "layer_scale"] => {
            stage.parse::<usize>().ok().map(|stage| format!("stages.{}.blocks.{block}.gamma", stage / 2))
        }
        ["features", stage, part, kind] => {
            stage.parse::<usize>().ok().map(|stage| format!("stages.{}.downsample.{part}.{kind}", stage / 2))
        }
        ["classifier", "0", kind] => Some(format!("head.norm.{kind}")),
        ["classifier", "2", kind] => Some(format!("head.fc.{kind}")),
        _ => None,
    };
    new.unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    #[test]
    fn two_tensors_never_get_the_same_name() {
        let one = Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap();
        let weights = BTreeMap::from(["a", "b"].map(|name| (name.to_owned(), one.clone())));
        assert_eq!(rename_all("x.pth", weights.clone(), |name| format!("x.{name}")).unwrap().len(), 2);
        let error = rename_all("x.pth", weights.clone(), |_| "c".to_owned()).unwrap_err().to_string();
        assert!(error.contains("x.pth") && error.contains("a and b"), "{error}");
        let error = rename(weights, &[["a".to_owned(), "b".to_owned()]], "x.pth").unwrap_err();
        assert!(matches!(error, WeightsError::SameName { renamed, .. } if renamed == "b"));
    }

    #[test]
    fn a_densenet_of_torchvisions_own_file_has_the_names_of_today() {
        let today = [
            ("features.denseblock1.denselayer1.norm.1.weight", "features.denseblock1.denselayer1.norm1.weight"),
            ("features.denseblock4.denselayer16.conv.2.weight", "features.denseblock4.denselayer16.conv2.weight"),
            ("features.transition1.norm.weight", "features.transition1.norm.weight"),
            ("features.denseblock1.denselayer1.conv1.weight", "features.denseblock1.denselayer1.conv1.weight"),
            ("features.norm.1.weight", "features.norm.1.weight"),
        ];
        for (old, new) in today {
            assert_eq!(undotted(old.to_owned()), new);
        }
    }

    #[test]
    fn a_convnext_of_torchvision_has_timms_names() {
        for (theirs, ours) in [
            ("features.0.0.weight", "stem.0.weight"),
            ("features.0.1.bias", "stem.1.bias"),
            ("features.1.2.block.0.weight", "stages.0.blocks.2.conv_dw.weight"),
            ("features.5.8.block.5.bias", "stages.2.blocks.8.mlp.fc2.bias"),
            ("features.7.0.layer_scale", "stages.3.blocks.0.gamma"),
            ("features.4.1.weight", "stages.2.downsample.1.weight"),
            ("classifier.0.bias", "head.norm.bias"),
            ("classifier.2.weight", "head.fc.weight"),
            ("stages.3.blocks.0.gamma", "stages.3.blocks.0.gamma"),
        ] {
            assert_eq!(timms_convnext(theirs.to_owned()), ours);
        }
    }
}
