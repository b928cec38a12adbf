//! Files of weights of any bytes: real ones that are changed, and pickles of any instructions.

use candle_core::Tensor;
use proptest::prelude::*;
use taper_transfer::weights_from_bytes;

use crate::hostile::{int, pickled, text};
use crate::pth;

/// What was read is no larger than the file allows.
fn is_bounded(bytes: &[u8]) -> bool {
    let numbers =
        |tensors: std::collections::BTreeMap<String, Tensor>| tensors.values().map(Tensor::elem_count).sum::<usize>();
    weights_from_bytes(bytes, "changed.pth").map_or(true, |file| numbers(file.tensors) <= 4 * bytes.len() + (1 << 20))
}

/// An instruction of a pickle with what belongs to it, most of them such as state dicts have.
fn instruction() -> impl Strategy<Value = Vec<u8>> {
    let global = prop_oneof![
        Just("torch._utils\n_rebuild_tensor_v2\n"),
        Just("torch._utils\n_rebuild_parameter\n"),
        Just("torch._tensor\n_rebuild_from_type_v2\n"),
        Just("collections\nOrderedDict\n"),
        Just("torch\nHalfStorage\n"),
    ];
    let name = prop_oneof![
        Just("storage"),
        Just("0"),
        Just("state_dict"),
        Just("_modules"),
        Just("_parameters"),
        Just("module.w")
    ];
    let plain = b"NN)}]t\x85\x86\x87seaulRR\x81bbQQ012(\x88\x89\x94.\x8f\x90\x91\x93";
    prop_oneof![
        6 => prop::sample::select(&plain[..]).prop_map(|code| vec![code]),
        2 => global.prop_map(|global| format!("c{global}").into_bytes()),
        2 => name.prop_map(text),
        2 => (0u8..9).prop_map(|value| vec![b'K', value]),
        2 => (0u8..9).prop_map(|place| vec![b'h', place]),
        2 => (0u8..9).prop_map(|place| vec![b'q', place]),
        1 => any::<i64>().prop_map(int),
        1 => prop::collection::vec(any::<u8>(), 1..4),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn real_files_with_bytes_changed_never_panic(
        name in prop::sample::select(vec!["plain", "views", "legacy", "legacy_views", "timm_saver", "whole_model", "attributes", "protocol5"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut bytes = pth::bytes(name);
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len())));
        prop_assert!(is_bounded(&bytes));
    }

    #[test]
    fn pickles_of_any_instructions_never_panic(code in prop::collection::vec(instruction(), 1..60)) {
        let pickle = [&b"\x80\x02"[..], &code.concat(), b"."].concat();
        prop_assert!(is_bounded(&pickled(&pickle)));
        prop_assert!(is_bounded(&pickle));
    }

    #[test]
    fn safetensors_with_bytes_changed_never_panic(changes in prop::collection::vec((0usize..200, any::<u8>()), 1..4)) {
        let header = r#"{"a.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"F16","shape":[4],"data_offsets":[24,32]}}"#;
        let mut bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0x3c; 32]].concat();
        for (place, byte) in changes {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        prop_assert!(is_bounded(&bytes));
    }
}
