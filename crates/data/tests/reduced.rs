//! JPEGs decoded at a part of their size, as libjpeg does it.
#![allow(clippy::unwrap_used)] // helpers of tests

use std::fs;
use std::path::{Path, PathBuf};

use taper_data::{Need, decode, decode_bytes_needed, decode_needed};

/// `reduced/*`, made by `make.py` there with Pillow.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reduced")
}

/// Of each the name, and whether it is sampled more coarsely in its chromas.
const NAMES: [(&str, bool); 8] = [
    ("420", true),
    ("422", true),
    ("444", false),
    ("progressive", true),
    ("gray", false),
    ("cmyk", false),
    ("turned", true),
    ("tall", true),
];

/// The largest and the mean difference of two pictures, of 255.
fn off(a: &taper_data::RgbImage, b: &taper_data::RgbImage) -> (u8, f64) {
    assert_eq!(a.dimensions(), b.dimensions());
    let off: Vec<u8> = a.iter().zip(b.iter()).map(|(a, b)| a.abs_diff(*b)).collect();
    (off.iter().copied().max().unwrap(), off.iter().map(|&off| f64::from(off)).sum::<f64>() / off.len() as f64)
}

#[test]
fn a_reduced_jpeg_is_that_of_libjpeg() {
    for (name, coarse) in NAMES {
        let path = folder().join(format!("{name}.jpg"));
        let (width, height) = decode(&path).unwrap().dimensions();
        for (eighths, part) in [(1, 17), (2, 9), (4, 5)] {
            let wanted = decode(folder().join(format!("{name}.{eighths}.png"))).unwrap();
            let read = decode_needed(&path, Need::ShortSide(width.min(height) / part)).unwrap();
            let (worst, mean) = off(&read, &wanted);
            println!("{name} {eighths} {worst} {mean:.3} {coarse}");
        }
    }
}
