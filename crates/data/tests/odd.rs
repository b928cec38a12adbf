//! Pictures that are hardly any, or of a kind that few expect: read as a picture viewer would, or
//! refused by name.
#![allow(clippy::unwrap_used)] // helpers of tests

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use image::{ExtendedColorType, ImageEncoder, RgbImage, codecs::png::PngEncoder};
use taper_data::{DataError, MAX_BYTES, decode};

/// `odd/*`, made with PIL: one picture in inks, two pictures in a row as film.
fn odd(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/odd").join(name)
}

#[test]
fn inks_become_light() {
    let picture = decode(odd("cmyk.jpg")).unwrap();
    assert_eq!(picture.dimensions(), (16, 8));
    // What PIL makes of them: (255, 0, 0) and (0, 191, 191).
    for (x, wanted) in [(2, [255, 0, 0]), (13, [0, 191, 191])] {
        let pixel = picture[(x, 4)].0;
        assert!(pixel.iter().zip(wanted).all(|(value, wanted)| value.abs_diff(wanted) <= 3), "{pixel:?}");
    }
}

#[test]
fn of_a_film_the_first_picture_is_taken() {
    for name in ["film.gif", "film.webp", "film.png"] {
        let picture = decode(odd(name)).unwrap();
        assert_eq!((picture.dimensions(), picture[(5, 5)].0), ((12, 10), [200, 30, 40]), "{name}");
    }
}

#[test]
fn one_pixel_and_the_longest_line_are_pictures_and_none_is_not() {
    let folder = tempfile::tempdir().unwrap();
    for (width, height) in [(1, 1), (65_535, 1), (1, 65_535)] {
        for ending in ["png", "jpg", "bmp"] {
            let path = folder.path().join(format!("line.{ending}"));
            RgbImage::from_pixel(width, height, image::Rgb([128; 3])).save(&path).unwrap();
            let picture = decode(&path).unwrap();
            assert_eq!(picture.dimensions(), (width, height), "{ending}");
            assert!(picture.iter().all(|value| value.abs_diff(128) <= 2), "{ending}");
        }
    }
    // Sizes in the headers: PNG at byte 16 with a checksum that is not looked at first, BMP at 18,
    // GIF at 6.
    for (ending, at, length) in [("png", 16, 4), ("bmp", 18, 4), ("gif", 6, 2)] {
        let path = folder.path().join(format!("nothing.{ending}"));
        RgbImage::new(4, 4).save(&path).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        bytes[at..at + length].fill(0);
        fs::write(&path, bytes).unwrap();
        let said = decode(&path).unwrap_err().to_string();
        assert!(said.contains(&format!("nothing.{ending}")), "{said}");
    }
}

/// A picture of two pixels with these bytes of EXIF.
fn held(path: &Path, exif: &[u8]) {
    let mut encoder = PngEncoder::new(File::create(path).unwrap());
    encoder.set_exif_metadata(exif.to_vec()).unwrap();
    encoder.write_image(&[1, 1, 1, 2, 2, 2], 2, 1, ExtendedColorType::Rgb8).unwrap();
}

#[test]
fn a_broken_orientation_leaves_the_picture_as_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("held.png");
    let orientation = |value: u8| {
        let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\0\0\0\0\0\0\0\0".to_vec();
        exif[18] = value;
        exif
    };
    held(&path, &orientation(6));
    assert_eq!(decode(&path).unwrap().dimensions(), (1, 2));
    let cut = orientation(6)[..15].to_vec();
    for broken in
        [orientation(0), orientation(9), orientation(255), cut, b"II*\0\xff\xff\xff\xff".to_vec(), vec![7; 40]]
    {
        held(&path, &broken);
        assert_eq!(decode(&path).unwrap().into_raw(), [1, 1, 1, 2, 2, 2], "{broken:?}");
    }
}

#[test]
fn bombs_are_refused_before_they_go_off() {
    let folder = tempfile::tempdir().unwrap();
    // A PNG of 65,000 x 65,000 pixels, 12 GB once unpacked; its header alone says so.
    let path = folder.path().join("bomb.png");
    RgbImage::new(4, 4).save(&path).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[16..20].copy_from_slice(&65_000u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&65_000u32.to_be_bytes());
    let crc = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.to_be_bytes());
    fs::write(&path, bytes).unwrap();
    let bomb = decode(&path).unwrap_err();
    assert!(matches!(bomb, DataError::TooLarge { width: 65_000, .. }), "{bomb}");
    assert!(bomb.to_string().contains("bomb.png") && bomb.to_string().contains("65000 x 65000"), "{bomb}");

    // A file longer than any picture; it takes no room on the disk.
    let path = folder.path().join("long.jpg");
    File::create(&path).unwrap().set_len(MAX_BYTES + 1).unwrap();
    let long = decode(&path).unwrap_err();
    assert!(matches!(long, DataError::TooLong { .. }) && long.to_string().contains("long.jpg"), "{long}");
}

/// The checksum of PNG, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}
