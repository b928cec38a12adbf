//! Right and wrong files of weights.

use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Device, Tensor};
use taper_nn::Mode;
use taper_transfer::{
    Backbone, BackboneConfig, Classifier, ConvHeadConfig, Fit, Head, MODELS, SqueezeNetLayers, WeightsError,
    load_weights, read_weights, squeezenet, weights_from_bytes,
};

use crate::{params, pictures};

fn network(classes: usize) -> (taper_nn::Params, Classifier) {
    let p = params(0);
    let backbone = squeezenet(&p.root(), SqueezeNetLayers::V1_1, &BackboneConfig::default()).unwrap();
    let head = Head::Conv(ConvHeadConfig::default()).build(&p.root(), backbone.channels(), classes).unwrap();
    (p, Classifier::new(Box::new(backbone), head))
}

fn values(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn a_file_cut_short_or_foreign_or_absent_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.safetensors");
    let whole = MODELS[0].embedded().unwrap();
    for bytes in
        [&whole[..whole.len() - 1], &whole[..5000], &whole[..100], &whole[..7], b"", b"\x89PNG not weights at all"]
    {
        std::fs::write(&path, bytes).unwrap();
        let error = read_weights(&path).unwrap_err();
        assert!(matches!(&error, WeightsError::Malformed { len, .. } if *len == bytes.len() as u64), "{error}");
        assert!(error.to_string().contains("some.safetensors"), "{error}");
    }
    let longer = [whole, b"x"].concat();
    assert!(matches!(weights_from_bytes(&longer, "longer"), Err(WeightsError::Malformed { .. })));
    let error = read_weights(folder.path().join("absent.safetensors")).unwrap_err();
    assert!(matches!(error, WeightsError::Unreadable { .. }) && error.to_string().contains("absent.safetensors"));
}

#[test]
fn every_floating_point_type_becomes_float32_and_others_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("types.safetensors");
    let given = Tensor::new(&[0.5f32, -2.0, 3.25], &Device::Cpu).unwrap();
    for dtype in [DType::F16, DType::BF16, DType::F32, DType::F64] {
        let counter = Tensor::new(7i64, &Device::Cpu).unwrap();
        let file = HashMap::from([("w", given.to_dtype(dtype).unwrap()), ("norm.num_batches_tracked", counter)]);
        candle_core::safetensors::save(&file, &path).unwrap();
        let read = read_weights(&path).unwrap();
        assert!(read.report.is_empty(), "{}", read.report);
        assert_eq!((read.tensors.len(), read.tensors["w"].dtype()), (1, DType::F32));
        assert_eq!(values(&read.tensors["w"]), [0.5, -2.0, 3.25]);
    }
    let steps = given.to_dtype(DType::I64).unwrap();
    candle_core::safetensors::save(&HashMap::from([("w", given), ("steps", steps.clone())]), &path).unwrap();
    let read = read_weights(&path).unwrap();
    assert_eq!((read.tensors.len(), read.report.left_out), (1, vec!["steps".to_owned()]));
    candle_core::safetensors::save(&HashMap::from([("steps", steps)]), &path).unwrap();
    let error = read_weights(&path).unwrap_err();
    assert!(matches!(&error, WeightsError::NoTensors { .. }) && error.to_string().contains("types.safetensors"));
}

#[test]
fn what_wrappers_put_before_all_names_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("names.safetensors");
    let read = |names: [&str; 2]| {
        let numbers = Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap();
        candle_core::safetensors::save(&HashMap::from(names.map(|name| (name, numbers.clone()))), &path).unwrap();
        let read = read_weights(&path).unwrap();
        (read.tensors.into_keys().collect::<Vec<_>>(), read.report.prefix)
    };
    assert_eq!(read(["module.a.w", "module.b.w"]), (vec!["a.w".into(), "b.w".into()], "module.".into()));
    let both = ["model._orig_mod.backbone.a", "model._orig_mod.backbone.b"];
    assert_eq!(read(both), (vec!["a".into(), "b".into()], "model._orig_mod.backbone.".into()));
    assert_eq!(read(["module.model.a", "module.b"]), (vec!["b".into(), "model.a".into()], "module.".into()));
    for kept in [["b.w", "module.a.w"], ["features.a", "features.b"], ["model.", "model.a"]] {
        assert_eq!(read(kept), (kept.map(str::to_owned).to_vec(), String::new()));
    }
}

