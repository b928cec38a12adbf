//! Slides 77 and 78: random crops in training, fixed crops in testing.

use image::RgbImage;
use taper_augment::{Interpolation, RandomScaleCrop, TEN, Transform, resize_short_side, ten_crop};
use taper_nn::Mode;
use taper_report::draw::{Axis, Chart, Look, Series};
use taper_tensor::Rng;

use crate::claim::{Check, Claim, Slides, Table};
use crate::error::GalleryError;
use crate::nets::{Net, Plan, Set, score, train};
use crate::pixels::{frame, png, scene, strip};
use crate::setting::Setting;
use crate::shapes::{Look as Shape, Pictures, SIDE, pictures};

/// The short sides of ResNet's test, for crops of 224.
const SCALES: [u32; 5] = [224, 256, 384, 480, 640];
/// Colors of the five places of a crop.
const COLORS: [[u8; 3]; 5] = [[213, 94, 0], [0, 114, 178], [0, 158, 115], [204, 121, 167], [0, 0, 0]];

pub(super) fn run(setting: &Setting) -> Result<Vec<Claim>, GalleryError> {
    let study = Study::new(setting)?;
    Ok(vec![training(&study, setting)?, testing(&study, setting)?])
}

/// A scale of the lecture for the small pictures here.
fn scaled(scale: u32) -> u32 {
    (scale * SIDE).div_ceil(224)
}

/// Networks that learned pictures of 40 pixels by crops of 20, and by the middle of each.
struct Study {
    cropped: Net,
    centered: Net,
    val: Pictures,
}

fn center(picture: &RgbImage) -> RgbImage {
    ten_crop(resize_short_side(picture.clone(), scaled(256), Interpolation::Bilinear), SIDE, TEN / 2 - 1)
}

fn with(plain: &Pictures, images: Vec<RgbImage>) -> Pictures {
    let copies = images.len() / plain.images.len().max(1);
    let labels = plain.labels.iter().flat_map(|&label| std::iter::repeat_n(label, copies)).collect();
    Pictures { images, labels, classes: plain.classes.clone() }
}

impl Study {
    fn new(setting: &Setting) -> Result<Self, GalleryError> {
        let rng = Rng::new(setting.seed).fork("crops");
        let look = Shape { side: 2 * SIDE, noise: 60.0, turn: 0.4, ..Shape::plain() };
        let (plain, val) = (pictures(320, look, &rng.fork("train")), pictures(640, look, &rng.fork("val")));
        // ResNet draws short sides from 256 to 480 for crops of 224.
        let crop = RandomScaleCrop::new(SIDE, (scaled(256), scaled(480)), Interpolation::Bilinear)?;
        let draws = plain.images.iter().enumerate().flat_map(|(i, image)| {
            let (crop, rng) = (&crop, rng.fork("draws").at(i as u64));
            (0..8).map(move |draw| crop.apply(image.clone(), &mut rng.at(draw)))
        });
        let learn = |set: &Set| -> Result<Net, GalleryError> {
            let net = Net::cnn(&rng, 12, set.classes)?;
            train(&net, set, Plan::adam(0.003, setting.many(4000))?, &rng)?;
            Ok(net)
        };
        let middle = with(&plain, plain.images.iter().map(center).collect());
        Ok(Self {
            cropped: learn(&Set::maps(&with(&plain, draws.collect()))?)?,
            centered: learn(&Set::maps(&middle)?)?,
            val,
        })
    }

    /// Accuracy of the mean over views of each picture: those of some scales, ten or the middle.
    fn accuracy(&self, net: &Net, scales: &[u32], views: std::ops::Range<usize>) -> Result<f64, GalleryError> {
        let mut sum: Vec<Vec<f64>> = Vec::new();
        for &scale in scales {
            for view in views.clone() {
                let see = |picture: &RgbImage| {
                    ten_crop(resize_short_side(picture.clone(), scaled(scale), Interpolation::Bilinear), SIDE, view)
                };
                let set = Set::maps(&with(&self.val, self.val.images.iter().map(see).collect()))?;
                let answers = net.probabilities(&set, Mode::Eval)?;
                if sum.is_empty() {
                    sum = answers;
                } else {
                    sum.iter_mut().flatten().zip(answers.iter().flatten()).for_each(|(a, b)| *a += b);
                }
            }
        }
        let count = (scales.len() * views.len()) as f64;
        sum.iter_mut().flatten().for_each(|value| *value /= count);
        Ok(100.0 * score(&sum, &self.val.labels)[1])
    }
}

