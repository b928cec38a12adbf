//! From a data set to batches.

use std::sync::Arc;

use serde_json::{Value, json};
use taper_augment::{Compose, Interpolation, Normalize, Transform};
use taper_data::{Dataset, Loader, LoaderConfig, Needed, Prepare};
use taper_tensor::Rng;

use crate::build::framing::Framing;
use crate::build::need::train_need;
use crate::build::transforms::train_transform;
use crate::error::Result;
use crate::recipe::{Balance, Recipe, RecipeError};

/// Pictures in a batch of a test.
pub const BATCH: usize = 32;

/// How pictures are prepared for a network: side of the square it sees, and what its channels are
/// normalized with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Input {
    /// Side, pixels.
    pub size: u32,
    /// How a picture becomes such a square.
    pub framing: Framing,
    /// Mean of each channel, of values in 0..1.
    pub mean: [f32; 3],
    /// Standard deviation of each channel.
    pub std: [f32; 3],
}

impl Input {
    /// The same in words of other libraries, for those who prepare pictures elsewhere: what
    /// `eval_loader` does to a picture. `summary` has the order of it.
    pub fn described(&self) -> Value {
        let Self { size, framing, mean, std } = self;
        let short = framing.short_side(*size);
        let filter = match framing.filter {
            Interpolation::Bilinear => "bilinear",
            Interpolation::Bicubic => "bicubic",
        };
        json!({
            "schema": 1,
            "summary": format!(
                "RGB, turned as EXIF says, transparency over white; a JPEG of six times the size or more by libjpeg's scaling to no less \
                 than three times; short side to {short} pixels, {filter} and antialiased; the middle {size}x{size}; times 1/255, minus mean, over std; (N,3,{size},{size})"
            ),
            "color": "RGB", "exif_orientation": true, "background": [255, 255, 255],
            "resize": {"short_side": short, "filter": filter, "antialias": true},
            "crop": {"height": size, "width": size, "position": "center"},
            "scale": 1.0 / 255.0, "mean": mean, "std": std, "layout": "NCHW", "dtype": "float32",
        })
    }
}

/// A transform and the normalization, as the loader wants them.
///
/// # Errors
/// When the normalization is impossible (a standard deviation of 0).
pub fn prepare(transform: Compose, input: Input) -> Result<Arc<Prepare>> {
    let normalize = Normalize::new(input.mean, input.std)?;
    Ok(Arc::new(move |picture, rng: &mut Rng, out: &mut [f32]| {
        Ok(normalize.write(&transform.apply(picture, rng), out)?)
    }))
}

/// The loader of training batches: shuffled and augmented by the seed, of pictures that have no
/// more pixels than the recipe can need.
///
/// # Errors
/// When a setting is out of its range, or is still to be
/// [measured](crate::build::colors::measured).
pub fn train_loader(dataset: Arc<dyn Dataset>, recipe: &Recipe, input: Input, threads: usize) -> Result<Loader> {
    let size = (input.size as usize, input.size as usize);
    let config = LoaderConfig {
        batch_size: recipe.data.batch_size,
        size,
        balanced: recipe.data.balance == Balance::Sampling,
        passes: recipe.passes(dataset.len()),
        even: true,
        threads,
        rng: Rng::new(recipe.seed).fork("data"),
        ..Default::default()
    };
    if recipe.augment.measures() {
        return Err(RecipeError::Unmeasured { field: "from of pca_lighting in augment.train" }.into());
    }
    let transform = train_transform(&recipe.augment, recipe.data.image_size)?;
    let dataset = Arc::new(Needed::new(dataset, train_need(&recipe.augment, recipe.data.image_size)));
    Ok(Loader::new(dataset, prepare(transform, input)?, config)?)
}

/// The loader of testing batches: in order, every picture once, nothing random.
///
/// # Errors
/// When a setting is out of its range.
pub fn eval_loader(dataset: Arc<dyn Dataset>, batch_size: usize, input: Input, threads: usize) -> Result<Loader> {
    let dataset = Arc::new(Needed::new(dataset, input.framing.need(input.size)));
    in_order(dataset, input.framing.transform(input.size)?, batch_size, input, threads)
}