#[test]
fn what_is_no_file_is_refused_before_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let error = read_weights(folder.path()).unwrap_err();
    assert!(matches!(error, WeightsError::NotAFile { what: "a folder", .. }), "{error}");
    for endless in ["/dev/zero", "/dev/stdin"].map(std::path::Path::new) {
        if std::fs::metadata(endless).is_ok_and(|about| !about.is_file() && !about.is_dir()) {
            let error = read_weights(endless).unwrap_err();
            assert!(matches!(error, WeightsError::NotAFile { .. }) && error.to_string().contains("/dev/"), "{error}");
        }
    }
}

#[test]
fn a_head_of_another_size_keeps_its_first_values_and_the_rest_is_loaded() {
    let weights = MODELS[0].weights().unwrap();
    let (p, net) = network(7);
    let first = p.tensors()["classifier.1.weight"].copy().unwrap();
    let report = load_weights(&p, &weights, Fit::NewHead(&Head::PREFIXES)).unwrap();
    assert_eq!(report.reshaped.len(), 2);
    let now = p.tensors();
    assert_eq!(values(&now["classifier.1.weight"]), values(&first));
    assert_eq!(values(&now["features.12.expand3x3.weight"]), values(&weights["features.12.expand3x3.weight"]));
    assert_eq!(net.trainables(&p).len(), now.len());
}

#[test]
fn the_models_new_head_is_new_even_with_as_many_classes() {
    let p = params(0);
    let head = Head::Conv(ConvHeadConfig::default());
    MODELS[0].classifier(&p, head, 1000).unwrap();
    let weights = MODELS[0].weights().unwrap();
    assert_eq!(values(&p.tensors()["classifier.1.bias"]), vec![0.0; 1000]);
    assert_eq!(values(&p.tensors()["features.0.bias"]), values(&weights["features.0.bias"]));
}

#[test]
fn anything_else_is_a_mismatch_that_lists_it_and_loads_nothing() {
    let weights = MODELS[0].weights().unwrap();
    let (p, _) = network(7);
    let before = values(&p.tensors()["features.0.weight"]);
    let mismatch = |weights: &BTreeMap<String, Tensor>, fit| match load_weights(&p, weights, fit) {
        Err(WeightsError::Mismatch(report)) => (report.missing, report.unexpected, report.reshaped),
        other => panic!("{other:?}"),
    };

    let (missing, unexpected, reshaped) = mismatch(&weights, Fit::Exact);
    assert!(missing.is_empty() && unexpected.is_empty());
    assert_eq!((reshaped[0].name.as_str(), &reshaped[0].got[..]), ("classifier.1.bias", &[1000][..]));

    let head = Fit::NewHead(&Head::PREFIXES);
    let mut renamed = weights.clone();
    let tensor = renamed.remove("features.3.squeeze.bias").unwrap();
    renamed.insert("features.3.squeezed.bias".to_owned(), tensor);
    let (missing, unexpected, reshaped) = mismatch(&renamed, head);
    assert_eq!(missing, ["features.3.squeeze.bias"]);
    assert_eq!(unexpected, ["features.3.squeezed.bias"]);
    assert!(reshaped.is_empty());

    let mut wrong = weights.clone();
    wrong.insert("features.0.weight".to_owned(), Tensor::zeros((96, 3, 7, 7), DType::F32, &Device::Cpu).unwrap());
    let (.., reshaped) = mismatch(&wrong, head);
    assert_eq!((&reshaped[0].got[..], &reshaped[0].wanted[..]), (&[96, 3, 7, 7][..], &[64, 3, 3, 3][..]));

    let (missing, ..) = mismatch(&BTreeMap::new(), head);
    assert_eq!(missing.len(), 50);
    assert_eq!(values(&p.tensors()["features.0.weight"]), before);
}

