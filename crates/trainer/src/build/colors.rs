//! What a recipe wants measured of the colors of its training pictures, before the training.

use std::sync::{Arc, Mutex, PoisonError};

use taper_augment::{ColorStatistics, Principal, Transform};
use taper_data::{Dataset, Loader, LoaderConfig, Needed, Prepare};
use taper_tensor::Rng;

use crate::build::need::eval_need;
use crate::build::pipeline::BATCH;
use crate::build::transforms::eval_transform;
use crate::error::Result;
use crate::listener::{Listener, Work};
use crate::recipe::{ColorsOf, NormalizeRecipe, Recipe, TransformRecipe};

/// The least standard deviation that is divided by: a step of a byte. Channels that are the same
/// everywhere become 0.
const LEAST: f64 = 1.0 / 255.0;

/// The recipe with numbers in the place of what it wants measured: the mean and the standard
/// deviation of the training pictures (`data.normalize = "data"`), and the components of their
/// colors (`pca_lighting` with `from = "data"`). A recipe that wants nothing is returned as it is,
/// and no picture read.
///
/// Every pixel counts that the network sees in testing, of all pictures: their short side at
/// `data.image_size`, the center cut out. The sums are of whole numbers, so the same pictures give
/// the same digits, of which six behind the point are kept.
///
/// # Errors
/// When a picture cannot be read.
pub fn measured(
    recipe: &Recipe,
    pictures: &Arc<dyn Dataset>,
    threads: usize,
    listener: &dyn Listener,
) -> Result<Recipe> {
    let mut recipe = recipe.clone();
    if !recipe.measures() {
        return Ok(recipe);
    }
    let colors = colors(pictures, recipe.data.image_size, threads, listener)?;
    if recipe.data.normalize == (NormalizeRecipe::Data {}) {
        let std = colors.deviation().map(|deviation| deviation.max(LEAST));
        recipe.data.normalize = NormalizeRecipe::Values { mean: colors.mean().map(short), std: std.map(short) };
    }
    let Principal { values, vectors } = colors.principal();
    let components = (values.map(short), vectors.map(|vector| vector.map(short)));
    recipe.augment.train.iter_mut().for_each(|transform| light(transform, components));
    Ok(recipe)
}

/// A number with six digits behind the point.
fn short(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// Gives light that is to be that of the pictures their components.
fn light(transform: &mut TransformRecipe, (values, vectors): ([f64; 3], [[f64; 3]; 3])) {
    match transform {
        TransformRecipe::PcaLighting { sigma, from: Some(ColorsOf::Data), .. } => {
            *transform = TransformRecipe::PcaLighting { sigma: *sigma, values, vectors, from: None };
        }
        TransformRecipe::Maybe { transform, .. } => light(transform, (values, vectors)),
        TransformRecipe::OneOf { transforms } | TransformRecipe::Sequence { transforms } => {
            transforms.iter_mut().for_each(|transform| light(transform, (values, vectors)));
        }
        _ => {}
    }
}

/// The colors of all pictures, as the network sees them in testing.
fn colors(pictures: &Arc<dyn Dataset>, size: u32, threads: usize, listener: &dyn Listener) -> Result<ColorStatistics> {
    let (all, transform) = (Arc::new(Mutex::new(ColorStatistics::default())), eval_transform(size)?);
    let sums = Arc::clone(&all);
    let prepare: Arc<Prepare> = Arc::new(move |picture, rng: &mut Rng, _: &mut [f32]| {
        let mut colors = ColorStatistics::default();
        colors.add(&transform.apply(picture, rng));
        sums.lock().unwrap_or_else(PoisonError::into_inner).merge(&colors);
        Ok(())
    });
    let side = size as usize;
    let config = LoaderConfig { batch_size: BATCH, size: (side, side), shuffle: false, threads, ..Default::default() };
    let loader = Loader::new(Arc::new(Needed::new(Arc::clone(pictures), eval_need(size))), prepare, config)?;
    let progress = listener.work(Work::Reading);
    progress.begin(pictures.len() as u64);
    for batch in loader.epoch(0) {
        progress.advance(batch?.indices.len() as u64);
    }
    let colors = all.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(colors)
}

#[cfg(test)]
mod tests {
    use taper_augment::RgbImage;

    use super::*;
    use crate::listener::Silent;

    /// Pictures of 8x8, red alone rising from one to the next.
    struct Reds([String; 1]);

    impl Dataset for Reds {
        fn len(&self) -> usize {
            40
        }
        fn get(&self, i: usize) -> Result<RgbImage, taper_data::DataError> {
            Ok(RgbImage::from_pixel(8, 8, image::Rgb([5 * i as u8, 51, 102])))
        }
        fn label(&self, _: usize) -> usize {
            0
        }
        fn classes(&self) -> &[String] {
            &self.0
        }
        fn name(&self, _: usize) -> String {
            String::new()
        }
    }

    #[test]
    fn numbers_take_the_place_of_what_is_to_be_measured() {
        let text = "[data]\nnormalize = \"data\"\nimage_size = 32\n[augment]\ntrain = [{ name = \"maybe\", transform = \
                    { name = \"pca_lighting\", sigma = 0.2, from = \"data\" } }]\n";
        let recipe = Recipe::parse(text, "r.toml".as_ref()).unwrap();
        recipe.check().unwrap();
        let pictures: Arc<dyn Dataset> = Arc::new(Reds(["a".into()]));
        let of = |threads| measured(&recipe, &pictures, threads, &Silent).unwrap();
        let found = of(1);
        assert_eq!(found, of(3));
        assert!(!found.measures() && measured(&found, &pictures, 1, &Silent).unwrap() == found);
        // 5 · (0 + ... + 39) / 40 = 97.5; the variance of 0 to 39 is (40² - 1) / 12, over n - 1 a
        // little more.
        let n = 40.0 * 32.0 * 32.0;
        let deviation = 5.0 * (1599.0f64 / 12.0 * n / (n - 1.0)).sqrt() / 255.0;
        let NormalizeRecipe::Values { mean, std } = found.data.normalize else { panic!("{found:?}") };
        assert_eq!((mean, std), ([short(97.5 / 255.0), 0.2, 0.4], [short(deviation), short(LEAST), short(LEAST)]));
        let TransformRecipe::Maybe { transform, .. } = &found.augment.train[0] else { panic!("{found:?}") };
        let TransformRecipe::PcaLighting { sigma, values, vectors, from: None } = **transform else { panic!() };
        assert_eq!((sigma, vectors[0]), (0.2, [1.0, 0.0, 0.0]));
        assert!((values[0] - deviation * deviation).abs() < 1e-5 && values[1..] == [0.0, 0.0], "{values:?}");
    }

    #[test]
    fn a_recipe_that_wants_nothing_reads_no_picture() {
        struct None([String; 0]);
        impl Dataset for None {
            fn len(&self) -> usize {
                1
            }
            fn get(&self, _: usize) -> Result<RgbImage, taper_data::DataError> {
                panic!("read")
            }
            fn label(&self, _: usize) -> usize {
                0
            }
            fn classes(&self) -> &[String] {
                &self.0
            }
            fn name(&self, _: usize) -> String {
                String::new()
            }
        }
        let pictures: Arc<dyn Dataset> = Arc::new(None([]));
        assert_eq!(measured(&Recipe::default(), &pictures, 1, &Silent).unwrap(), Recipe::default());
    }
}
