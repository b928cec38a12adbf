//! `taper gallery`: the same pages for the same seed, every slide in the index, what is refused.

use std::fs;
use std::path::Path;

use crate::support::{listing, succeed, taper};

/// The pages of some slides, by so many threads; all but the times.
fn pages(folder: &Path, only: &str, threads: &str) -> Vec<(String, Vec<u8>)> {
    let out = format!("{only}-{threads}");
    succeed(folder, &["gallery", "--quick", "--only", only, "--threads", threads, "--out", &out]);
    let files = listing(&folder.join(&out)).into_iter().filter(|name| name != "seconds.html");
    files.map(|name| (name.clone(), fs::read(folder.join(&out).join(&name)).unwrap())).collect()
}

#[test]
fn pages_are_the_same_for_any_number_of_threads() {
    let place = tempfile::tempdir().unwrap();
    // Arithmetic alone, and trainings of a network.
    for only in ["23-28", "11"] {
        let (one, two) = (pages(place.path(), only, "1"), pages(place.path(), only, "2"));
        assert!(one.len() >= 3, "{:?}", one.iter().map(|(name, _)| name).collect::<Vec<_>>());
        for ((name, a), (other, b)) in one.iter().zip(&two) {
            assert!(name == other && a == b, "{name} and {other} differ");
        }
        assert_eq!(one.len(), two.len());
    }
    let index = fs::read_to_string(place.path().join("23-28-1/index.html")).unwrap();
    for slide in 5..=97 {
        assert_eq!(index.matches(&format!("id=\"slide-{slide}\"")).count(), 1, "slide {slide}");
    }
    assert!(index.contains("not run") && index.contains("href=\"nesterov.html\""));
    let page = fs::read_to_string(place.path().join("23-28-1/nesterov.html")).unwrap();
    assert!(!page.contains("src=\"http") && page.contains("taper gallery --only 23 --quick"));
}

#[test]
fn slides_that_are_none_are_refused() {
    let place = tempfile::tempdir().unwrap();
    for only in ["4", "38-14", "some"] {
        let ran = taper(place.path(), &["gallery", "--only", only, "--out", "a"]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains("--only must be a slide or a range of slides from 5 to 97"), "{}", ran.stderr);
    }
    let ran = taper(place.path(), &["gallery", "--only", "23", "--data", "missing", "--out", "a"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("missing is no folder"), "{}", ran.stderr);
    assert!(!place.path().join("a").exists());
}