#[test]
fn a_part_may_be_loaded_where_that_is_allowed() {
    let (p, _) = network(7);
    let weights = MODELS[0].weights().unwrap();
    let some: BTreeMap<String, Tensor> = weights
        .iter()
        .filter(|(name, _)| !name.starts_with("features.3."))
        .map(|(n, t)| (n.clone(), t.clone()))
        .collect();
    let before = values(&p.tensors()["features.3.squeeze.weight"]);
    let report = load_weights(&p, &some, Fit::Partial).unwrap();
    assert_eq!((report.loaded.len(), report.missing.len(), report.reshaped.len()), (44, 6, 2));
    assert_eq!(values(&p.tensors()["features.3.squeeze.weight"]), before);
    assert_eq!(values(&p.tensors()["features.4.squeeze.weight"]), values(&weights["features.4.squeeze.weight"]));
    let strange = BTreeMap::from([("other".to_owned(), weights["features.0.weight"].clone())]);
    assert!(matches!(load_weights(&p, &strange, Fit::Partial), Err(WeightsError::Mismatch(_))));
}

#[test]
fn filters_of_three_colors_serve_gray_pictures_and_a_fourth_channel() {
    let (weights, head) = (MODELS[0].weights().unwrap(), Fit::NewHead(&Head::PREFIXES));
    let stem = |channels: usize, pictures: &Tensor| {
        let p = params(1);
        let config = BackboneConfig { channels, ..Default::default() };
        let net = squeezenet(&p.root(), SqueezeNetLayers::V1_1, &config).unwrap();
        assert_eq!(load_weights(&p, &weights, head).unwrap().loaded.len(), 50);
        net.stage(0, pictures, Mode::Eval)
    };
    let rgb = pictures(2, 32);
    let gray = rgb.narrow(3, 1, 1).unwrap().contiguous().unwrap();
    let largest = |t: &Tensor| t.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
    let off = |a: Tensor, b: Tensor| largest(&(&a - &b).unwrap()) / largest(&b);
    let equal = gray.repeat((1, 1, 1, 3)).unwrap();
    assert!(off(stem(1, &gray).unwrap(), stem(3, &equal).unwrap()) < 1e-5);
    // A fourth channel of zeros changes nothing, one of the means counts as their mean filter.
    let four = |last: &Tensor| Tensor::cat(&[&rgb, last], 3).unwrap();
    let nothing = gray.zeros_like().unwrap();
    assert!(off(stem(4, &four(&nothing)).unwrap(), stem(3, &rgb).unwrap()) < 1e-5);
    let third = (&gray / 3.0).unwrap();
    let brighter = rgb.broadcast_add(&third).unwrap();
    assert!(off(stem(4, &four(&gray)).unwrap(), stem(3, &brighter).unwrap()) < 1e-5);
    assert!(stem(1, &rgb).is_err());
    let p = params(1);
    let two = BackboneConfig { channels: 2, ..Default::default() };
    squeezenet(&p.root(), SqueezeNetLayers::V1_1, &two).unwrap();
    assert!(load_weights(&p, &weights, head).unwrap_err().to_string().contains("features.0.weight ([64, 3, 3, 3]"));
}

