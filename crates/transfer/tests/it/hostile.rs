//! Files of weights that are made to do harm, or damaged: refused, or read as far as they go, without much memory or time.

use candle_core::Tensor;
use proptest::prelude::*;
use taper_transfer::{PthError, WeightsError, weights_from_bytes};

use crate::pth;

/// An archive as `torch.save` lays it out: entries that lie there as they are, each of its own length or another that it claims.
fn archive(entries: &[(&str, &[u8], Option<u64>)]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes, claimed) in entries {
        let at = file.len() as u32;
        let len = claimed.unwrap_or(bytes.len() as u64).to_le_bytes();
        // Versions, flags, method, time, sum; the lengths are in an extra field of 20 bytes.
        let head = [
            &[45, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
            &[0xff; 8],
            &(name.len() as u16).to_le_bytes(),
            &[20, 0],
        ];
        let extra = [&[1, 0, 16, 0][..], &len, &len];
        file.extend([&b"PK\x03\x04"[..], &head.concat(), name.as_bytes(), &extra.concat(), *bytes].concat());
        let (first, rest) = (&[45, 0][..], [&[0; 10][..], &at.to_le_bytes()].concat());
        let head = [&b"PK\x01\x02"[..], first, &head.concat(), &rest, name.as_bytes(), &extra.concat()];
        directory.extend(head.concat());
    }
    let place = [directory.len() as u32, file.len() as u32].map(u32::to_le_bytes).concat();
    [file, directory, b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff".to_vec(), place, vec![0, 0]].concat()
}

fn pickled(pickle: &[u8]) -> Vec<u8> {
    archive(&[("a/data.pkl", pickle, None), ("a/data/0", &[1f32, 2.0, 3.0, 4.0].map(f32::to_le_bytes).concat(), None)])
}

fn refused(bytes: &[u8]) -> WeightsError {
    let error = weights_from_bytes(bytes, "hostile.pth").unwrap_err();
    assert!(error.to_string().contains("hostile.pth"), "{error}");
    error
}

fn refused_pickle(pickle: &[u8]) -> PthError {
    match refused(&pickled(pickle)) {
        WeightsError::Pth { source, .. } => source,
        other => panic!("{other}"),
    }
}

fn text(text: &str) -> Vec<u8> {
    [&b"X"[..], &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn int(value: i64) -> Vec<u8> {
    [&b"\x8a\x08"[..], &value.to_le_bytes()[..]].concat()
}

fn tuple(parts: &[Vec<u8>]) -> Vec<u8> {
    [b"(".to_vec(), parts.concat(), b"t".to_vec()].concat()
}

/// A tensor over the storage of 4 numbers; `part` is what old files have behind that.
fn tensor(part: &[Vec<u8>], first: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    let storage = [text("storage"), b"ctorch\nFloatStorage\n".to_vec(), text("0"), text("cpu"), int(4)];
    let storage = [tuple(&[&storage[..], part].concat()), b"Q".to_vec()].concat();
    let ints = |values: &[i64]| tuple(&values.iter().map(|&value| int(value)).collect::<Vec<_>>());
    let arguments = [storage, int(first), ints(shape), ints(strides), b"\x89N".to_vec()];
    [b"ctorch._utils\n_rebuild_tensor_v2\n".to_vec(), tuple(&arguments), b"R".to_vec()].concat()
}

/// A state dict of one tensor `w`.
fn one_tensor(first: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    [b"\x80\x02}".to_vec(), text("w"), tensor(&[], first, shape, strides), b"s.".to_vec()].concat()
}

fn numbers(pickle: &[u8]) -> Vec<f32> {
    let file = weights_from_bytes(&pickled(pickle), "good.pth").unwrap_or_else(|error| panic!("{error}"));
    file.tensors["w"].flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn the_made_up_archives_are_what_they_should_be() {
    assert_eq!(numbers(&one_tensor(0, &[2, 2], &[2, 1])), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(numbers(&one_tensor(0, &[2, 2], &[1, 2])), [1.0, 3.0, 2.0, 4.0]);
    // As far as the storage goes, in sides of 1 by any stride, and over and over within reason.
    assert_eq!(numbers(&one_tensor(3, &[1], &[9])), [4.0]);
    assert_eq!(numbers(&one_tensor(0, &[2, 1, 2], &[2, 1 << 62, 1])), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(numbers(&one_tensor(1, &[1000], &[0])), [2.0; 1000]);
    assert!(numbers(&one_tensor(0, &[0, 1 << 40], &[0, 0])).is_empty());
}

#[test]
fn what_python_2_wrote_is_read() {
    // A dict with an order as a list of pairs, text as bytes, a storage that is a part of another.
    let part = [tuple(&[text("part"), int(1), int(2)])];
    let pairs = [&b"]U\x01wa"[..], &tensor(&part, 1, &[1], &[1]), b"a"].concat();
    let pickle = [&b"\x80\x02ccollections\nOrderedDict\n]"[..], &pairs, b"a\x85R."].concat();
    assert_eq!(numbers(&pickle), [3.0]);
}

#[test]
fn what_is_nested_a_million_deep_overflows_no_stack() {
    for (open, inner) in
        [(&b")"[..], &b"\x85"[..]), (b"}", b"}K\x01h\0sq\0"), (b"]", b"]h\0aq\0"), (b"cos\nsystem\n", b")R")]
    {
        let pickle = [&b"\x80\x02"[..], open, b"q\0", &inner.repeat(1_000_000), b"."].concat();
        assert!(matches!(refused_pickle(&pickle), PthError::NoStateDict));
    }
    let marks = [&b"\x80\x02"[..], &b"(".repeat(3_000_000), &b"t".repeat(3_000_000), b"."].concat();
    assert!(matches!(refused_pickle(&marks), PthError::NoStateDict));
    let longer = [&b"\x80\x02"[..], &b")".repeat(9_000_000), b"."].concat();
    assert!(matches!(refused_pickle(&longer), PthError::TooLong));
}

#[test]
fn what_is_shared_again_and_again_is_counted_once_or_not_without_end() {
    // Pairs of pairs.
    let doubled: Vec<u8> = (0..60).flat_map(|i| [b'h', i, b'h', i, 0x86, b'q', i + 1]).collect();
    assert!(matches!(refused_pickle(&[&b"\x80\x02)q\0"[..], &doubled[..], b"."].concat()), PthError::NoStateDict));
    // Layers that have the layer below twice, and one that has itself.
    let layer = |inner: &[u8]| {
        [&b"cm\nL\n)\x81}"[..], &text("_parameters")[..], b"}s", &text("_modules"), b"}", inner, b"sb"].concat()
    };
    let twice: Vec<u8> = (1..60)
        .flat_map(|i| {
            [layer(&[text("a"), vec![b'h', i - 1, b's'], text("b"), vec![b'h', i - 1, b's']].concat()), vec![b'q', i]]
                .concat()
        })
        .collect();
    let model = [b"\x80\x02".to_vec(), layer(b""), b"q\0".to_vec(), twice, b".".to_vec()].concat();
    assert!(matches!(refused_pickle(&model), PthError::TooMany { what: "more layers" }));
    let itself = [
        b"\x80\x02cm\nL\n)\x81q\0}".to_vec(),
        text("_parameters"),
        b"}s".to_vec(),
        text("_modules"),
        b"}".to_vec(),
        text("a"),
        b"h\0ssb.".to_vec(),
    ];
    assert!(matches!(refused_pickle(&itself.concat()), PthError::TooMany { what: "more layers" }));
    // One long list in many dicts, and one long dict in many entries.
    let list = [
        &b"\x80\x02]q\0("[..],
        &b"NN\x86".repeat(500_000),
        b"e0",
        &b"ccollections\nOrderedDict\nh\0\x85R".repeat(20),
        b".",
    ]
    .concat();
    assert!(matches!(refused_pickle(&list), PthError::TooLong));
    let dict = [
        &b"\x80\x02}q\0("[..],
        &b"NN".repeat(500_000),
        b"u0}(",
        &[&text("a")[..], b"h\0"].concat().repeat(1000),
        b"u.",
    ]
    .concat();
    assert!(matches!(refused_pickle(&dict), PthError::TooMany { what: "more entries" }));
    // The same tensor under many names.
    let one = one_tensor(0, &[1 << 14], &[0]);
    let first = &one[..one.len() - b"s.".len()];
    let names: Vec<u8> = (0..2000).flat_map(|i| [text(&i.to_string()), b"h\0s".to_vec()].concat()).collect();
    let many = [first, b"q\0s", &names, b"."].concat();
    assert!(matches!(refused(&pickled(&many)), WeightsError::TooMany { .. }));
}

#[test]
fn sizes_that_are_claimed_take_no_memory() {
    for (first, shape, strides) in [
        (0, &[1 << 30, 1 << 30][..], &[1 << 30, 1][..]),
        (0, &[i64::MAX, i64::MAX], &[0, 0]),
        (0, &[2, 2], &[i64::MAX, i64::MAX]),
        (i64::MAX, &[1], &[1]),
        (4, &[1], &[1]),
        (0, &[5], &[1]),
        (-1, &[1], &[1]),
        (0, &[-1], &[1]),
        (0, &[2], &[-1]),
        (0, &[2, 2], &[1]),
    ] {
        let error = refused_pickle(&one_tensor(first, shape, strides));
        assert!(matches!(&error, PthError::Tensor { name, .. } if name == "w"), "{shape:?}: {error}");
    }
    // A number that is repeated.
    assert!(matches!(refused(&pickled(&one_tensor(0, &[1 << 40], &[0]))), WeightsError::TooMany { .. }));
    assert!(matches!(refused_pickle(&one_tensor(0, &[1; 65], &[1; 65])), PthError::Tensor { .. }));

    let good = one_tensor(0, &[4], &[1]);
    for claimed in [17 << 10, 1 << 62, u64::MAX] {
        for file in [
            archive(&[("a/data.pkl", &good, None), ("a/data/0", &[0; 16], Some(claimed))]),
            archive(&[("a/data.pkl", &good, Some(claimed)), ("a/data/0", &[0; 16], None)]),
        ] {
            assert!(matches!(refused(&file), WeightsError::Pth { source: PthError::Container { .. }, .. }));
        }
    }
    for text in [
        &b"X\xff\xff\xff\xff"[..],
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x8b\xff\xff\xff\x7f",
        b"B\xff\xff\xff\xff",
        b"G",
        b"ctorch",
    ] {
        assert!(matches!(refused_pickle(&[&b"\x80\x02"[..], text].concat()), PthError::CutShort));
    }
    // The records at the end of an archive: lengths and places of its directory.
    let whole = pickled(&good);
    for at in [whole.len() - 10, whole.len() - 6] {
        let mut changed = whole.clone();
        changed[at..at + 4].copy_from_slice(&[0xff, 0xff, 0xff, 0x7f]);
        refused(&changed);
    }
}

#[test]
fn headers_of_safetensors_are_not_believed() {
    let with = |header: &str, data: &[u8]| [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat();
    for file in [
        u64::MAX.to_le_bytes().to_vec(),
        (50u64 << 20).to_le_bytes().to_vec(),
        with(&"[".repeat(1 << 20), b""),
        with(&format!("{{\"a\":{}", "{\"a\":".repeat(1 << 18)), b""),
        with(r#"{"w":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}}"#, b""),
        with(r#"{"w":{"dtype":"F32","shape":[1152921504606846976],"data_offsets":[0,4611686018427387904]}}"#, b""),
        with(r#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[18446744073709551612,18446744073709551615]}}"#, b""),
        with(r#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, &[0; 4]),
    ] {
        assert!(matches!(refused(&file), WeightsError::Malformed { .. }));
    }
    // Sums that overflow: parts of 2^61 bytes each up to the end of all numbers and around it.
    let part = |i: u128| {
        let (at, len) = (i << 60, 1u128 << 60);
        let end = (at + len).min(u128::from(u64::MAX));
        format!(r#""{i}":{{"dtype":"U8","shape":[{}],"data_offsets":[{at},{end}]}}"#, end - at)
    };
    let header = format!("{{{}}}", (0..16).map(part).collect::<Vec<_>>().join(","));
    assert!(matches!(refused(&with(&header, b"")), WeightsError::Malformed { .. }));
}

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
