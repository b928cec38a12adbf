//! Slides 75, 76 and 81: a picture through every transform.

use taper_augment::{HorizontalFlip, Transform};
use taper_report::preview::{Row, strengths};
use taper_tensor::Rng;

use crate::claim::{Check, Claim, Slides};
use crate::error::GalleryError;
use crate::pixels::{scene, sheet, strip};
use crate::setting::Setting;

/// Side of a picture of the sheet, pixels.
const SIDE: u32 = 110;

pub(super) fn run(setting: &Setting) -> Result<Vec<Claim>, GalleryError> {
    Ok(vec![flips(setting)?, all(setting)?])
}

fn flips(setting: &Setting) -> Result<Claim, GalleryError> {
    let picture = scene(setting, 150, 150);
    let flip = HorizontalFlip::new(0.5)?;
    let rng = Rng::new(setting.seed).fork("flips");
    let draws: Vec<_> = (0..1000).map(|draw| flip.apply(picture.clone(), &mut rng.at(draw))).collect();
    let flipped = draws.iter().filter(|draw| **draw != picture).count() as f64 / 1000.0;
    let mirrored = taper_augment::hflip(picture.clone());
    let others = draws.iter().filter(|draw| **draw != picture && **draw != mirrored).count();
    let twice = taper_augment::hflip(mirrored);
    let seen: Vec<_> = std::iter::once(picture).chain(draws.into_iter().take(5)).collect();
    Ok(Claim::new(
        Slides(75, 76),
        "The picture is changed, the label stays",
        "Half of the pictures are mirrored before they are learned: twice as many pictures, for nothing.",
    )
    .by("taper augment DATA --preview flips.png")
    .with_pixels(strip(&seen, 6, SIDE)?, "as it is, and five random draws")
    .expects(Check::within("share of a thousand draws that are mirrored", flipped, 0.45, 0.55))
    .expects(Check::at_most("draws that are neither the picture nor its mirror image", others as f64, 0.0))
    .expects(Check::within(
        "1 where mirroring twice gives the picture back",
        f64::from(u8::from(twice == seen[0])),
        1.0,
        1.0,
    )))
}

fn all(setting: &Setting) -> Result<Claim, GalleryError> {
    let picture = scene(setting, 150, 150);
    let rng = Rng::new(setting.seed).fork("transforms");
    let mut rows = vec![Row { label: vec!["as it is".into()], pictures: vec![picture.clone()] }];
    let (mut changed, mut repeated, mut count) = (0usize, 0usize, 0usize);
    for (index, (name, transforms)) in strengths()?.into_iter().enumerate() {
        let mut pictures = Vec::new();
        for (strength, transform) in transforms.iter().enumerate() {
            let draw = || transform.apply(picture.clone(), &mut rng.at(index as u64).at(strength as u64));
            let seen = draw();
            changed += usize::from(seen != picture);
            repeated += usize::from(seen == draw());
            count += 1;
            pictures.push(seen);
        }
        rows.push(Row { label: vec![name.to_owned()], pictures });
    }
    let half = rows.len().div_ceil(2);
    Ok(Claim::new(
        Slides(81, 81),
        "Get creative",
        "Every transform of taper at three strengths, from weak to strong: translation, rotation, stretching, shearing, \
         lens distortions, and many more. Random ones are drawn once for each.",
    )
    .by("taper augment DATA --each --preview each.png")
    .with_pixels(sheet(&rows[..half], 3, SIDE)?, "weak, middle, strong")
    .with_pixels(sheet(&rows[half..], 3, SIDE)?, "weak, middle, strong")
    .expects(Check::at_least("transforms", (rows.len() - 1) as f64, 20.0))
    .expects(Check::at_least("share of their pictures that differ from the original", changed as f64 / count as f64, 0.85))
    .expects(Check::within("share that a second draw of the same key repeats", repeated as f64 / count as f64, 1.0, 1.0)))
}
