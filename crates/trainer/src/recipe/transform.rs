//! The transforms of pictures by name.

mod text;
mod usual;

use serde::{Deserialize, Serialize};
use taper_augment::{Border, Fill, Interpolation};

use super::named::{by_name, named, named_list};
use super::range::Range::{Real, Whole};
use super::range::Row;

/// One thing that is done to a picture in training: `{ name = "hflip", p = 0.3 }`, or `"hflip"` for
/// the defaults.
///
/// Ranges are `[low, high]`, probabilities and parts fractions, lengths pixels, angles degrees. A
/// cut has the side `data.image_size`. `filter` is `"bilinear"` or `"bicubic"`, `border` is
/// `"reflect"` or `{ fill = [r, g, b] }`, `fill` is `"noise"` or `{ color = [r, g, b] }`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum TransformRecipe {
    /// [`RandomResizedCrop`](taper_augment::RandomResizedCrop).
    RandomResizedCrop {
        /// Area of the cut, fraction of the picture's. Default 0.35 to 1; torchvision's is from
        /// 0.08.
        #[serde(default = "usual::scale")]
        scale: (f64, f64),
        /// Width over height. Default 3/4 to 4/3.
        #[serde(default = "usual::ratio")]
        ratio: (f64, f64),
        /// Default bilinear.
        #[serde(default)]
        filter: Interpolation,
    },
    /// [`RandomCrop`](taper_augment::RandomCrop).
    RandomCrop {
        /// On every side. Default 4.
        #[serde(default = "usual::padding")]
        padding: u32,
        /// Default reflect.
        #[serde(default = "usual::border")]
        border: Border,
    },
    /// [`RandomScaleCrop`](taper_augment::RandomScaleCrop).
    RandomScaleCrop {
        /// The short side. Default 256 to 480.
        #[serde(default = "usual::short_side")]
        short_side: (u32, u32),
        /// Default bilinear.
        #[serde(default)]
        filter: Interpolation,
    },
    /// [`Resize`](taper_augment::Resize).
    Resize {
        /// The short side.
        short_side: u32,
        /// Default bilinear.
        #[serde(default)]
        filter: Interpolation,
    },
    /// [`CenterCrop`](taper_augment::CenterCrop).
    CenterCrop {},
    /// [`HorizontalFlip`](taper_augment::HorizontalFlip).
    Hflip {
        /// Default 0.5.
        #[serde(default = "usual::half")]
        p: f64,
    },
    /// [`vflip`](taper_augment::vflip).
    Vflip {
        /// Default 0.5.
        #[serde(default = "usual::half")]
        p: f64,
    },
    /// [`RandomAffine`](taper_augment::RandomAffine).
    RandomAffine {
        /// Largest rotation to either side. Default 0.
        #[serde(default)]
        degrees: f64,
        /// How many times larger. Default 1 to 1.
        #[serde(default = "usual::same")]
        scale: (f64, f64),
        /// Largest shift, fraction of the side. Default 0.
        #[serde(default)]
        translate: f64,
        /// Largest shear to either side, both ways. Default 0.
        #[serde(default)]
        shear: f64,
        /// How much wider for the height. Default 1 to 1.
        #[serde(default = "usual::same")]
        stretch: (f64, f64),
        /// Default bilinear.
        #[serde(default)]
        filter: Interpolation,
        /// Default reflect.
        #[serde(default = "usual::border")]
        border: Border,
    },
    /// [`RandomPerspective`](taper_augment::RandomPerspective).
    RandomPerspective {
        /// How far corners move inwards, fraction of half a side. Default 0.3.
        #[serde(default = "usual::distortion")]
        distortion: f64,
        /// Default bilinear.
        #[serde(default)]
        filter: Interpolation,
        /// Default reflect.
        #[serde(default = "usual::border")]
        border: Border,
    },
    /// [`RandomLens`](taper_augment::RandomLens).
    RandomLens {
        /// Above 0 a barrel, below a pincushion. Default -0.2 to 0.2.
        #[serde(default = "usual::k1")]
        k1: (f64, f64),
        /// Default 0 to 0.
        #[serde(default)]
        k2: (f64, f64),
        /// Default bilinear.
        #[serde(default)]
        filter: Interpolation,
        /// Default reflect.
        #[serde(default = "usual::border")]
        border: Border,
    },
    /// [`Elastic`](taper_augment::Elastic).
    Elastic {
        /// Displacement before the blur. Default 50.
        #[serde(default = "usual::alpha")]
        alpha: f64,
        /// Standard deviation of the blur. Default 5.
        #[serde(default = "usual::sigma_of_a_field")]
        sigma: f64,
        /// Default bilinear.
        #[serde(default)]
        filter: Interpolation,
        /// Default reflect.
        #[serde(default = "usual::border")]
        border: Border,
    },
    /// [`ColorJitter`](taper_augment::ColorJitter).
    ColorJitter {
        /// Largest change of the factor. Default 0.
        #[serde(default)]
        brightness: f64,
        /// Largest change of the factor. Default 0.
        #[serde(default)]
        contrast: f64,
        /// Largest change of the factor. Default 0.
        #[serde(default)]
        saturation: f64,
        /// Largest turn, part of the circle. Default 0.
        #[serde(default)]
        hue: f64,
    },
    /// [`Lighting`](taper_augment::Lighting); `taper data stats` prints the line for a data set.
    PcaLighting {
        /// Standard deviation of the draws. Default 0.1.
        #[serde(default = "usual::sigma_of_light")]
        sigma: f64,
        /// Variances along the components. Default ImageNet's.
        #[serde(default = "usual::values")]
        values: [f64; 3],
        /// The components, as rows. Default ImageNet's.
        #[serde(default = "usual::vectors")]
        vectors: [[f64; 3]; 3],
        /// Whose variances and components these are to be: `"data"` for those of the training
        /// pictures, measured before the training. Default those that are said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<ColorsOf>,
    },
    /// [`grayscale`](taper_augment::grayscale).
    Grayscale {},
    /// [`adjust_gamma`](taper_augment::adjust_gamma).
    Gamma {
        /// Default 0.7 to 1.5.
        #[serde(default = "usual::gamma")]
        gamma: (f64, f64),
    },
    /// [`adjust_sharpness`](taper_augment::adjust_sharpness).
    Sharpness {
        /// Default 0 to 2.
        #[serde(default = "usual::up_to_two")]
        factor: (f64, f64),
    },
    /// [`blur`](taper_augment::blur).
    Blur {
        /// Standard deviation. Default 0.1 to 2.
        #[serde(default = "usual::sigma_of_a_blur")]
        sigma: (f64, f64),
    },
    /// [`posterize`](taper_augment::posterize).
    Posterize {
        /// Bits that are left. Default 4.
        #[serde(default = "usual::bits")]
        bits: u32,
    },
    /// [`solarize`](taper_augment::solarize).
    Solarize {
        /// The first value that is inverted, of 255. Default 128.
        #[serde(default = "usual::threshold")]
        threshold: u32,
    },
    /// [`autocontrast`](taper_augment::autocontrast).
    Autocontrast {},
    /// [`equalize`](taper_augment::equalize).
    Equalize {},
    /// [`invert`](taper_augment::invert).
    Invert {},
    /// [`GaussianNoise`](taper_augment::GaussianNoise).
    Noise {
        /// Standard deviation, of 255. Default 8.
        #[serde(default = "usual::sigma_of_noise")]
        sigma: f64,
    },
    /// [`JpegArtifacts`](taper_augment::JpegArtifacts).
    Jpeg {
        /// Default 30 to 95.
        #[serde(default = "usual::quality")]
        quality: (u8, u8),
    },
    /// [`RandomErasing`](taper_augment::RandomErasing).
    RandomErasing {
        /// Default 0.5.
        #[serde(default = "usual::half")]
        p: f64,
        /// Area, fraction of the picture's. Default 0.02 to 0.33.
        #[serde(default = "usual::erased")]
        scale: (f64, f64),
        /// Height over width. Default 0.3 to 3.3.
        #[serde(default = "usual::erased_ratio")]
        ratio: (f64, f64),
        /// Default ImageNet's mean.
        #[serde(default)]
        fill: Fill,
    },
    /// [`Cutout`](taper_augment::Cutout).
    Cutout {
        /// Side of the square.
        side: u32,
        /// Default ImageNet's mean.
        #[serde(default)]
        fill: Fill,
    },
    /// [`RandAugment`](taper_augment::RandAugment).
    RandAugment {
        /// How many. Default 2.
        #[serde(default = "usual::operations")]
        operations: u32,
        /// Fraction of full strength. Default 0.3.
        #[serde(default = "usual::strength")]
        strength: f64,
        /// Default reflect.
        #[serde(default = "usual::border")]
        border: Border,
    },
    /// [`TrivialAugment`](taper_augment::TrivialAugment).
    TrivialAugment {
        /// Default reflect.
        #[serde(default = "usual::border")]
        border: Border,
    },
    /// [`AugMix`](taper_augment::AugMix).
    AugMix {
        /// Fraction of full strength. Default 0.3.
        #[serde(default = "usual::strength")]
        strength: f64,
        /// Default reflect.
        #[serde(default = "usual::border")]
        border: Border,
    },
    /// [`Maybe`](taper_augment::Maybe).
    Maybe {
        /// Default 0.5.
        #[serde(default = "usual::half")]
        p: f64,
        /// What may be done.
        #[serde(deserialize_with = "named")]
        transform: Box<TransformRecipe>,
    },
    /// [`OneOf`](taper_augment::OneOf).
    OneOf {
        /// What it is chosen from, at least one.
        #[serde(deserialize_with = "named_list")]
        transforms: Vec<TransformRecipe>,
    },
    /// [`Compose`](taper_augment::Compose), for a place that takes one.
    Sequence {
        /// One after the other.
        #[serde(deserialize_with = "named_list")]
        transforms: Vec<TransformRecipe>,
    },
}

