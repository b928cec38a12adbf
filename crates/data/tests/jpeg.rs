//! JPEGs as libjpeg reads them, whatever their sampling, scans, coding and marks; what is not read
//! is refused by its name.
#![allow(clippy::unwrap_used)] // helpers of tests

use std::fs;
use std::path::{Path, PathBuf};

use taper_data::{DataError, decode, decode_bytes};

/// `jpeg/*`, made by `make.py` there with libjpeg-turbo.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jpeg")
}

/// Those with a component that has some of the samples of the finest: in scans of their own neither
/// decoder reads them.
const SOME_SAMPLES: [&str; 3] = ["2x4-1x2-1x1", "4x1-2x1-1x1", "4x2-2x1-2x2"];

#[test]
fn every_sampling_scan_and_mark_is_read_as_libjpeg_reads_it() {
    let mut names: Vec<String> = (fs::read_dir(folder()).unwrap())
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".jpg") && !name.starts_with("arithmetic"))
        .collect();
    names.sort();
    assert!(names.len() > 250, "{}", names.len());
    for name in names {
        let stem = name.split('.').next().unwrap();
        let read = decode(folder().join(&name));
        if SOME_SAMPLES.contains(&stem) && !name.contains("together") {
            let error = read.unwrap_err();
            assert!(matches!(&error, DataError::Unsupported { feature, .. } if feature.contains("sampled")), "{error}");
            continue;
        }
        let picture = read.unwrap();
        let wanted = decode(folder().join(format!("{stem}.png"))).unwrap();
        assert_eq!(picture.dimensions(), wanted.dimensions(), "{name}");
        let off: Vec<u8> = picture.iter().zip(wanted.iter()).map(|(a, b)| a.abs_diff(*b)).collect();
        let mean = off.iter().map(|&off| f64::from(off)).sum::<f64>() / off.len() as f64;
        // Decoders round as they like, and between the samples of a chroma they draw lines each in
        // its own way.
        assert!(off.iter().all(|&off| off <= 4) && mean < 0.5, "{name}: {:?}, {mean} in the mean", off.iter().max());
    }
}

#[test]
fn kinds_that_are_not_read_are_called_by_name() {
    let arithmetic = decode(folder().join("arithmetic.together.jpg")).unwrap_err().to_string();
    assert!(arithmetic.contains("arithmetic.together.jpg is a JPEG in arithmetic coding"), "{arithmetic}");
    let whole = fs::read(folder().join("2x2-1x1-1x1.together.jpg")).unwrap();
    let frame = whole.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    let changed = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[frame + at] = byte;
        decode_bytes(&bytes, "x.jpg").unwrap_err().to_string()
    };
    for (at, byte, words) in [
        (1, 0xc3, "lossless"),
        (1, 0xc5, "hierarchical"),
        (4, 12, "12 bits"),
        (6, 0, "height follows its pixels"),
        (9, 2, "2 components"),
        (14, 0x30, "sampled 2x2, 3x0, 1x1"),
        (14, 0x31, "sampled 2x2, 3x1, 1x1"),
    ] {
        let said = changed(at, byte);
        assert!(said.contains("x.jpg") && said.contains(words), "{words}: {said}");
    }
}

#[test]
fn a_jpeg_of_scans_without_end_is_refused() {
    let whole = fs::read(folder().join("1x1-2x2-2x2.progressive.jpg")).unwrap();
    let scan = whole.windows(2).rposition(|pair| pair == [0xff, 0xda]).unwrap();
    let mut many = whole[..whole.len() - 2].to_vec();
    (0..100).for_each(|_| many.extend(&whole[scan..whole.len() - 2]));
    many.extend([0xff, 0xd9]);
    let said = decode_bytes(&many, "many.jpg").unwrap_err().to_string();
    assert!(said.contains("many.jpg is a JPEG of 1") && said.contains("scans"), "{said}");
}
