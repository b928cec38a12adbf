//! Files in which bytes were changed, cut out or doubled: a picture or an error that names the
//! file, never a panic.
#![allow(clippy::unwrap_used)] // helpers of tests

use std::path::Path;

use proptest::prelude::*;
use taper_data::{Idx, IdxFile, decode_bytes};

/// A small file of each format and coding.
const FILES: [&str; 17] = [
    "jpeg/2x2-1x1-1x1.together.jpg",
    "jpeg/2x2-1x1-1x1.apart_restart.jpg",
    "jpeg/1x1-2x2-2x2.progressive.jpg",
    "jpeg/2x1-1x1-1x1.progressive_restart.jpg",
    "jpeg/ycck_2x2.together.jpg",
    "odd/film.gif",
    "odd/film.webp",
    "odd/film.png",
    "formats/rgb_tiff_lzw.tif",
    "formats/jpeg.tif",
    "formats/palette.tif",
    "formats/png.ico",
    "formats/bmp.ico",
    "formats/alpha.qoi",
    "formats/rgb.ppm",
    "formats/plain.pnm",
    "formats/two.tif",
];

/// What is done to a file: a place in it, how many bytes from there on, and what.
#[derive(Clone, Debug)]
enum Change {
    Set(u8),
    Cut,
    Double,
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, usize, Change)>> {
    let change = prop_oneof![
        4 => prop_oneof![Just(0), Just(0xff), any::<u8>()].prop_map(Change::Set),
        1 => Just(Change::Cut),
        1 => Just(Change::Double),
    ];
    prop::collection::vec((any::<prop::sample::Index>(), 1..5usize, change), 1..6)
}

fn changed(mut bytes: Vec<u8>, changes: &[(prop::sample::Index, usize, Change)]) -> Vec<u8> {
    for (place, length, change) in changes {
        if bytes.is_empty() {
            return bytes;
        }
        // Half of the places are in the header.
        let first = place.index(bytes.len());
        let first = if first % 2 == 0 { first % 64.min(bytes.len()) } else { first };
        let part = first..(first + length).min(bytes.len());
        match change {
            Change::Set(value) => bytes[part].fill(*value),
            Change::Cut => drop(bytes.drain(part)),
            Change::Double => bytes.extend_from_within(part),
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_picture_is_a_picture_or_an_error(number in 0..FILES.len(), changes in changes()) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(FILES[number]);
        let bytes = changed(std::fs::read(file).unwrap(), &changes);
        match decode_bytes(&bytes, "changed") {
            Ok(picture) => prop_assert!(picture.width() > 0 && picture.height() > 0),
            Err(error) => prop_assert!(error.to_string().contains("changed"), "{error}"),
        }
    }

    #[test]
    fn a_changed_idx_file_is_pictures_or_an_error(changes in changes()) {
        let images = [&[0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 3][..], &[7; 18]].concat();
        let labels = IdxFile { bytes: &[0, 0, 8, 1, 0, 0, 0, 3, 2, 0, 1], name: Path::new("labels") };
        let bytes = changed(images, &changes);
        if let Err(error) = Idx::from_bytes(IdxFile { bytes: &bytes, name: Path::new("changed") }, labels) {
            prop_assert!(error.to_string().contains("changed") || error.to_string().contains("labels"), "{error}");
        }
    }
}
