//! Files of weights that are made to do harm, or damaged: refused, or read as far as they go,
//! without much memory.

use std::process::Command;

use taper_transfer::{PthError, WeightsError, weights_from_bytes};

/// Set in the process that runs a case alone.
const ALONE: &str = "TAPER_HOSTILE_CASE";

/// The most memory of a process that reads hostile files, kilobytes: these, and what is made of
/// them.
#[cfg(target_os = "linux")]
const MOST_MEMORY: u64 = 256 << 10;

/// Runs a case of this file in a process of its own, and measures the memory of that: other tests
/// of this one take much.
fn alone(test: &str, case: impl FnOnce()) {
    if std::env::var_os(ALONE).is_some() {
        case();
        #[cfg(target_os = "linux")]
        assert!(peak() < MOST_MEMORY, "{} kB", peak());
        return;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    let ran = command.args(["--exact", &format!("hostile::{test}")]).env(ALONE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
}

/// The most memory that this process has held, kilobytes.
#[cfg(target_os = "linux")]
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

/// An archive as `torch.save` lays it out: entries that lie there as they are, each of its own
/// length or another that it claims.
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

pub(crate) fn pickled(pickle: &[u8]) -> Vec<u8> {
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

pub(crate) fn text(text: &str) -> Vec<u8> {
    [&b"X"[..], &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

pub(crate) fn int(value: i64) -> Vec<u8> {
    [&b"\x8a\x08"[..], &value.to_le_bytes()[..]].concat()
}

fn tuple(parts: &[Vec<u8>]) -> Vec<u8> {
    [b"(".to_vec(), parts.concat(), b"t".to_vec()].concat()
}

/// A tensor over the storage of 4 numbers; `part` is what old files have behind that.
pub(crate) fn tensor(part: &[Vec<u8>], first: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
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
    assert!(numbers(&one_tensor(1 << 62, &[0], &[1])).is_empty());
}

#[test]
fn what_a_big_endian_machine_wrote_is_read() {
    let file = |order: &[u8]| {
        let numbers = [1f32, 2.0, 3.0, 4.0].map(f32::to_be_bytes).concat();
        let pickle = one_tensor(1, &[2], &[1]);
        archive(&[("a/data.pkl", &pickle, None), ("a/byteorder", order, None), ("a/data/0", &numbers, None)])
    };
    let read = weights_from_bytes(&file(b"big"), "big.pth").unwrap();
    assert_eq!(read.tensors["w"].to_vec1::<f32>().unwrap(), [2.0, 3.0]);
    let error = refused(&file(b"middle"));
    assert!(matches!(error, WeightsError::Pth { source: PthError::ByteOrder, .. }), "{error}");
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
fn what_is_nested_without_end_overflows_no_stack() {
    alone("what_is_nested_without_end_overflows_no_stack", nested);
}

fn nested() {
    for (open, inner) in
        [(&b")"[..], &b"\x85"[..]), (b"}", b"}K\x01h\0sq\0"), (b"]", b"]h\0aq\0"), (b"cos\nsystem\n", b")R")]
    {
        let pickle = [&b"\x80\x02"[..], open, b"q\0", &inner.repeat(200_000), b"."].concat();
        assert!(matches!(refused_pickle(&pickle), PthError::NoStateDict));
    }
    let marks = [&b"\x80\x02"[..], &b"(".repeat(400_000), &b"t".repeat(400_000), b"."].concat();
    assert!(matches!(refused_pickle(&marks), PthError::NoStateDict));
    let longer = [&b"\x80\x02"[..], &b")".repeat(2_000_000), b"."].concat();
    assert!(matches!(refused_pickle(&longer), PthError::TooLong));
    // The five pickles of an old stream, each short enough.
    let filled = |last: &[u8]| [&b"\x80\x02)"[..], &b"\x85".repeat(300_000), b"0", last, b"."].concat();
    let magic = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
    let stream = [filled(magic), filled(b"M\xe9\x03"), filled(b"}"), filled(b"}"), filled(b"]")].concat();
    assert!(matches!(refused(&stream), WeightsError::Pth { source: PthError::TooLong, .. }));
}

#[test]
fn what_is_shared_again_and_again_is_counted_once_or_not_without_end() {
    alone("what_is_shared_again_and_again_is_counted_once_or_not_without_end", shared);
}

fn shared() {
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
    // One layer under one long name in many places.
    let name = [text(&"n".repeat(1000)), b"q\x000Nq\x010".to_vec()].concat();
    let modules = [&b"("[..], &b"h\x00h\x01".repeat(300_000), b"u"].concat();
    let wide = [b"\x80\x02".to_vec(), name, layer(&modules), b".".to_vec()].concat();
    assert!(matches!(refused_pickle(&wide), PthError::TooMany { what: "more layers" }));
    // One long list in many dicts, and one long dict in many entries.
    let list = [
        &b"\x80\x02]q\0("[..],
        &b"NN\x86".repeat(60_000),
        b"e0",
        &b"ccollections\nOrderedDict\nh\0\x85R".repeat(20),
        b".",
    ]
    .concat();
    assert!(matches!(refused_pickle(&list), PthError::TooLong));
    let dict = [
        &b"\x80\x02}q\0("[..],
        &b"NN".repeat(300_000),
        b"u0}(",
        &[&text("a")[..], b"}", &text("b"), b"h\0s"].concat().repeat(1000),
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
    alone("sizes_that_are_claimed_take_no_memory", claimed);
}

fn claimed() {
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

    // No values at all, but sides whose product overflows.
    let empty = one_tensor(0, &[0, 1 << 40, 1 << 40], &[0, 0, 0]);
    assert!(matches!(refused(&pickled(&empty)), WeightsError::Sides { .. }));

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
    alone("headers_of_safetensors_are_not_believed", headers);
}

fn headers() {
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
    for shape in ["0,1099511627776,1099511627776".to_owned(), "0".to_owned() + &",1".repeat(1 << 20)] {
        let header = format!(r#"{{"w":{{"dtype":"F32","shape":[{shape}],"data_offsets":[0,0]}}}}"#);
        assert!(matches!(refused(&with(&header, b"")), WeightsError::Sides { .. }));
    }
    // What is said of long names is short.
    let name = "n".repeat(8 << 20);
    let header = format!(r#"{{"{name}":{{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}}}"#);
    assert!(refused(&with(&header, &[0; 4])).to_string().len() < 1000);
    // Sums that overflow: parts of 2^61 bytes each up to the end of all numbers and around it.
    let part = |i: u128| {
        let (at, len) = (i << 60, 1u128 << 60);
        let end = (at + len).min(u128::from(u64::MAX));
        format!(r#""{i}":{{"dtype":"U8","shape":[{}],"data_offsets":[{at},{end}]}}"#, end - at)
    };
    let header = format!("{{{}}}", (0..16).map(part).collect::<Vec<_>>().join(","));
    assert!(matches!(refused(&with(&header, b"")), WeightsError::Malformed { .. }));
}