fn training(study: &Study, setting: &Setting) -> Result<Claim, GalleryError> {
    let mut picture = scene(setting, 560, 420);
    let rng = Rng::new(setting.seed).fork("crops").fork("boxes");
    let mut seen = Vec::new();
    for draw in 0..6u64 {
        // In the picture's own pixels: a side of 224 where the short side is L.
        let mut rng = rng.at(draw);
        let side = (f64::from(picture.height()) * 224.0 / rng.uniform(256.0, 480.0)) as u32;
        let (x, y) =
            (rng.below((picture.width() - side) as usize) as u32, rng.below((picture.height() - side) as usize) as u32);
        seen.push([x, y, x + side, y + side]);
    }
    let cut = |&[left, top, right, bottom]: &[u32; 4]| {
        image::imageops::crop_imm(&picture, left, top, right - left, bottom - top).to_image()
    };
    let crops: Vec<RgbImage> = seen.iter().map(cut).collect();
    let crops = strip(&crops, 3, 150)?;
    seen.iter().zip(COLORS.iter().cycle()).for_each(|(&place, &color)| frame(&mut picture, place, color, 4));
    let middle = |net: &Net| study.accuracy(net, &[256], TEN / 2 - 1..TEN / 2);
    let (cropped, centered) = (middle(&study.cropped)?, middle(&study.centered)?);
    let mut table = Table::of(["learned by", "accuracy on the middle of new pictures, %"]);
    table.row("random crops and scales", [cropped]);
    table.row("the middle of each picture", [centered]);
    Ok(Claim::new(
        Slides(77, 77),
        "Training on random crops and scales",
        "The picture is scaled so that its short side is random, 256 to 480 pixels, and a square of 224 is cut out at \
         random. Six such squares, drawn on the picture and cut out; and what the same does for small pictures of \
         shapes, in proportion.",
    )
    .by("taper augment DATA --preview crops.png")
    .with_pixels(png(&picture)?, "six random crops")
    .with_pixels(crops, "the same, as the network sees them")
    .and(table)
    .expects(Check::at_least("accuracy by random crops above that by the middle, points", cropped - centered, 1.0)))
}

fn testing(study: &Study, setting: &Setting) -> Result<Claim, GalleryError> {
    let plain = scene(setting, 560, 420);
    let mut marks = Vec::new();
    let mut drawn = plain.clone();
    for (number, scale) in SCALES.into_iter().enumerate() {
        let at = resize_short_side(plain.clone(), scale, Interpolation::Bilinear);
        let mut marked = at.clone();
        let (right, lower) = (at.width() - 224, at.height() - 224);
        let places = [[0, 0], [right, 0], [0, lower], [right, lower], [right / 2, lower / 2]];
        for ([x, y], color) in places.into_iter().zip(COLORS) {
            frame(&mut marked, [x, y, x + 224, y + 224], color, 4);
        }
        if number == 1 {
            drawn = marked.clone();
        }
        marks.push(marked);
    }
    let center = TEN / 2 - 1..TEN / 2;
    let cases: [(&str, usize, &[u32], std::ops::Range<usize>); 4] = [
        ("the middle at 256", 1, &SCALES[1..2], center),
        ("ten at 256", 10, &SCALES[1..2], 0..TEN),
        ("ten at 224 and 256", 20, &SCALES[..2], 0..TEN),
        ("ten at all five", 50, &SCALES, 0..TEN),
    ];
    let mut table = Table::of(["crops", "number", "accuracy, %"]);
    let mut points = Vec::new();
    for (name, count, scales, views) in cases {
        let accuracy = study.accuracy(&study.cropped, scales, views)?;
        table.row(name, [count as f64, accuracy]);
        points.push([count as f64, accuracy]);
    }
    let (one, ten, fifty) = (points[0][1], points[1][1], points[3][1]);
    let chart = Chart {
        title: "Accuracy by the number of test crops".into(),
        x: Axis::log("crops"),
        y: Axis::new("validation accuracy, %"),
        series: vec![Series::new("", Look::Both, points)],
    };
    Ok(Claim::new(
        Slides(78, 78),
        "Testing by a fixed set of crops",
        "At each of five scales {224, 256, 384, 480, 640} the four corners and the middle, and the same mirrored: 5 x \
         10 crops, whose answers are averaged. Below the crops of the second scale, and of all; the accuracy is that \
         of the network above, at scales in proportion.",
    )
    .by("taper eval run DATA --views multi-scale")
    .with_pixels(png(&drawn)?, "five of the ten crops at 256")
    .with_pixels(strip(&marks, 2, 300)?, "five of ten at 224, 256, 384, 480 and 640, each scale drawn as large")
    .with(&chart)?
    .and(table)
    .expects(
        Check::at_least("ten crops above the middle, points", ten - one, 0.0)
            .or("corners cut off a shape that fills its picture, which those of a photograph do not"),
    )
    .expects(
        Check::at_least("fifty crops above the middle, points", fifty - one, 0.0)
            .or("at the larger scales a crop holds only a part of a shape"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_those_of_the_lecture_in_proportion() {
        assert_eq!(SCALES.map(scaled), [20, 23, 35, 43, 58]);
    }
}
