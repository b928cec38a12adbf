//! The experiments' code on a few hundred pictures that are made here.
#![cfg(feature = "bench")]

use std::sync::Arc;

use image::RgbImage;
use taper_data::{DataError, Dataset, Splits};
use xtask::experiments::{Course, REGULARIZE, study, table};

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
    let splits = Splits { train: set(600, 1), val: set(60, 2), drawn: false, ignored: 0 };
    let course = Course { pictures: 192, epochs: 1, seeds: 1, threads: 2 };
    let results = study(&splits, REGULARIZE, course, |_| {}).unwrap();
    let text = table(REGULARIZE, &results, course);
    for (case, result) in REGULARIZE.iter().zip(&results) {
        assert!(text.contains(&format!("| {} |", case.name)), "{text}");
        assert!((0.0..=1.0).contains(&result[0].test) && result[0].loss.is_finite(), "{}", case.name);
        assert_eq!(result[0].sampled.is_some(), case.noise, "{}", case.name);
    }
    // Chance is a third.
    assert!(results[0][0].train > 0.6, "{:?}", results[0]);
}
