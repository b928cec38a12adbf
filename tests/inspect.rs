//! `taper inspect`: what first weights do to signal and gradient.

use std::fs;

use serde_json::Value;

use crate::support::{fails, succeed, taper};

fn words(text: &str) -> Vec<&str> {
    std::iter::once("inspect").chain(text.split_whitespace()).collect()
}

#[test]
fn the_verdict_is_told_drawn_and_repeated_to_the_bit() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    for (init, wanted) in [("normal=0.01", "too small"), ("normal", "too small"), ("he_fan_in", "just right")] {
        let told = |more: &str| {
            let ran = succeed(folder, &words(&format!("init --init {init} --layers 5 --width 64 {more}")));
            ran.stdout
        };
        assert!(told("").lines().any(|line| line.starts_with(wanted)), "{}", told(""));
        let json: Value = serde_json::from_str(&told("--json")).unwrap();
        assert!(json["verdict"].as_str().unwrap().starts_with(wanted));
        assert_eq!(json["layers"].as_array().unwrap().len(), 5);
    }
    for name in ["a", "b"] {
        let files = format!("init --layers 3 --width 32 --svg {name}.svg --png {name}.png --csv {name}.csv");
        assert!(succeed(folder, &words(&files)).stdout.contains(&format!("wrote {name}.png")));
    }
    for kind in ["svg", "png", "csv"] {
        let read = |name: &str| fs::read(folder.join(format!("{name}.{kind}"))).unwrap();
        assert_eq!(read("a"), read("b"), "{kind}");
    }
    assert_eq!(fs::read_to_string(folder.join("a.csv")).unwrap().lines().count(), 1 + 2 * 3);
}

#[test]
fn a_name_or_number_that_is_none_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    for (text, wanted) in [
        ("init --init he", vec!["no initialization", "he_fan_in"]),
        ("init --activation relu6", vec!["no activation", "leaky_relu"]),
        ("init --activation elu=-1", vec!["elu", "positive"]),
        ("init --layers 0", vec!["--layers"]),
        ("init --svg a --png a", vec!["--png", "file of its own"]),
    ] {
        fails(&taper(folder, &words(text)), 2, &wanted);
    }
    assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
}
