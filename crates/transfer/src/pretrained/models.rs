//! The models there are, by name.

use std::sync::LazyLock;

use super::model::PretrainedModel;
use crate::TransferError;
use crate::names::nearest_first;
use crate::weights::weight_set::{WeightSet, weight_set, weight_sets};

macro_rules! fetched {
    ($name:literal) => {
        PretrainedModel {
            name: $name,
            manifest: include_str!(concat!("../../models/", $name, ".toml")),
            set: None,
            embedded: None,
        }
    };
}

/// The weights of EfficientNet-Lite0, where they are part of this library.
#[cfg(feature = "efficientnet-lite0")]
const LITE0: Option<&[u8]> = Some(include_bytes!("../../models/tf_efficientnet_lite0.safetensors"));
#[cfg(not(feature = "efficientnet-lite0"))]
const LITE0: Option<&[u8]> = None;

/// Every model, the default first. A new one is a manifest in `models` and one more entry.
///
/// A static: of a constant every crate that reads it gets a copy, weights and all.
pub static MODELS: &[PretrainedModel] = &[
    PretrainedModel {
        name: "squeezenet1_1",
        manifest: include_str!("../../models/squeezenet1_1.toml"),
        set: None,
        embedded: Some(include_bytes!("../../models/squeezenet1_1.safetensors")),
    },
    fetched!("squeezenet1_0"),
    fetched!("alexnet"),
    fetched!("vgg11"),
    fetched!("vgg13"),
    fetched!("vgg16"),
    fetched!("vgg19"),
    fetched!("vgg11_bn"),
    fetched!("vgg13_bn"),
    fetched!("vgg16_bn"),
    fetched!("vgg19_bn"),
    fetched!("resnet18"),
    fetched!("resnet34"),
    fetched!("resnet50"),
    fetched!("resnet101"),
    fetched!("resnet152"),
    fetched!("resnext50_32x4d"),
    fetched!("wide_resnet50_2"),
    fetched!("mobilenet_v2"),
    fetched!("mobilenet_v3_small"),
    fetched!("mobilenet_v3_large"),
    fetched!("mobilenetv3_small_100"),
    fetched!("mobilenetv3_large_100"),
    fetched!("efficientnet_b0"),
    fetched!("efficientnet_v2_s"),
    PretrainedModel {
        name: "tf_efficientnet_lite0",
        manifest: include_str!("../../models/tf_efficientnet_lite0.toml"),
        set: None,
        embedded: LITE0,
    },
    fetched!("efficientnet_lite0"),
    fetched!("mobilenetv4_conv_small"),
    fetched!("mobilenetv4_conv_medium"),
    fetched!("regnet_y_400mf"),
    fetched!("regnet_y_800mf"),
    fetched!("regnet_y_1_6gf"),
    fetched!("regnet_y_3_2gf"),
    fetched!("densenet121"),
    fetched!("convnext_atto"),
    fetched!("convnext_femto"),
    fetched!("convnext_pico"),
    fetched!("convnext_nano"),
    fetched!("convnext_tiny"),
    fetched!("convnext_small"),
    fetched!("convnext_base"),
    fetched!("vit_tiny_patch16_224"),
    fetched!("vit_small_patch16_224"),
    fetched!("vit_base_patch16_224"),
    fetched!("deit_tiny_patch16_224"),
    fetched!("deit_small_patch16_224"),
    fetched!("deit_base_patch16_224"),
    fetched!("vit_small_patch14_dinov2"),
    fetched!("vit_base_patch14_dinov2"),
    fetched!("vit_small_patch14_reg4_dinov2"),
    fetched!("vit_base_patch14_reg4_dinov2"),
    fetched!("vit_base_patch16_clip_224"),
    fetched!("vit_base_patch16_siglip_224"),
    fetched!("vit_base_patch16_siglip_256"),
    fetched!("vit_base_patch32_siglip_256"),
];

/// Every set of weights as a model of its own, in the order of
/// [`weight_sets`](crate::weight_sets).
pub fn models_of_sets() -> &'static [PretrainedModel] {
    static ALL: LazyLock<Vec<PretrainedModel>> = LazyLock::new(|| {
        let of = |set: &'static WeightSet| {
            let network = MODELS.iter().find(|model| model.name == set.network())?;
            Some(PretrainedModel { name: set.name, set: Some(set), embedded: None, ..*network })
        };
        weight_sets().iter().filter_map(of).collect()
    });
    &ALL
}

