//! Files of weights on the command line: what was unwrapped, what is no number, what is no file.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor};

use crate::support::{EMOJI, fails, fine_tune, small, succeed, taper};

const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/squeezenet1_1.safetensors");

/// SqueezeNet's weights as a file `name`, changed.
fn write(folder: &Path, name: &str, change: impl Fn(&mut HashMap<String, Tensor>)) {
    let mut tensors = candle_core::safetensors::load(OWN, &Device::Cpu).unwrap();
    change(&mut tensors);
    candle_core::safetensors::save(&tensors, folder.join(name)).unwrap();
}

fn picture() -> String {
    format!("{EMOJI}/val/animal/badger.png")
}

#[test]
fn every_verb_that_names_pictures_takes_a_file_of_weights() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(folder, "wrapped.safetensors", |tensors| {
        *tensors = tensors.drain().map(|(name, tensor)| (format!("module.model.{name}"), tensor)).collect();
    });
    let picture = &picture();
    let own = succeed(folder, &["predict", "squeezenet1_1", picture]);
    let weights = ["--weights", "wrapped.safetensors"];
    let ran = succeed(folder, &[&["predict", "squeezenet1_1", picture], &weights[..]].concat());
    assert_eq!(ran.stdout, own.stdout);
    assert!(
        ran.stderr.contains("weights: \"module.model.\" removed from the beginning of all names"),
        "{}",
        ran.stderr
    );
    succeed(folder, &[&["explain", "squeezenet1_1", picture, "--png", "why.png"], &weights[..]].concat());

    // Of another number of classes, or of another network.
    write(folder, "other.safetensors", |tensors| {
        let bias = tensors["classifier.1.bias"].narrow(0, 0, 10).unwrap();
        tensors.insert("classifier.1.bias".to_owned(), bias);
    });
    let ran = taper(folder, &["predict", "squeezenet1_1", picture, "--weights", "other.safetensors"]);
    fails(
        &ran,
        1,
        &["other.safetensors", "1000 classes", "classifier.1.bias ([10] in the file, [1000] in the network)"],
    );
    small(folder, 4);
    assert_eq!(fine_tune(folder, &["--out", "run"]).code, Some(0));
    let ran = taper(folder, &[&["predict", "run", picture], &weights[..]].concat());
    fails(&ran, 1, &["run is a run", "leave out --weights"]);
}

#[test]
fn a_prediction_of_nan_is_an_error() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(folder, "nan.safetensors", |tensors| {
        let bias = Tensor::new(vec![f32::NAN; 1000], &Device::Cpu).unwrap();
        tensors.insert("classifier.1.bias".to_owned(), bias);
    });
    write(folder, "infinite.safetensors", |tensors| {
        let bias = Tensor::new(vec![f32::INFINITY; 64], &Device::Cpu).unwrap();
        tensors.insert("features.0.bias".to_owned(), bias);
    });
    let picture = &picture();
    small(folder, 4);
    for (file, verb) in [
        ("nan", &["predict", "squeezenet1_1", picture][..]),
        ("nan", &["predict", "squeezenet1_1", picture, "--mc", "3", "--json"]),
        ("nan", &["explain", "squeezenet1_1", picture, "--png", "why.png"]),
        ("infinite", &["features", "squeezenet1_1", "pictures", "--out", "f.npy"]),
        ("infinite", &["probe", "pictures"]),
    ] {
        let name = format!("{file}.safetensors");
        let ran = taper(folder, &[verb, &["--weights", &name]].concat());
        fails(&ran, 1, &["of its numbers are NaN or infinite, the first of them in", ".png"]);
        assert_eq!(ran.stdout, "", "{verb:?}");
    }
    // One picture without an answer does not keep the others from being asked.
    let both = ["explain", "squeezenet1_1", picture, picture, "--png", "why.png", "--weights", "nan.safetensors"];
    let ran = taper(folder, &both);
    fails(&ran, 1, &["error: "]);
    assert_eq!(ran.stderr.matches("the answer of the network is NaN").count(), 2, "{}", ran.stderr);
    assert!(!folder.join("why.png").exists() && !folder.join("f.npy").exists());

    // In a run: by eval, over views too, and in an ensemble.
    assert_eq!(fine_tune(folder, &["--out", "run"]).code, Some(0));
    let model = folder.join("run/model.safetensors");
    let mut tensors = candle_core::safetensors::load(&model, &Device::Cpu).unwrap();
    let last = Tensor::full(f32::NAN, tensors["head.fc2.weight"].dims(), &Device::Cpu).unwrap();
    tensors.insert("head.fc2.weight".to_owned(), last);
    candle_core::safetensors::save(&tensors, &model).unwrap();
    for verb in [
        &["eval", "run"][..],
        &["eval", "run", "--marginalize", "2", "--json"],
        &["eval", "run", "--tta", "flips"],
        &["ensemble", "run", "run"],
    ] {
        let ran = taper(folder, verb);
        fails(&ran, 1, &["of its numbers are NaN or infinite, the first of them in head.fc2.weight", "NaN", ".png"]);
        assert_eq!(ran.stdout, "", "{verb:?}");
    }
}

#[test]
fn what_has_no_end_is_not_read() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    small(folder, 4);
    fails(&fine_tune(folder, &["--weights", "pictures"]), 1, &["pictures is a folder"]);
    if Path::new("/dev/zero").exists() {
        fails(&fine_tune(folder, &["--weights", "/dev/zero"]), 1, &["/dev/zero", "a device or a pipe"]);
    }
    // As long as a disk, with nothing in it.
    std::fs::File::create(folder.join("long.pth")).unwrap().set_len(1 << 40).unwrap();
    fails(&fine_tune(folder, &["--weights", "long.pth"]), 1, &["long.pth"]);
    assert!(!folder.join("runs").exists());
}
