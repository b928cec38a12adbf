//! From a recipe's list to transforms.

use taper_augment::{
    AugMix, AugmentError, CenterCrop, ColorJitter, ColorJitterConfig, Compose, Cutout, Elastic, GaussianNoise,
    HorizontalFlip, ImageOp, JpegArtifacts, Lighting, Maybe, OneOf, Principal, RandAugment, RandomAffine,
    RandomAffineConfig, RandomCrop, RandomErasing, RandomErasingConfig, RandomLens, RandomPerspective,
    RandomResizedCrop, RandomResizedCropConfig, RandomScaleCrop, Resize, Sampling, Transform, TrivialAugment, Varied,
};

use crate::build::framing::Framing;
use crate::recipe::{AugmentRecipe, RecipeError, TransformRecipe};

/// The preparation for training: from any picture to a square of `size`.
///
/// # Errors
/// When a setting is out of its range, or what comes out would not always be a square.
pub fn train_transform(augment: &AugmentRecipe, size: u32) -> Result<Compose, RecipeError> {
    let list = &augment.train;
    let mut steps = Vec::new();
    if !list.iter().any(sizes) {
        steps = eval_transform(size)?.0;
    } else if !list.iter().fold(false, square) {
        return Err(RecipeError::Field {
            field: "augment.train",
            wanted: "a list whose last change of size is a cut (random_resized_crop, random_crop, random_scale_crop, \
                     center_crop) that no picture escapes, or one without any change of size",
            got: format!("[{}]", list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        });
    }
    for transform in list {
        let wrong = |source| RecipeError::Transform { transform: transform.to_string(), source };
        steps.push(build(transform, size).map_err(wrong)?);
    }
    Ok(Compose(steps))
}

/// The usual preparation for testing: the short side to `size`, the center cut out.
///
/// # Errors
/// When the size is 0 or too large.
pub fn eval_transform(size: u32) -> Result<Compose, AugmentError> {
    Framing::USUAL.transform(size)
}

/// Whether the size of a picture may be another afterwards.
pub(super) fn sizes(transform: &TransformRecipe) -> bool {
    use TransformRecipe as T;
    match transform {
        T::RandomResizedCrop { .. }
        | T::RandomCrop { .. }
        | T::RandomScaleCrop { .. }
        | T::CenterCrop {}
        | T::Resize { .. } => true,
        T::Maybe { transform, .. } => sizes(transform),
        T::OneOf { transforms } | T::Sequence { transforms } => transforms.iter().any(sizes),
        _ => false,
    }
}

/// Whether a picture is a square of the right side afterwards, when it was one `before` or was not.
fn square(before: bool, transform: &TransformRecipe) -> bool {
    use TransformRecipe as T;
    match transform {
        T::Resize { .. } => false,
        T::Maybe { transform, .. } => before && square(before, transform),
        T::OneOf { transforms } => transforms.iter().all(|transform| square(before, transform)),
        T::Sequence { transforms } => transforms.iter().fold(before, square),
        cut if sizes(cut) => true,
        _ => before,
    }
}

/// The transform that a recipe describes; cuts have the side `size`.
///
/// # Errors
/// When a setting is out of its range.
pub fn build(transform: &TransformRecipe, size: u32) -> Result<Box<dyn Transform>, AugmentError> {
    use TransformRecipe as T;
    let all = |list: &[T]| list.iter().map(|one| build(one, size)).collect::<Result<Vec<_>, _>>();
    Ok(match *transform {
        T::RandomResizedCrop { scale, ratio, filter } => {
            Box::new(RandomResizedCrop::new(RandomResizedCropConfig { size, scale, ratio, interpolation: filter })?)
        }
        T::RandomCrop { padding, border } => Box::new(RandomCrop::new(size, padding, border)?),
        T::RandomScaleCrop { short_side, filter } => Box::new(RandomScaleCrop::new(size, short_side, filter)?),
        T::Resize { short_side, filter } => Box::new(Resize::new(short_side, filter)?),
        T::CenterCrop {} => Box::new(CenterCrop::new(size)?),
        T::Hflip { p } => Box::new(HorizontalFlip::new(p)?),
        T::Vflip { p } => Box::new(Maybe::new(p, ImageOp::VerticalFlip)?),
        T::RandomAffine { degrees, scale, translate, shear, stretch, filter, border } => {
            let (translate, shear) = ((translate, translate), (shear, shear));
            let sampling = Sampling { interpolation: filter, border };
            Box::new(RandomAffine::new(RandomAffineConfig { degrees, scale, translate, shear, stretch, sampling })?)
        }
        T::RandomPerspective { distortion, filter, border } => {
            Box::new(RandomPerspective::new(distortion, Sampling { interpolation: filter, border })?)
        }
        T::RandomLens { k1, k2, filter, border } => {
            Box::new(RandomLens::new(k1, k2, Sampling { interpolation: filter, border })?)
        }
        T::Elastic { alpha, sigma, filter, border } => {
            Box::new(Elastic::new(alpha, sigma, Sampling { interpolation: filter, border })?)
        }
        T::ColorJitter { brightness, contrast, saturation, hue } => {
            Box::new(ColorJitter::new(ColorJitterConfig { brightness, contrast, saturation, hue })?)
        }
        T::PcaLighting { sigma, values, vectors, .. } => Box::new(Lighting::new(sigma, Principal { values, vectors })?),
        T::Grayscale {} => Box::new(ImageOp::Grayscale),
        T::Gamma { gamma } => Box::new(Varied::new("gamma", gamma, ImageOp::Gamma)?),
        T::Sharpness { factor } => Box::new(Varied::new("factor", factor, |f| ImageOp::Sharpness(f as f32))?),
        T::Blur { sigma } => Box::new(Varied::new("sigma", sigma, |sigma| ImageOp::Blur(sigma as f32))?),
        T::Posterize { bits } => Box::new(ImageOp::Posterize(within("bits", bits, "1 to 8", 1..=8)?)),
        T::Solarize { threshold } => Box::new(ImageOp::Solarize(within("threshold", threshold, "0 to 256", 0..=256)?)),
        T::Autocontrast {} => Box::new(ImageOp::Autocontrast),
        T::Equalize {} => Box::new(ImageOp::Equalize),
        T::Invert {} => Box::new(ImageOp::Invert),
        T::Noise { sigma } => Box::new(GaussianNoise::new(sigma)?),
        T::Jpeg { quality } => Box::new(JpegArtifacts::new(quality)?),
        T::RandomErasing { p, scale, ratio, fill } => {
            Box::new(RandomErasing::new(RandomErasingConfig { p, scale, ratio, fill })?)
        }
        T::Cutout { side, fill } => Box::new(Cutout::new(side, fill)?),
        T::RandAugment { operations, strength, border } => Box::new(RandAugment::new(operations, strength, border)?),
        T::TrivialAugment { border } => Box::new(TrivialAugment { border }),
        T::AugMix { strength, border } => Box::new(AugMix::new(strength, border)?),
        T::Maybe { p, ref transform } => Box::new(Maybe::new(p, build(transform, size)?)?),
        T::OneOf { ref transforms } => Box::new(OneOf::new(all(transforms)?)?),
        T::Sequence { ref transforms } => Box::new(Compose(all(transforms)?)),
    })
}

/// The number, where it is in its range.
fn within(
    field: &'static str,
    got: u32,
    wanted: &'static str,
    range: std::ops::RangeInclusive<u32>,
) -> Result<u32, AugmentError> {
    if range.contains(&got) { Ok(got) } else { Err(AugmentError::Number { field, got: got.into(), wanted }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use taper_augment::{RgbImage, Rng};

    fn parse(list: &str) -> AugmentRecipe {
        toml::from_str(&format!("train = [{list}]")).unwrap()
    }

    #[test]
    fn every_name_is_built_and_survives_its_text() {
        let said = TransformRecipe::named("nothing").unwrap_err().to_string();
        let names: Vec<_> = said.split('`').skip(3).step_by(2).collect();
        assert_eq!(names.len(), 32, "{said}");
        let picture = RgbImage::from_fn(50, 31, |x, y| image::Rgb([x as u8, 3 * y as u8, 90]));
        for name in names {
            let needs = match name {
                "resize" => ", short_side = 20",
                "cutout" => ", side = 5",
                "maybe" => ", transform = \"hflip\"",
                "one_of" | "sequence" => ", transforms = [\"vflip\", { name = \"gamma\", gamma = [0.5, 0.6] }]",
                _ => "",
            };
            let cut = if name == "resize" { ", \"center_crop\"" } else { "" };
            let recipe = parse(&format!("{{ name = \"{name}\"{needs} }}{cut}"));
            let texts: Vec<_> = recipe.train.iter().map(ToString::to_string).collect();
            assert_eq!(parse(&texts.join(", ")), recipe);
            assert_eq!(toml::from_str::<AugmentRecipe>(&toml::to_string(&recipe).unwrap()).unwrap(), recipe);
            let seen = train_transform(&recipe, 24).unwrap().apply(picture.clone(), &mut Rng::new(1));
            assert_eq!(seen.dimensions(), (24, 24), "{name}");
        }
    }

    #[test]
    fn a_list_without_cuts_begins_as_testing_does() {
        let steps = |list| train_transform(&parse(list), 24).map(|sequence| sequence.0.len());
        assert_eq!(steps("").unwrap(), 2);
        assert_eq!(steps("\"hflip\", \"invert\"").unwrap(), 4);
        assert_eq!(steps("\"hflip\", \"random_resized_crop\"").unwrap(), 2);
        let cuts = "{ name = \"one_of\", transforms = [\"random_resized_crop\", \"random_scale_crop\"] }";
        assert_eq!(steps(cuts).unwrap(), 1);
        assert_eq!(steps("\"center_crop\", { name = \"maybe\", transform = \"random_crop\" }").unwrap(), 2);
        for list in [
            "{ name = \"one_of\", transforms = [\"random_resized_crop\", \"hflip\"] }",
            "{ name = \"maybe\", transform = \"random_crop\" }",
            "\"center_crop\", { name = \"resize\", short_side = 30 }",
        ] {
            assert!(steps(list).unwrap_err().to_string().contains("last change of size"), "{list}");
        }
    }

    #[test]
    fn the_default_is_what_it_says() {
        let written = "\"hflip\", { name = \"one_of\", transforms = [\"random_perspective\", \"random_lens\", \"elastic\"] }, \
                       { name = \"one_of\", transforms = [\"sharpness\", \"blur\", \"noise\", \"jpeg\"] }";
        assert_eq!(parse(written), AugmentRecipe::default());
        assert_eq!("none".parse(), Ok(AugmentRecipe::none()));
        assert_eq!("hflip, invert".parse(), Ok(parse("\"hflip\", \"invert\"")));
    }
}
