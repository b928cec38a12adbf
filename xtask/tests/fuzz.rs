//! The bodies of the fuzzer on their seeds, as they are and with a few changes.

#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{RngSeed, TestRunner};
use xtask::fuzz::{TARGETS, body, seeds};

/// A change of some bytes.
#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    /// To a value at which arithmetic goes wrong.
    Edge(Index, u8),
    Flip(Index, u8),
    Remove(Index, u8),
    Repeat(Index, u8),
    Cut(Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (at(), any::<u8>()).prop_map(|(at, kind)| Change::Edge(at, kind)),
        (at(), 0..8u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        (at(), 1..9u8).prop_map(|(at, n)| Change::Remove(at, n)),
        (at(), 1..33u8).prop_map(|(at, n)| Change::Repeat(at, n)),
        at().prop_map(Change::Cut),
    ]
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let len = bytes.len();
        let span = |at: &Index, n: u8| at.index(len)..len.min(at.index(len) + usize::from(n));
        match self {
            Change::Set(at, byte) => bytes[at.index(len)] = *byte,
            Change::Edge(at, kind) => {
                let edge: &[u8] =
                    [&[0; 8][..], &[0xff; 8], &[0x7f, 0xff, 0xff, 0xff], b"99999999999", b"nan"][usize::from(kind % 5)];
                let span = span(at, edge.len() as u8);
                bytes.splice(span, edge.iter().copied());
            }
            Change::Flip(at, bit) => bytes[at.index(len)] ^= 1 << bit,
            Change::Remove(at, n) => drop(bytes.drain(span(at, *n))),
            Change::Repeat(at, n) => {
                let part = bytes[span(at, *n)].to_vec();
                bytes.splice(at.index(len)..at.index(len), part);
            }
            Change::Cut(at) => bytes.truncate(at.index(len)),
        }
    }
}

/// Gives a body its seeds, and so many changed ones.
fn hold(name: &str, cases: u32) {
    let (body, seeds) = (body(name).unwrap(), seeds(name));
    assert!(!seeds.is_empty(), "{name} has seeds");
    seeds.iter().for_each(|seed| body(seed));
    body(&[]);
    let config =
        ProptestConfig { cases, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() };
    let inputs = (any::<Index>(), prop::collection::vec(change(), 1..6));
    let outcome = TestRunner::new(config).run(&inputs, |(seed, changes)| {
        let mut bytes = seed.get(&seeds).clone();
        changes.iter().for_each(|change| change.apply(&mut bytes));
        body(&bytes);
        Ok(())
    });
    assert!(outcome.is_ok(), "{name}: {}", outcome.unwrap_err());
}

#[test]
fn every_target_has_a_body_and_nothing_else_has() {
    assert!(TARGETS.iter().all(|name| body(name).is_some()) && body("other").is_none());
}

#[test]
fn seeds_are_in_order() {
    let pictures = seeds("pictures");
    let read = pictures.iter().filter(|seed| taper_data::decode_bytes(seed, "seed").is_ok()).count();
    assert!(read >= 30, "{read} of {} pictures are read", pictures.len());
    assert!(seeds("safetensors").iter().all(|seed| taper_transfer::weights_from_bytes(seed, "seed").is_ok()));
    let text = |seed: &[u8]| String::from_utf8(seed.to_vec()).unwrap();
    let here = std::path::Path::new("seed");
    for seed in seeds("checkpoint") {
        let whole = [&*seed, taper_transfer::sha256(&seed).as_bytes()].concat();
        taper_trainer::store::checkpoint::TrainState::parse(&whole).unwrap();
    }
    for seed in seeds("idx") {
        let (images, labels) = seed[2..].split_at(usize::from(u16::from_be_bytes([seed[0], seed[1]])));
        let place = tempfile::tempdir().unwrap();
        let [images, labels] = [("images", images), ("labels", labels)].map(|(name, bytes)| {
            std::fs::write(place.path().join(name), bytes).unwrap();
            place.path().join(name)
        });
        assert_eq!(taper_data::Dataset::len(&taper_data::Idx::open(images, labels).unwrap()), 3);
    }
    for seed in seeds("recipe") {
        taper_trainer::recipe::Recipe::parse(&text(&seed), here).unwrap();
    }
    for seed in seeds("space") {
        taper_trainer::study::search::Space::parse(&text(&seed), here).unwrap();
    }
    for seed in seeds("model.json") {
        taper_trainer::build::model::ModelCard::parse(&text(&seed)).unwrap();
    }
}

macro_rules! targets {
    ($($test:ident: $name:literal, $cases:literal;)*) => {
        $(#[test]
        fn $test() {
            hold($name, $cases);
        })*
    };
}

targets! {
    pictures: "pictures", 1000;
    safetensors: "safetensors", 4000;
    files_of_pytorch: "pth", 2000;
    recipes: "recipe", 2000;
    spaces: "space", 2000;
    model_cards: "model.json", 2000;
    checkpoints: "checkpoint", 2000;
    idx: "idx", 2000;
    answers_of_a_hub: "hub", 4000;
    requests: "http", 60;
}