/// Whose colors something has.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ColorsOf {
    /// The training pictures.
    Data,
}

/// What the whole numbers of each may be; the others are checked by the transform.
pub(super) const RANGES: &[Row] = &[
    ("augment.train.random_crop.padding", Whole(0, 8192)),
    ("augment.train.random_scale_crop.short_side", Whole(1, 8192)),
    ("augment.train.resize.short_side", Whole(1, 8192)),
    ("augment.train.posterize.bits", Whole(1, 8)),
    ("augment.train.solarize.threshold", Whole(0, 256)),
    ("augment.train.jpeg.quality", Whole(1, 100)),
    ("augment.train.cutout.side", Whole(1, 8192)),
    ("augment.train.rand_augment.operations", Whole(0, 100)),
    ("augment.train.blur.sigma", Real(0.0, 100.0)),
];

impl TransformRecipe {
    /// The transform of this name with its defaults.
    ///
    /// # Errors
    /// Lists the names when this is not among them, and names a setting that has no default.
    pub fn named(name: &str) -> Result<Self, serde::de::value::Error> {
        by_name(name)
    }

    /// Whether it, or one within it, is to have the colors of the training pictures.
    pub(super) fn measures(&self) -> bool {
        match self {
            Self::PcaLighting { from, .. } => from.is_some(),
            Self::Maybe { transform, .. } => transform.measures(),
            Self::OneOf { transforms } | Self::Sequence { transforms } => transforms.iter().any(Self::measures),
            _ => false,
        }
    }

