//! Where the weights are in a checkpoint: files as PyTorch pickles them, made here byte by byte.

use taper_transfer::{PthError, WeightsError, weights_from_bytes};

use crate::hostile::{pickled, tensor, text};

fn dict(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let items: Vec<u8> = entries.iter().flat_map(|(name, value)| [&text(name)[..], *value, b"s"].concat()).collect();
    [&b"}"[..], &items].concat()
}

/// A state dict of one weight.
fn state() -> Vec<u8> {
    dict(&[("w", &tensor(&[], 0, &[4], &[1]))])
}

/// A number such as an accuracy, as a tensor.
fn scalar() -> Vec<u8> {
    tensor(&[], 0, &[], &[])
}

/// The entry that the weights of a checkpoint are taken from.
fn entry(checkpoint: &[u8]) -> Result<Option<String>, WeightsError> {
    let pickle = [&b"\x80\x02"[..], checkpoint, b"."].concat();
    let file = weights_from_bytes(&pickled(&pickle), "checkpoint.pth")?;
    assert!(file.tensors.keys().eq(["w"]), "{:?}", file.tensors.keys());
    Ok(file.report.entry)
}

fn found(checkpoint: &[u8]) -> String {
    entry(checkpoint).unwrap_or_else(|error| panic!("{error}")).unwrap_or_default()
}

#[test]
fn numbers_beside_the_weights_are_no_weights() {
    let accuracy = dict(&[("acc", &scalar())]);
    assert_eq!(found(&dict(&[("net", &state()), ("metrics", &accuracy)])), "net");
    assert_eq!(found(&dict(&[("model_ema", &dict(&[("decay", &scalar())])), ("model", &state())])), "model");
    // The same state dict under two names.
    let kept = [&state()[..], b"q\x05"].concat();
    assert_eq!(found(&dict(&[("net", &kept), ("best", b"h\x05")])), "net");
}

#[test]
fn weights_within_several_entries_are_found_and_the_path_is_told() {
    for path in [&["state_dict", "model"][..], &["model", "state_dict"], &["ema", "shadow"], &["a", "b", "c", "d"]] {
        let nested = path.iter().rev().fold(state(), |inner, name| dict(&[(name, &inner)]));
        assert_eq!(found(&nested), path.join("."));
    }
    let deep = (0..5).fold(state(), |inner, _| dict(&[("a", &inner)]));
    assert!(matches!(entry(&deep), Err(WeightsError::Pth { source: PthError::NoStateDict, .. })));
    // What an optimizer keeps by name lies deeper than the weights.
    let optimizer = dict(&[("state", &dict(&[("w", &dict(&[("exp_avg", &tensor(&[], 0, &[4], &[1]))]))]))]);
    assert_eq!(found(&dict(&[("optimizer", &optimizer), ("net", &state())])), "net");
}

#[test]
fn averages_come_first_and_others_are_not_chosen() {
    for (names, wanted) in [
        (["net", "ema"], "ema"),
        (["params", "params_ema"], "params_ema"),
        (["student", "teacher"], "teacher"),
        (["model", "teacher"], "model"),
        (["state_dict", "ema_state_dict"], "ema_state_dict"),
    ] {
        assert_eq!(found(&dict(&[(names[0], &state()), (names[1], &state())])), wanted);
    }
    let long = "x\n".repeat(500);
    let error = entry(&dict(&[("encoder", &state()), (&long, &state())])).unwrap_err();
    assert!(matches!(error, WeightsError::Pth { source: PthError::Several { .. }, .. }), "{error}");
    let said = crate::said(&error);
    assert!(said.contains("encoder, x\\nx") && said.len() < 500 && !said.contains('\n'), "{said}");
}
