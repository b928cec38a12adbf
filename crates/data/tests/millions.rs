//! Two million pictures cost the memory of their labels and order, and start at once.
#![allow(clippy::unwrap_used)] // helpers of tests
#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use taper_data::{Loader, LoaderConfig, OpenConfig, RgbImage, Rng, open};

const COUNT: usize = 2_000_000;

/// An array as NumPy writes it.
fn write_array(path: &Path, sizes: &str, byte: impl Fn(usize) -> u8, bytes: usize) {
    let mut header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({sizes}), }}");
    header.push_str(&" ".repeat(117 - header.len()));
    header.push('\n');
    let mut file = BufWriter::new(File::create(path).unwrap());
    file.write_all(b"\x93NUMPY\x01\x00").unwrap();
    file.write_all(&(header.len() as u16).to_le_bytes()).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    (0..bytes).for_each(|i| file.write_all(&[byte(i)]).unwrap());
}

/// What the process has had in memory at most, megabytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() / 1024
}

#[test]
fn two_million_pictures_start_at_once_in_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    write_array(&folder.path().join("images.npy"), &format!("{COUNT}, 4, 4"), |i| (i / 16) as u8, 16 * COUNT);
    write_array(&folder.path().join("labels.npy"), &format!("{COUNT},"), |i| (i % 10) as u8, COUNT);
    let (before, start) = (peak(), Instant::now());
    let splits = open(folder.path(), &OpenConfig::default(), &Rng::new(1)).unwrap();
    assert_eq!((splits.train.len(), splits.val.len()), (COUNT * 4 / 5, COUNT / 5));
    let train = Arc::clone(&splits.train);
    let prepare = |picture: RgbImage, _: &mut Rng, out: &mut [f32]| {
        picture.iter().zip(out).for_each(|(&byte, x)| *x = f32::from(byte));
        Ok(())
    };
    let config = LoaderConfig { batch_size: 32, size: (4, 4), threads: 2, rng: Rng::new(1), ..LoaderConfig::default() };
    let loader = Loader::new(splits.train, Arc::new(prepare), config).unwrap();
    let mut seen = 0;
    for batch in loader.epoch(1).take(1000) {
        let batch = batch.unwrap();
        let first = batch.batch.images.flatten_all().unwrap().to_vec1::<f32>().unwrap()[0];
        assert_eq!(first as u8, train.get(batch.indices[0]).unwrap().as_raw()[0]);
        seen += batch.batch.len();
    }
    let (took, megabytes) = (start.elapsed(), peak() - before);
    assert_eq!(seen, 32_000);
    // Labels, the split and the order of an epoch are 8 bytes a picture each, for a moment twice.
    assert!(megabytes < 250, "{megabytes} MB");
    assert!(took.as_secs() < 30, "{took:?}");
    println!("{COUNT} pictures: 1000 batches after {took:.1?}, {megabytes} MB");
}