/// The loader of batches in order, every picture once, prepared by `transform`, which makes squares
/// of the input's size.
///
/// # Errors
/// When a setting is out of its range.
pub fn in_order(
    dataset: Arc<dyn Dataset>,
    transform: Compose,
    batch_size: usize,
    input: Input,
    threads: usize,
) -> Result<Loader> {
    let size = (input.size as usize, input.size as usize);
    let config = LoaderConfig { batch_size, size, shuffle: false, threads, ..Default::default() };
    Ok(Loader::new(dataset, prepare(transform, input)?, config)?)
}

/// The loader of the training pictures, prepared as testing pictures are: in order and every one.
///
/// # Errors
/// When a setting is out of its range.
pub fn plain_loader(train: &Loader, val: &Loader) -> Result<Loader> {
    let config = LoaderConfig { shuffle: false, even: false, ..train.config().clone() };
    Ok(Loader::new(train.dataset().clone(), val.prepare().clone(), config)?)
}

#[cfg(test)]
mod tests {
    use taper_augment::{CenterCrop, RgbImage, resize_short_side};

    use super::*;

    /// A picture that is not decoded from a JPEG.
    struct One(RgbImage, [String; 1]);

    impl Dataset for One {
        fn len(&self) -> usize {
            1
        }
        fn get(&self, _: usize) -> Result<RgbImage, taper_data::DataError> {
            Ok(self.0.clone())
        }
        fn label(&self, _: usize) -> usize {
            0
        }
        fn classes(&self) -> &[String] {
            &self.1
        }
        fn name(&self, _: usize) -> String {
            String::new()
        }
    }

    #[test]
    fn a_picture_that_is_shrunk_first_is_the_same_in_testing() {
        let framing = Framing { crop: 0.8, ..Framing::default() };
        let input = Input { size: 24, framing, mean: [0.5; 3], std: [0.25; 3] };
        for (w, h) in [(90, 131), (200, 33), (24, 60), (20, 90), (24 * 17, 24), (1000, 50)] {
            let picture = RgbImage::from_fn(w, h, |x, y| image::Rgb([(x * 7 + y) as u8, (y * 3) as u8, (x * y) as u8]));
            let set: Arc<dyn Dataset> = Arc::new(One(picture, ["a".into()]));
            let batch = |loader: Loader| {
                let images = loader.epoch(0).next().unwrap().unwrap().batch.images;
                images.flatten_all().unwrap().to_vec1::<f32>().unwrap()
            };
            let whole = in_order(set.clone(), framing.transform(24).unwrap(), 1, input, 1).unwrap();
            assert_eq!(batch(eval_loader(set, 1, input, 1).unwrap()), batch(whole), "{w} {h}");
        }
    }

    #[test]
    fn what_is_described_is_what_is_done() {
        for filter in [Interpolation::Bilinear, Interpolation::Bicubic] {
            for crop in [1.0, 0.875] {
                described(Framing { filter, crop });
            }
        }
    }

    fn described(framing: Framing) {
        let input = Input { size: 37, framing, mean: [0.5, 0.4, 0.3], std: [0.2, 0.25, 0.5] };
        let picture = RgbImage::from_fn(90, 131, |x, y| image::Rgb([(x * 7 + y) as u8, (y * 3) as u8, (x * y) as u8]));
        let told = input.described();
        let side = |part: &str, field: &str| told[part][field].as_u64().unwrap() as u32;
        assert_eq!(
            (told["resize"]["filter"].as_str(), told["crop"]["position"].as_str()),
            (Some(if framing.filter == Interpolation::Bicubic { "bicubic" } else { "bilinear" }), Some("center"))
        );
        assert_eq!(side("resize", "short_side"), if framing.crop < 1.0 { 42 } else { 37 });
        let resized = resize_short_side(picture.clone(), side("resize", "short_side"), framing.filter);
        let cut = CenterCrop::new(side("crop", "height")).unwrap().apply(resized, &mut Rng::new(0));
        assert_eq!(cut.dimensions(), (side("crop", "width"), side("crop", "height")));
        let number = |value: &Value| value.as_f64().unwrap();
        let mut done = vec![0.0; 37 * 37 * 3];
        prepare(framing.transform(input.size).unwrap(), input).unwrap()(picture, &mut Rng::new(0), &mut done).unwrap();
        for (i, (&byte, done)) in cut.iter().zip(&done).enumerate() {
            let [mean, std] = ["mean", "std"].map(|field| number(&told[field][i % 3]));
            let wanted = (f64::from(byte) * number(&told["scale"]) - mean) / std;
            assert!((wanted - f64::from(*done)).abs() < 1e-5, "{i}: {wanted} {done}");
        }
    }
}
