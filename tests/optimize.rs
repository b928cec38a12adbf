//! `taper optimize`: pictures, tables, and what is refused.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{listing, succeed, taper};

/// Runs the verb with these words.
fn optimize(words: &str) -> Vec<&str> {
    std::iter::once("optimize").chain(words.split_whitespace()).collect()
}

#[test]
fn a_picture_and_a_table_of_the_same_bytes_twice() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let words = |name: &str| {
        format!(
            "--on saddle --rules sgd,adam --steps 60 --noise 0.1 --seed 7 --svg {name}.svg --png {name}.png --csv {name}.csv"
        )
    };
    for name in ["a", "b"] {
        succeed(folder, &optimize(&words(name)));
    }
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    for kind in ["svg", "png", "csv"] {
        assert_eq!(read(&format!("a.{kind}")), read(&format!("b.{kind}")), "{kind}");
    }
    succeed(folder, &optimize(&words("c").replace("--seed 7", "--seed 8")));
    assert_ne!(read("a.csv"), read("c.csv"));
    assert!(read("a.png").starts_with(b"\x89PNG"));

    let csv = String::from_utf8(read("a.csv")).unwrap();
    let rows: Vec<&str> = csv.lines().collect();
    assert_eq!((rows[0], rows.len()), ("rule,step,x,y,loss", 1 + 2 * 61));
    assert!(rows[1].starts_with("sgd,0,-1.5,0.001,"), "{}", rows[1]);
    let svg = String::from_utf8(read("a.svg")).unwrap();
    assert!(["sgd", "adam", "minimum"].iter().all(|text| svg.contains(&format!("\n{text}\n"))));
    assert_eq!(listing(folder).len(), 9);
}

#[test]
fn a_path_that_diverges_is_said_and_drawn() {
    let place = tempfile::tempdir().unwrap();
    let ran = succeed(place.path(), &optimize("--rules sgd,newton --lr 0.1 --svg a.svg --json"));
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    let [sgd, newton] = [0, 1].map(|i| &told["paths"][i]);
    assert_eq!((&sgd["diverged"], &newton["diverged"]), (&true.into(), &false.into()));
    assert_eq!((&sgd["rate"], &newton["rate"]), (&0.1.into(), &Value::Null));
    assert!(newton["loss"].as_f64().unwrap() < 1e-12);
    let ran = succeed(place.path(), &optimize("--rules sgd --lr 0.1 --svg a.svg"));
    assert!(ran.stdout.contains("diverged") && ran.stdout.contains("wrote a.svg"), "{}", ran.stdout);
}

#[test]
fn start_momentum_and_parameters_reach_the_paths() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let words = "--rules momentum,momentum:rho=0.5,adam=0.1:correct=false --momentum 0.5 --start=-1,0.25 --steps 3 --json --csv a.csv";
    let refused = taper(folder, &optimize(words));
    assert!(refused.stderr.contains("momentum rho=0.5 is listed twice"), "{}", refused.stderr);
    let ran = succeed(folder, &optimize(&words.replace("momentum:rho=0.5", "momentum:rho=0")));
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(told["start"], serde_json::json!([-1.0, 0.25]));
    let csv = fs::read_to_string(folder.join("a.csv")).unwrap();
    let at = |name: &str, step: usize| -> f64 {
        let row = csv.lines().find(|row| row.starts_with(&format!("{name},{step},"))).unwrap();
        row.split(',').nth(2).unwrap().parse().unwrap()
    };
    // On (x² + 50y²)/2 at rate 1/50: -1 + 1/50, and then with half of that step again.
    assert!((at("momentum rho=0.5", 1) - -0.98).abs() < 1e-12);
    assert!((at("momentum rho=0.5", 2) - (-0.98 + 0.98 / 50.0 + 0.01)).abs() < 1e-12);
    assert!((at("momentum rho=0", 2) - (-0.98 + 0.98 / 50.0)).abs() < 1e-12);
    // Without correction Adam's first step is 0.1/√0.001 rates long.
    assert!((at("adam correct=false", 1) - (-1.0 + 0.1 * 0.1 / 0.001f64.sqrt())).abs() < 1e-6);
}

#[test]
fn schedules_instead_of_paths() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    succeed(folder, &optimize("--schedules cosine,one_cycle --steps 50 --svg some.svg --csv some.csv"));
    let csv = fs::read_to_string(folder.join("some.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1 + 2 * 50);
    assert!(csv.contains("\ncosine,0,1\n") && csv.contains("\none-cycle,49,"), "{csv}");
    succeed(folder, &optimize("--schedules --svg all.svg"));
    assert!(fs::read_to_string(folder.join("all.svg")).unwrap().contains("\nsnapshot-cycles\n"));
}

#[test]
fn wrong_words_are_refused_and_nothing_is_written() {
    let place = tempfile::tempdir().unwrap();
    let folder: &Path = place.path();
    for (words, said) in [
        ("--on bowl --svg a.svg", "quadratic, rosenbrock, beale, saddle, bump"),
        ("--rules sgd,adm --svg a.svg", "there is no rule \"adm\"; there are sgd, momentum"),
        ("--rules adam,adam --svg a.svg", "adam is listed twice"),
        ("--rules adam=0 --svg a.svg", "the rate of adam must be a finite number above 0, got 0"),
        ("--lr -0.1 --svg a.svg", "--lr must be a finite number above 0, got -0.1"),
        ("--steps 0 --svg a.svg", "--steps must be from 1 to 10000, got 0"),
        ("--condition 0.5 --svg a.svg", "--condition must be from 1 to 1e6, got 0.5"),
        ("--on beale --condition 5 --svg a.svg", "only quadratic has one to choose"),
        ("--noise -1 --svg a.svg", "--noise must be a finite number, 0 or more, got -1"),
        ("--rules lbfgs --noise 1 --svg a.svg", "methods of second order need a loss without noise"),
        ("--rules adam:rho=1 --svg a.svg", "there are beta1, beta2, eps, correct"),
        ("--start 9,0 --svg a.svg", "--start must be a place in the picture, as in -1.5,0.5, got 9,0"),
        ("--start 1 --svg a.svg", "two numbers, as in -1.5,0.5"),
        ("--schedules cosin --svg a.svg", "there is no schedule \"cosin\""),
        ("--schedules cosine --lr 1 --svg a.svg", "cannot be used with"),
        ("--svg a --csv a", "--csv must be a file of its own, got a"),
        ("--on saddle", "--svg <FILE>"),
    ] {
        let ran = taper(folder, &optimize(words));
        assert_eq!(ran.code, Some(2), "{words}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{words}: {}", ran.stderr);
    }
    let ran = taper(folder, &optimize("--svg missing/a.svg"));
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("missing"), "{}", ran.stderr);
    assert!(listing(folder).is_empty());
}
