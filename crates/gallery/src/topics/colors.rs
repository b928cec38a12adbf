//! Slides 79 and 80: color jitter.

use taper_augment::{ColorStatistics, Lighting, Transform, adjust_brightness, adjust_contrast};
use taper_report::draw::{Axis, Chart, Look, Series};
use taper_tensor::Rng;

use crate::claim::{Check, Claim, Slides, Table};
use crate::error::GalleryError;
use crate::math::mean;
use crate::pixels::{scene, strip};
use crate::setting::Setting;

pub(super) fn run(setting: &Setting) -> Result<Vec<Claim>, GalleryError> {
    Ok(vec![simple(setting)?, principal(setting)?])
}

fn luminance(picture: &image::RgbImage) -> Vec<f64> {
    picture.pixels().map(|pixel| pixel.0.iter().map(|&value| f64::from(value)).sum::<f64>() / 3.0).collect()
}

fn simple(setting: &Setting) -> Result<Claim, GalleryError> {
    let picture = scene(setting, 150, 150);
    let factors = [0.5, 0.75, 1.0, 1.25, 1.5];
    let bright: Vec<_> = factors.iter().map(|&factor| adjust_brightness(picture.clone(), factor)).collect();
    let contrast: Vec<_> = factors.iter().map(|&factor| adjust_contrast(picture.clone(), factor)).collect();
    let means: Vec<f64> = bright.iter().map(|picture| mean(&luminance(picture))).collect();
    let spreads: Vec<f64> = contrast.iter().map(|picture| crate::math::deviation(&luminance(picture))).collect();
    let mut table = Table::of(["factor", "mean luminance by brightness", "deviation by contrast"]);
    for (i, factor) in factors.iter().enumerate() {
        table.row(format!("{factor}"), [means[i], spreads[i]]);
    }
    let both: Vec<_> = bright.into_iter().chain(contrast).collect();
    Ok(Claim::new(
        Slides(79, 79),
        "Simple: random contrast and brightness",
        "Brightness multiplies all values, contrast their distance from the mean.",
    )
    .by("taper augment DATA --each --preview each.png")
    .with_pixels(strip(&both, 5, 110)?, "brightness above, contrast below: 0.5, 0.75, 1, 1.25, 1.5")
    .and(table)
    .expects(Check::within("mean at brightness 0.5, beside that at 1", means[0] / means[2], 0.49, 0.51))
    .expects(Check::within("deviation at contrast 0.5, beside that at 1", spreads[0] / spreads[2], 0.48, 0.52)))
}

fn principal(setting: &Setting) -> Result<Claim, GalleryError> {
    let picture = scene(setting, 150, 150);
    let mut statistics = ColorStatistics::default();
    statistics.add(&picture);
    let components = statistics.principal();
    let (values, vectors) = (components.values, components.vectors);
    let middle = statistics.mean();
    let pixels = picture.pixels().step_by(19).map(|pixel| [0, 2].map(|i| f64::from(pixel.0[i]) / 255.0));
    let axis = |which: usize| {
        let reach = 2.0 * values[which].sqrt();
        let end = |sign: f64| [0, 2].map(|i| middle[i] + sign * reach * vectors[which][i]);
        [end(-1.0), end(1.0)]
    };
    let chart = Chart {
        title: "Pixels of a picture, and their components".into(),
        x: Axis::new("red").within(0.0, 1.0),
        y: Axis::new("blue").within(0.0, 1.0),
        series: vec![
            Series::new("pixels", Look::Marks, pixels),
            Series::new("first component", Look::Arrows, axis(0)),
            Series::new("second component", Look::Arrows, axis(1)),
        ],
    };
    let rng = Rng::new(setting.seed).fork("colors");
    let lighting = Lighting::new(0.5, components)?;
    let draws: Vec<_> = (0..5).map(|draw| lighting.apply(picture.clone(), &mut rng.at(draw))).collect();
    // What the offsets are like: along the first component most.
    let along = |which: usize| {
        let offsets: Vec<f64> = (0..200)
            .map(|draw| {
                let seen = lighting
                    .apply(image::RgbImage::from_pixel(1, 1, image::Rgb([128; 3])), &mut rng.fork("gray").at(draw));
                let color = seen[(0, 0)].0;
                (0..3).map(|i| (f64::from(color[i]) - 128.0) * vectors[which][i]).sum()
            })
            .collect();
        crate::math::deviation(&offsets)
    };
    let mut table = Table::of(["component", "variance of the pixels", "deviation of 200 offsets, of 255"]);
    for (which, value) in values.iter().enumerate() {
        table.row((which + 1).to_string(), [*value, along(which)]);
    }
    Ok(Claim::new(
        Slides(80, 80),
        "Along the principal components of the colors",
        "The colors of the pixels lie along a direction. The jitter of AlexNet and ResNet adds an offset along each \
         principal component, the larger the more the pixels vary along it: colors change as light changes them.",
    )
    .by("taper data stats DATA")
    .with(&chart)?
    .with_pixels(strip(&draws, 5, 110)?, "five random offsets, σ = 0.5")
    .and(table)
    .expects(Check::at_least("variance along the first component beside the last", values[0] / values[2], 2.0))
    .expects(Check::at_least(
        "offsets along the first component beside the last",
        along(0) / along(2).max(1e-9),
        1.5,
    )))
}
