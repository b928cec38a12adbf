//! JPEGs decoded at a part of their size, as libjpeg does it.
#![allow(clippy::unwrap_used)] // helpers of tests

use std::path::{Path, PathBuf};

use taper_data::{Need, decode, decode_needed};

/// `reduced/*`, made by `make.py` there with Pillow.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reduced")
}

const NAMES: [&str; 8] = ["420", "422", "444", "progressive", "gray", "cmyk", "turned", "tall"];

/// The largest and the mean difference of two pictures, of 255.
fn off(a: &taper_data::RgbImage, b: &taper_data::RgbImage) -> (u8, f64) {
    assert_eq!(a.dimensions(), b.dimensions());
    let off: Vec<u8> = a.iter().zip(b.iter()).map(|(a, b)| a.abs_diff(*b)).collect();
    (off.iter().copied().max().unwrap(), off.iter().map(|&off| f64::from(off)).sum::<f64>() / off.len() as f64)
}

#[test]
fn a_reduced_jpeg_is_that_of_libjpeg() {
    for name in NAMES {
        let path = folder().join(format!("{name}.jpg"));
        let (width, height) = decode(&path).unwrap().dimensions();
        for (eighths, part) in [(1, 25), (2, 13), (4, 7)] {
            let wanted = decode(folder().join(format!("{name}.{eighths}.png"))).unwrap();
            let read = decode_needed(&path, Need::ShortSide(width.min(height) / part)).unwrap();
            let (worst, mean) = off(&read, &wanted);
            // A number a block, and of inks the way to light, is rounded by each as it likes.
            assert!(worst <= 4 && mean < 1.2, "{name} at {eighths} eighths: {worst}, {mean} in the mean");
        }
    }
}
