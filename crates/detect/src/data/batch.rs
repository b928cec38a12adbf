//! Some pictures of a set as one tensor.

use candle_core::{Device, Tensor};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use taper_augment::Normalize;
use taper_data::RgbImage;
use taper_tensor::Rng;

use super::augment::{AugmentConfig, Change};
use super::error::AnnotationError;
use super::proposals::Proposals;
use super::set::{Annotated, DetectionSet, Object};
use crate::boxes::BBox;

/// What the sides of a batch are multiples of, pixels: torchvision's `size_divisible`.
const MULTIPLE: usize = 32;

/// How large a network sees a picture: its short side has `short` pixels, or fewer where the long
/// one would have more than `long`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Framing {
    /// The short side, pixels. torchvision's is 800.
    pub short: u32,
    /// The most of the long side, pixels. torchvision's is 1333.
    pub long: u32,
}

impl Framing {
    /// Width and height of a picture as it is seen.
    pub fn size(&self, (width, height): (u32, u32)) -> (u32, u32) {
        let (short, long) = (width.min(height).max(1), width.max(height).max(1));
        let factor = (f64::from(self.short) / f64::from(short)).min(f64::from(self.long) / f64::from(long));
        let scaled = |side: u32| ((f64::from(side) * factor).round() as u32).max(1);
        (scaled(width), scaled(height))
    }
}

/// Some pictures as a network sees them.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The pictures, normalized, each in the upper left corner of a slot of one size; what is left
    /// of a slot is 0. (N,H,W,3), H and W multiples of 32.
    pub pixels: Tensor,
    /// Width and height of each picture in its slot.
    pub sizes: Vec<(f32, f32)>,
    /// What is on each, in the pixels of its slot.
    pub objects: Vec<Vec<Object>>,
    /// Boxes proposed for each, in the pixels of its slot; none where the network proposes them.
    pub proposals: Option<Vec<Vec<BBox>>>,
    /// How many times as wide and as high each is than its file.
    pub scales: Vec<(f32, f32)>,
    /// What is on each, in the pixels of its file.
    pub truth: Vec<Vec<Object>>,
}

/// How pictures become batches.
#[derive(Clone, Debug)]
pub struct Loading<'a> {
    /// The pictures.
    pub set: &'a DetectionSet,
    /// How large they are seen.
    pub framing: Framing,
    /// What is subtracted from colors, and what they are divided by.
    pub normalize: Normalize,
    /// How they are changed at random; nothing for pictures as they are.
    pub augment: Option<AugmentConfig>,
    /// Boxes from a file, for a network that proposes none.
    pub proposals: Option<&'a Proposals>,
}

/// A picture on its way into a batch.
struct Prepared {
    picture: RgbImage,
    objects: Vec<Object>,
    proposals: Option<Vec<BBox>>,
    scale: (f32, f32),
    truth: Vec<Object>,
}

impl Loading<'_> {
    /// The pictures of these numbers. What is random of one follows from the key of `rng` and its
    /// number, so neither the order nor the number of threads changes it.
    ///
    /// # Errors
    /// Names a picture that cannot be read or has no proposals, the first in the order of the
    /// numbers.
    pub fn batch(&self, numbers: &[usize], rng: &Rng) -> Result<Batch, AnnotationError> {
        let prepared = |&number: &usize| self.prepared(&self.set.pictures[number], &mut rng.at(number as u64));
        let prepared: Vec<_> = numbers.par_iter().map(prepared).collect();
        let prepared = prepared.into_iter().collect::<Result<Vec<_>, _>>()?;
        let pictures: Vec<&RgbImage> = prepared.iter().map(|one| &one.picture).collect();
        let pixels = pixels(&pictures, &self.normalize)?;
        let sizes = pictures.iter().map(|picture| (picture.width() as f32, picture.height() as f32)).collect();
        let proposals = prepared.iter().map(|one| one.proposals.clone()).collect();
        Ok(Batch {
            pixels,
            sizes,
            objects: prepared.iter().map(|one| one.objects.clone()).collect(),
            proposals,
            scales: prepared.iter().map(|one| one.scale).collect(),
            truth: prepared.into_iter().map(|one| one.truth).collect(),
        })
    }

    fn prepared(&self, annotated: &Annotated, rng: &mut Rng) -> Result<Prepared, AnnotationError> {
        let (picture, truth) = annotated.load()?;
        let original = picture.dimensions();
        let size = self.framing.size(original);
        let change = match &self.augment {
            Some(config) => config.drawn(size, rng),
            None => Change::resized(size),
        };
        let objects = truth.iter().map(|object| change.object(object, original)).collect();
        let proposals = match self.proposals {
            Some(proposals) => {
                let moved = proposals.of(annotated)?.iter().map(|bbox| change.bbox(bbox, original));
                Some(moved.filter(|bbox| bbox.area() > 0.0).collect())
            }
            None => None,
        };
        let scale = change.scale(original);
        Ok(Prepared { picture: change.picture(picture), objects, proposals, scale, truth })
    }
}

/// Pictures side by side, normalized, each in the corner of a slot of zeros.
///
/// # Shapes
/// n pictures to (n,H,W,3).
fn pixels(pictures: &[&RgbImage], normalize: &Normalize) -> Result<Tensor, AnnotationError> {
    let most = |side: fn(&RgbImage) -> u32| {
        let most = pictures.iter().map(|picture| side(picture)).max().unwrap_or(1);
        (most as usize).next_multiple_of(MULTIPLE)
    };
    let (width, height) = (most(RgbImage::width), most(RgbImage::height));
    let mut all = vec![0f32; pictures.len() * height * width * 3];
    for (picture, slot) in pictures.iter().zip(all.chunks_mut((height * width * 3).max(1))) {
        let row = picture.width() as usize * 3;
        let mut own = vec![0f32; row * picture.height() as usize];
        normalize.write(picture, &mut own)?;
        for (from, to) in own.chunks(row.max(1)).zip(slot.chunks_mut(width * 3)) {
            to[..row].copy_from_slice(from);
        }
    }
    Ok(Tensor::from_vec(all, (pictures.len(), height, width, 3), &Device::Cpu)?)
}
