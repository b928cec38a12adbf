//! Files of PyTorch's, as people save them: `tests/golden/state_dicts.py` makes them.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use taper_transfer::{PthError, ReadReport, WeightsError, WeightsFile, read_weights, weights_from_bytes};

const SAVED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/state_dicts");

pub(crate) fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(format!("{SAVED}/{name}.pth")).unwrap()
}

fn read(name: &str) -> Result<WeightsFile, WeightsError> {
    read_weights(format!("{SAVED}/{name}.pth"))
}

fn values(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

/// What PyTorch says is in each file.
fn wanted() -> BTreeMap<String, BTreeMap<String, Tensor>> {
    let all = candle_core::safetensors::load(format!("{SAVED}/values.safetensors"), &Device::Cpu).unwrap();
    let mut files = BTreeMap::<String, BTreeMap<String, Tensor>>::new();
    for (path, tensor) in all {
        let (file, name) = path.split_once('/').unwrap();
        files.entry(file.to_owned()).or_default().insert(name.to_owned(), tensor);
    }
    files
}

#[test]
fn every_form_has_the_numbers_that_pytorch_has() {
    let files = wanted();
    assert_eq!(files.len(), 35);
    for (name, wanted) in files {
        let got = read(&name).unwrap_or_else(|error| panic!("{error}")).tensors;
        assert!(got.keys().eq(wanted.keys()), "{name}: {:?}", got.keys());
        for (key, wanted) in wanted {
            assert_eq!(got[&key].dims(), wanted.dims(), "{name}: {key}");
            let same = values(&got[&key]).iter().zip(values(&wanted)).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "{name}: {key}");
        }
    }
}

#[test]
fn what_lay_around_the_weights_is_told() {
    let report = |name: &str| read(name).unwrap().report;
    for plain in ["plain", "legacy", "protocol5", "channels_last", "parameters", "torchvision", "timm", "whole_model"] {
        assert!(report(plain).is_empty(), "{plain}: {}", report(plain));
    }
    let from = |entry: &str| ReadReport { entry: Some(entry.to_owned()), ..ReadReport::default() };
    for entry in ["state_dict", "model", "model_state_dict", "state_dict_ema", "net"] {
        assert_eq!(report(&format!("wrapped_{entry}")), from(entry));
    }
    assert_eq!(report("legacy_checkpoint"), from("state_dict"));
    // Both are in there; what the figures of a training are measured with is what is wanted of it.
    assert_eq!(report("timm_saver"), from("state_dict_ema"));
    for (name, prefix) in [
        ("module", "module."),
        ("compiled", "_orig_mod."),
        ("module_compiled", "module._orig_mod."),
        ("model", "model."),
        ("backbone", "model.backbone."),
    ] {
        let wanted = ReadReport { prefix: prefix.to_owned(), ..ReadReport::default() };
        assert_eq!(report(&format!("prefix_{name}")), wanted);
    }
    assert_eq!(report("prefix_average").left_out, ["n_averaged"]);
    assert_eq!(
        report("wrapped_module").to_string(),
        "taken from its entry \"state_dict\"; \"module.\" removed from the beginning of all names"
    );
    let said = report("beside").to_string();
    assert_eq!(said, "5 left out, not being floating-point tensors: epoch, accuracy, names, ...");
    let said = report("not_finite").to_string();
    assert!(said.ends_with("3 of its numbers are NaN or infinite, the first of them in conv1.weight"), "{said}");
}

#[test]
fn what_is_no_state_dict_is_refused_with_what_to_do() {
    for (name, says) in [
        ("list", "no tensors by name: save the state dict"),
        ("several", "encoder, decoder"),
        ("integers", "no tensor of floating-point numbers"),
        ("script", "TorchScript"),
    ] {
        let error = crate::said(&read(&format!("refused_{name}")).unwrap_err());
        assert!(error.contains(says) && error.contains(&format!("refused_{name}.pth")), "{error}");
    }
    // pickle.dump([1, 2], file)
    let error = weights_from_bytes(b"\x80\x04]\x94(K\x01K\x02e.", "plain.pkl").unwrap_err();
    assert!(matches!(error, WeightsError::Pth { source: PthError::Foreign, .. }), "{error}");
    // byteorder is a file of its own in an archive, with the word in it.
    let mut big = bytes("plain");
    let at = |bytes: &[u8]| bytes.windows(6).position(|word| word == b"little").unwrap();
    let place = at(&big);
    big[place..place + 6].copy_from_slice(b"big   ");
    let error = weights_from_bytes(&big, "big.pth").unwrap_err();
    assert!(matches!(error, WeightsError::Pth { source: PthError::ByteOrder, .. }), "{error}");
    // In old files it is a value in the third pickle, behind its key; their numbers are
    // little-endian all the same.
    let mut big = bytes("legacy");
    let place = at(&big) + "little_endianq\x02".len();
    assert_eq!(big[place], 0x88);
    big[place] = 0x89;
    let (big, own) = (weights_from_bytes(&big, "big.pth").unwrap().tensors, read("legacy").unwrap().tensors);
    assert!(own.iter().all(|(name, tensor)| values(tensor) == values(&big[name])));
}

#[test]
fn files_cut_short_are_refused_at_any_length() {
    for name in ["plain", "views", "legacy", "legacy_views"] {
        let whole = bytes(name);
        for length in 0..whole.len() {
            let error = weights_from_bytes(&whole[..length], "cut.pth").unwrap_err();
            assert!(error.to_string().contains("cut.pth"), "{error}");
        }
    }
}
