//! How many pixels of a picture a recipe can need.

use std::sync::Arc;

use taper_augment::Interpolation;
use taper_data::{Dataset, Keep, Kept, Need, Needed};

use super::framing::Framing;
use super::transforms::sizes;
use crate::recipe::{AugmentRecipe, TransformRecipe};

/// Pictures with no more pixels than are needed, each of which is decoded once.
pub fn decoded_once(pictures: Arc<dyn Dataset>, need: Need) -> Arc<dyn Dataset> {
    Arc::new(Kept::new(Arc::new(Needed::new(pictures, need)), Keep::default()))
}

/// What testing needs of a picture for a network that sees squares of `size` pixels: it begins by
/// shrinking the short side to that.
pub fn eval_need(size: u32) -> Need {
    Framing::USUAL.need(size)
}

/// What the training pictures of a recipe need: as many pixels as leave the smallest crop that it
/// can draw with `size` each way. All, where something is done to the whole picture first that
/// depends on its pixels.
pub fn train_need(augment: &AugmentRecipe, size: u32) -> Need {
    if !augment.train.iter().any(sizes) {
        return eval_need(size);
    }
    first_size(&augment.train, size).unwrap_or(Need::All)
}

/// What the first change of size among transforms needs; none where there is none, and nothing
/// before it that needs all.
fn first_size(list: &[TransformRecipe], size: u32) -> Option<Need> {
    use TransformRecipe as T;
    list.iter().find_map(|transform| match transform {
        // The same of a picture and of the shrunk one.
        T::Hflip { .. } | T::Vflip { .. } | T::Grayscale {} | T::Invert {} => None,
        T::RandomResizedCrop { scale, ratio, .. } => Some(crop_need(size, scale.0, *ratio)),
        T::RandomScaleCrop { short_side, .. } => Some(Need::ShortSide(short_side.1)),
        T::Resize { short_side, filter: Interpolation::Bilinear } => Some(Need::ShortSide(*short_side)),
        T::Sequence { transforms } => first_size(transforms, size),
        T::OneOf { transforms } => {
            let of = |one: &T| first_size(std::slice::from_ref(one), size).unwrap_or(Need::All);
            Some(transforms.iter().map(of).max().unwrap_or(Need::All))
        }
        _ => Some(Need::All),
    })
}

/// The smallest side of a random resized crop, as a part of the short side:
///
/// ```text
/// crop = sqrt(scale w h r) x sqrt(scale w h / r) >= short sqrt(scale q),  q = min(1, r, 1 / r)
/// ```
///
/// and of the crop that is taken where ten draws do not fit, `q`.
fn crop_need(size: u32, scale: f64, (low, high): (f64, f64)) -> Need {
    let q = low.min(1.0 / high).min(1.0);
    let part = (scale * q).sqrt().min(q);
    let short = (f64::from(size) / part).ceil();
    if short < f64::from(u32::MAX) { Need::ShortSide(short as u32) } else { Need::All }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(list: &str) -> Need {
        train_need(&toml::from_str(&format!("train = [{list}]")).unwrap(), 160)
    }

    #[test]
    fn a_recipe_needs_what_its_smallest_crop_leaves() {
        for (list, wanted) in [
            ("", Need::ShortSide(160)),
            ("\"hflip\", \"elastic\", \"jpeg\"", Need::ShortSide(160)),
            // 160 / sqrt(0.35 * 0.75) = 312.3.
            ("\"hflip\", \"random_resized_crop\"", Need::ShortSide(313)),
            ("{ name = \"random_resized_crop\", scale = [0.08, 1.0] }", Need::ShortSide(654)),
            ("{ name = \"random_resized_crop\", scale = [1.0, 1.0], ratio = [0.5, 4.0] }", Need::ShortSide(640)),
            ("\"random_scale_crop\"", Need::ShortSide(480)),
            ("{ name = \"resize\", short_side = 200 }, \"random_crop\"", Need::ShortSide(200)),
            ("{ name = \"resize\", short_side = 200, filter = \"bicubic\" }, \"center_crop\"", Need::All),
            ("\"random_crop\"", Need::All),
            ("\"jpeg\", \"random_resized_crop\"", Need::All),
            ("{ name = \"maybe\", transform = \"random_crop\" }, \"random_resized_crop\"", Need::All),
            (
                "{ name = \"one_of\", transforms = [\"random_scale_crop\", \"random_resized_crop\"] }",
                Need::ShortSide(480),
            ),
            ("{ name = \"one_of\", transforms = [\"random_scale_crop\", \"random_crop\"] }", Need::All),
            ("{ name = \"sequence\", transforms = [\"vflip\", \"random_scale_crop\"] }", Need::ShortSide(480)),
        ] {
            assert_eq!(need(list), wanted, "{list}");
        }
    }
}