/// The model of this name: that of a network, or of one of its sets of weights, `resnet50.a1_in1k`
/// or `resnet50.a1`.
///
/// # Errors
/// When there is none; the error lists the names there are, the most similar first.
///
/// # Examples
/// ```
/// let error = taper_transfer::model("squeezenet").unwrap_err();
/// assert!(error.to_string().contains("squeezenet1_1"));
/// ```
pub fn model(name: &str) -> Result<&'static PretrainedModel, TransferError> {
    let of_set = || {
        let set = weight_set(name)?;
        models_of_sets().iter().find(|model| model.name == set.name)
    };
    MODELS.iter().find(|model| model.name == name).or_else(of_set).ok_or_else(|| {
        let network = name.split_once('.').map_or(name, |(network, _)| network);
        let sets = weight_sets().iter().filter(|set| set.network() == network && network != name);
        let mut known: Vec<&str> = sets.map(|set| set.name).collect();
        if known.is_empty() {
            known.extend(MODELS.iter().map(|model| model.name));
        }
        TransferError::UnknownModel { got: name.to_owned(), known: nearest_first(name, known) }
    })
}

#[cfg(test)]
mod tests {
    use candle_core::Tensor;

    use super::*;
    use crate::WeightsError;

    #[test]
    fn every_model_is_what_its_manifest_says() {
        for model in MODELS {
            let manifest = model.manifest().unwrap();
            assert_eq!((&*manifest.name, &*manifest.classes), (model.name, "imagenet"));
            assert!(manifest.file.is_some() || model.embedded.is_none(), "{}", model.name);
            assert!(manifest.top1 <= manifest.top5 && manifest.gflops > 0.0 && !manifest.license.is_empty());
            if let Some(bytes) = model.embedded {
                assert_eq!(manifest.file, Some(format!("{}.safetensors", model.name)));
                assert!(manifest.sha256.is_some());
                manifest.verify(bytes, model.name).unwrap();
                // What is not trained are running statistics.
                let mut weights = model.weights().unwrap();
                weights.retain(|name, _| !name.contains(".running_"));
                assert_eq!(weights.values().map(Tensor::elem_count).sum::<usize>(), manifest.parameters);
            }
            // Of Lite0's, the file is in the library.
            let held = model.embedded.is_some() || manifest.file.is_some() || !manifest.sources().is_empty();
            assert!(held, "{}", model.name);
            let names = model.class_names();
            assert_eq!((names.len(), names[0], names[999]), (1000, "tench", "toilet tissue"));
            assert!(names.iter().all(|name| !name.trim().is_empty()));
        }
        assert!(model("nothing").is_err());
    }

    #[test]
    fn a_set_is_its_network_with_other_weights_and_sums_stay_where_they_are_known() {
        assert_eq!(models_of_sets().len(), weight_sets().len());
        for model in models_of_sets() {
            let (manifest, set) = (model.manifest().unwrap(), model.set.unwrap());
            assert_eq!((&*manifest.name, manifest.set), (set.name, Some(set.tag())));
            assert!(!manifest.sources().is_empty() && model.architecture().unwrap().name == set.network());
            assert_eq!((manifest.mean, manifest.std, manifest.crop), (set.mean, set.std, set.crop));
            let known = |file: &crate::HubFile| Some(file.repository.as_str()) == set.repository;
            assert!(manifest.hub.as_ref().is_none_or(known), "{}", set.name);
        }
        let manifest = |name: &str| model(name).unwrap().manifest().unwrap();
        let whole = |manifest: &crate::Manifest| manifest.hub.as_ref().is_some_and(|file| file.sha256.is_some());
        assert!(whole(&manifest("resnet50.tv")) && !whole(&manifest("resnet50.a1")));
        let second = manifest("resnet50.tv2").torchvision.unwrap();
        assert_eq!((&*second.file, second.sha256), ("resnet50-11ad3fa6.pth", None));
        assert_eq!(manifest("mobilenet_v2.tv2").hub, None);
        assert_eq!(manifest("mobilenet_v2.tv2").timm_name.as_deref(), Some("mobilenetv2_100"));
        let error = model("resnet50.a9").unwrap_err().to_string();
        assert!(error.contains("nearest first: resnet50.a1_in1k, ") && !error.contains("vgg16"), "{error}");
        assert!(crate::architecture("resnet50.a9").is_err());
    }

    #[test]
    fn weights_that_are_no_numbers_are_refused_where_nothing_can_tell() {
        let part = |name, shape, begin, end| {
            format!(r#""{name}":{{"dtype":"F32","shape":[{shape}],"data_offsets":[{begin},{end}]}}"#)
        };
        let header = format!("{{{},{}}}", part("a", 1, 0, 4), part("b", 2, 4, 12));
        let numbers = [1.0, f32::NAN, f32::INFINITY].map(f32::to_le_bytes).concat();
        let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &numbers].concat();
        let error = PretrainedModel { embedded: Some(file.leak()), ..MODELS[0] }.weights().unwrap_err();
        assert!(
            matches!(&error, TransferError::Weights(WeightsError::NotFinite { count: 2, first, .. }) if first == "b"),
            "{error}"
        );
    }
}