    /// [`Self::RandomErasing`] of usual rectangles.
    pub fn erasing(p: f64) -> Self {
        Self::RandomErasing { p, scale: usual::erased(), ratio: usual::erased_ratio(), fill: Fill::default() }
    }

    /// One of perspective, lens and rubber, each as usual: shapes bend, their parts stay where they
    /// were.
    pub fn warp() -> Self {
        let (filter, border) = (Interpolation::default(), usual::border());
        Self::OneOf {
            transforms: vec![
                Self::RandomPerspective { distortion: usual::distortion(), filter, border },
                Self::RandomLens { k1: usual::k1(), k2: (0.0, 0.0), filter, border },
                Self::Elastic { alpha: usual::alpha(), sigma: usual::sigma_of_a_field(), filter, border },
            ],
        }
    }

    /// One of sharpness, blur, noise and JPEG, each as usual: what cameras and files do.
    pub fn camera() -> Self {
        Self::OneOf {
            transforms: vec![
                Self::Sharpness { factor: usual::up_to_two() },
                Self::Blur { sigma: usual::sigma_of_a_blur() },
                Self::Noise { sigma: usual::sigma_of_noise() },
                Self::Jpeg { quality: usual::quality() },
            ],
        }
    }

    /// [`Self::Cutout`] of a usual color.
    pub fn cutout(side: u32) -> Self {
        Self::Cutout { side, fill: Fill::default() }
    }
}
