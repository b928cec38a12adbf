//! Formats as Pillow writes and reads them, and files whose metadata unpack to more than their
//! pixels.
#![allow(clippy::unwrap_used)] // helpers of tests

use std::fs;
use std::path::{Path, PathBuf};

use taper_data::{DataError, EXTENSIONS, decode, decode_bytes};

/// `formats/*`, made by `make.py` there with Pillow.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats")
}

#[test]
fn every_format_is_read_as_pillow_reads_it() {
    // Name, the furthest that a value may be off, and words where it is refused.
    for (name, off, refused) in [
        ("rgb_raw.tif", 0, None),
        ("rgb_tiff_lzw.tif", 0, None),
        ("rgb_tiff_adobe_deflate.tif", 0, None),
        ("rgb_packbits.tif", 0, None),
        ("gray.tif", 0, None),
        ("two.tif", 0, None),
        ("alpha.tif", 1, None),
        ("inks.tif", 1, None),
        ("sixteen.tif", 0, None),
        ("pages.tiff", 0, None),
        ("turned.tif", 0, None),
        ("palette.tif", 0, None),
        ("float.tif", 0, Some("support")),
        ("jpeg.tif", 3, None),
        ("png.ico", 1, None),
        ("bmp.ico", 1, None),
        ("largest.ico", 0, None),
        ("rgb.qoi", 0, None),
        ("alpha.qoi", 1, None),
        ("rgb.ppm", 0, None),
        ("gray.pgm", 0, None),
        ("two.pbm", 0, None),
        ("plain.pnm", 0, None),
        ("rgb.pam", 0, None),
        ("rgb.jfif", 3, None),
        ("rgb.dib", 0, None),
        ("film.apng", 0, None),
    ] {
        let ending = Path::new(name).extension().unwrap().to_str().unwrap();
        assert!(EXTENSIONS.contains(&ending), "{ending}");
        match (decode(folder().join(name)), refused) {
            (Err(error), Some(words)) => {
                assert!(error.to_string().contains(name) && error.to_string().contains(words), "{error}");
            }
            (Ok(picture), None) => {
                let wanted = decode(folder().join(format!("{name}.png"))).unwrap();
                assert_eq!(picture.dimensions(), wanted.dimensions(), "{name}");
                let worst = picture.iter().zip(wanted.iter()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
                assert!(worst <= off, "{name} is off by {worst}");
            }
            (read, refused) => panic!("{name}: {:?}, wanted {refused:?}", read.err()),
        }
    }
}

#[test]
fn a_telephones_format_is_called_by_its_name() {
    let avif = fs::read(folder().join("refused.avif")).unwrap();
    let heic = [&avif[..8], b"heic", &avif[12..]].concat();
    // Both have this name at times; what follows tells which it is.
    let both = [&avif[..8], b"mif1", &avif[12..]].concat();
    let neither = [&b"\0\0\0\x14ftypmif1\0\0\0\0heic"[..], &avif[32..]].concat();
    for (bytes, kind) in [(avif, "AVIF"), (heic, "HEIC"), (both, "AVIF"), (neither, "HEIC")] {
        let error = decode_bytes(&bytes, "holiday.jpg").unwrap_err();
        assert!(matches!(error, DataError::Foreign { .. }), "{error}");
        let said = error.to_string();
        assert!(said.contains("holiday.jpg") && said.contains(kind) && said.contains("convert"), "{said}");
    }
}

/// The most memory that the process has held, kilobytes.
#[cfg(target_os = "linux")]
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn what_lies_beside_the_pixels_is_not_unpacked() {
    // 64 MB of color profile and as many of texts in files of 64 KB.
    let before = peak();
    for name in ["profile_bomb.png", "text_bomb.png"] {
        let bomb = fs::read(folder().join(name)).unwrap();
        assert_eq!(decode_bytes(&bomb, name).unwrap().dimensions(), (4, 4));
        let (length, at) = ((bomb.len() as u32).to_le_bytes(), 22u32.to_le_bytes());
        let icon = [&[0, 0, 1, 0, 1, 0, 4, 4, 0, 0, 1, 0, 32, 0], &length[..], &at, &bomb].concat();
        assert_eq!(decode_bytes(&icon, "bomb.ico").unwrap().dimensions(), (4, 4));
    }
    let more = peak() - before;
    assert!(more < 16_000, "{more} kB");
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_header_claims_costs_no_memory() {
    let before = peak();
    // A JPEG of 65,500 x 65,500; bytes before its frame lead to a small frame if they are taken for
    // a segment.
    let frame = |side: u16| {
        let [high, low] = side.to_be_bytes();
        [&b"\xff\xc0\0\x11\x08"[..], &[high, low, high, low], b"\x03R\x11\0G\x11\0B\x11\0"].concat()
    };
    let scan = b"\xff\xda\0\x0c\x03R\0G\0B\0\0\x3f\0";
    let mut jpeg = [&b"\xff\xd8\xff\0"[..], &frame(65_500), scan].concat();
    jpeg.resize(4 + 0xffc0, 0);
    jpeg.extend([&frame(8)[..], scan, b"\xff\xd9"].concat());
    let said = decode_bytes(&jpeg, "x.jpg").unwrap_err().to_string();
    assert!(said.contains("65500 x 65500"), "{said}");
    // A WebP whose EXIF is to be 2 GB long; a GIF of one pixel with a picture of 65,535 x 65,535 in
    // it; a TIFF with 2^32 - 1 tags' values.
    let mut webp = b"RIFF\xff\xff\xff\x7fWEBPVP8X\x0a\0\0\0\x08\0\0\0\0\0\0\0\0\0EXIF\xf0\xff\xff\x7f".to_vec();
    webp.extend([0; 64]);
    let mut gif = b"GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x44\x01\0;".to_vec();
    gif.extend([0; 64]);
    let tag = |id: u16, kind: u16, count: u32, value: u32| {
        [&id.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value.to_le_bytes()].concat()
    };
    let tags = [tag(256, 3, 1, 4), tag(257, 3, 1, 4), tag(258, 3, u32::MAX, 8), tag(273, 4, u32::MAX, 8)];
    let tiff = [&b"II*\0\x08\0\0\0\x04\0"[..], &tags.concat(), &[0; 32]].concat();
    for (bytes, name) in [(webp, "x.webp"), (gif, "x.gif"), (tiff, "x.tif")] {
        let said = decode_bytes(&bytes, name).unwrap_err().to_string();
        assert!(said.contains(name), "{said}");
    }
    let more = peak() - before;
    assert!(more < 16_000, "{more} kB");
}