#[test]
fn weights_by_timms_names_fit_a_network_of_torchvisions() {
    let model = taper_transfer::model("vgg16").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("timm.safetensors");
    // fc1 of timm's VGG is a convolution over the whole map.
    let fc1 = Tensor::arange(0f32, 2.0 * 3.0 * 4.0, &Device::Cpu).unwrap().reshape((2, 3, 2, 2)).unwrap();
    let bias = Tensor::zeros(2, DType::F32, &Device::Cpu).unwrap();
    let tensors = HashMap::from([("pre_logits.fc1.weight", fc1.clone()), ("head.fc.bias", bias.clone())]);
    candle_core::safetensors::save(&tensors, &path).unwrap();
    let weights = model.weights_in(&path).unwrap().tensors;
    assert_eq!(weights.keys().collect::<Vec<_>>(), ["classifier.0.weight", "classifier.6.bias"]);
    let p = params(0);
    p.root().trainable("classifier.0.weight", (2, 12), candle_nn::Init::Const(0.0)).unwrap();
    p.root().trainable("classifier.6.bias", 2, candle_nn::Init::Const(1.0)).unwrap();
    load_weights(&p, &weights, Fit::Exact).unwrap();
    assert_eq!(values(&p.tensors()["classifier.0.weight"]), values(&fc1));
}

/// A file of weights of one number by these names; those of the tensor `odd` are NaN.
fn named(folder: &std::path::Path, names: &[&str], odd: &str) -> std::path::PathBuf {
    let number = |name: &str| Tensor::full(if name == odd { f32::NAN } else { 1.0 }, 1, &Device::Cpu).unwrap();
    let tensors: HashMap<_, _> = names.iter().map(|name| ((*name).to_owned(), number(name))).collect();
    let path = folder.join("names.safetensors");
    candle_core::safetensors::save(&tensors, &path).unwrap();
    path
}

#[test]
fn a_network_is_found_behind_names_of_the_files_own() {
    let (folder, resnet) = (tempfile::tempdir().unwrap(), taper_transfer::model("resnet18").unwrap());
    let own = ["conv1.weight", "bn1.bias", "layer1.0.conv1.weight", "layer2.w", "layer3.w", "layer4.w"];
    let inside: Vec<String> = own.iter().map(|name| format!("net.{name}")).collect();
    let mut names: Vec<&str> = inside.iter().map(String::as_str).collect();
    names.push("criterion.weight");
    let file = resnet.weights_in(&named(folder.path(), &names, "criterion.weight")).unwrap();
    assert_eq!(file.tensors.len(), 6);
    assert!(own.iter().all(|name| file.tensors.contains_key(*name)));
    assert_eq!(
        file.report.to_string(),
        "\"net.\" removed from the beginning of the names; \
         1 left out, whose names begin with something else: criterion.weight"
    );
    // What fits is left as it is, and of two networks none is chosen.
    let file = resnet.weights_in(&named(folder.path(), &[&own[..], &["net.fc.weight"]].concat(), "")).unwrap();
    assert!(file.report.is_empty() && file.tensors.len() == 7);
    let other: Vec<String> = own.iter().map(|name| format!("other.{name}")).collect();
    names.extend(other.iter().map(String::as_str));
    let error = resnet.weights_in(&named(folder.path(), &names, "")).unwrap_err().to_string();
    assert!(error.contains("names.safetensors") && error.contains("net., other."), "{error}");
}

#[test]
fn two_tensors_for_one_parameter_are_refused() {
    let (folder, vgg) = (tempfile::tempdir().unwrap(), taper_transfer::model("vgg16").unwrap());
    let path = named(folder.path(), &["head.fc.bias", "classifier.6.bias"], "");
    let error = vgg.weights_in(&path).unwrap_err().to_string();
    assert!(error.contains("classifier.6.bias and head.fc.bias") && error.contains("names.safetensors"), "{error}");
}

#[test]
fn a_mismatch_of_long_names_is_told_in_short() {
    let (p, _) = network(7);
    let weights = BTreeMap::from([("x\n".repeat(1 << 20), Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap())]);
    let error = load_weights(&p, &weights, Fit::Exact).unwrap_err().to_string();
    assert!(error.contains("x\\nx") && error.len() < 1000, "{}", error.len());
}
