//! The experiments' code on a few hundred pictures that are made here.
#![cfg(feature = "bench")]

use std::sync::Arc;

use image::RgbImage;
use taper_data::{DataError, Dataset};
use xtask::experiments::{Base, Test, augment, regularize, study, table, views};

/// Pictures of 12x12 whose class is the place of a bright band, on noise.
struct Bands {
    classes: Vec<String>,
    count: usize,
    seed: u64,
}

impl Dataset for Bands {
    fn len(&self) -> usize {
        self.count
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn label(&self, index: usize) -> usize {
        index % 3
    }

    fn name(&self, index: usize) -> String {
        format!("band {index}")
    }

    fn get(&self, index: usize) -> Result<RgbImage, DataError> {
        let mut rng = taper_tensor::Rng::new(self.seed).at(index as u64);
        let band = 4 * (index as u32 % 3);
        Ok(RgbImage::from_fn(12, 12, |_, y| {
            let light = rng.uniform(0.0, 120.0) + if (band..band + 4).contains(&y) { 100.0 } else { 0.0 };
            image::Rgb([light as u8; 3])
        }))
    }
}

#[test]
fn every_technique_is_trained_and_told_of() {
    let set = |count, seed| -> Arc<dyn Dataset> {
        Arc::new(Bands { classes: ["top", "middle", "bottom"].map(str::to_owned).to_vec(), count, seed })
    };
    let sets = |seed| Ok([set(192, seed + 1), set(32, seed + 2), set(60, seed + 3)]);
    let cases = regularize();
    let results = study(sets, &Base::scratch(1), &cases, (1, 2), |_| {}).unwrap();
    let text = table("Bands.", &cases, &results);
    for (case, result) in cases.iter().zip(&results) {
        assert!(text.contains(&format!("| {} |", case.name)), "{text}");
        let test = result[0].test;
        assert!((0.0..=1.0).contains(&test.accuracy) && test.loss.is_finite(), "{}", case.name);
        assert_eq!(result[0].sampled.is_some(), case.test == Test::Noise, "{}", case.name);
    }
    // Chance is a third.
    assert!(results[0][0].train > 0.6, "{:?}", results[0]);

    // What is seen several times is told in a table of its own; on the small network, which is
    // quick.
    let last = vec![augment().pop().unwrap()];
    let results = study(sets, &Base::scratch(1), &last, (1, 2), |_| {}).unwrap();
    assert!(views(&last, &results).contains("| multi-scale |") && views(&cases, &[]).is_empty());
}
