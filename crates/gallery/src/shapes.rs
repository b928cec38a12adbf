//! Pictures of simple shapes, made from a seed: a data set that needs no download.

use image::{Rgb, RgbImage};
use taper_tensor::Rng;

/// Side of a picture, pixels.
pub(crate) const SIDE: u32 = 20;

/// The classes.
pub(crate) const CLASSES: [&str; 8] = ["disc", "ring", "square", "frame", "triangle", "plus", "saltire", "bars"];

/// How a shape may vary.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Side of the picture, pixels.
    pub(crate) side: u32,
    /// The standard deviation of the noise on each value of a pixel, of 255.
    pub(crate) noise: f64,
    /// How far a shape may turn, radians.
    pub(crate) turn: f64,
    /// What colors there are.
    pub(crate) colors: Colors,
}

/// The colors of shapes and backgrounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colors {
    /// Any two that differ enough to be seen.
    Any,
    /// Light before dark, which a network without convolutions can learn from few pictures.
    LightOnDark,
}

impl Look {
    /// Light shapes before dark.
    pub(crate) fn plain() -> Self {
        Self { colors: Colors::LightOnDark, ..Self::default() }
    }
}

impl Default for Look {
    fn default() -> Self {
        Self { side: SIDE, noise: 28.0, turn: 0.3, colors: Colors::Any }
    }
}

/// Whether a place belongs to a shape that fills the square from -1 to 1.
fn inside(class: usize, [u, v]: [f64; 2]) -> bool {
    let (x, y) = (u.abs(), v.abs());
    let plus = |x: f64, y: f64| (x < 0.28 && y < 0.95) || (y < 0.28 && x < 0.95);
    match class {
        0 => u.hypot(v) < 0.9,
        1 => (0.45..0.9).contains(&u.hypot(v)),
        2 => x.max(y) < 0.8,
        3 => (0.42..0.8).contains(&x.max(y)),
        4 => x < 0.58 * (v + 0.95) && v < 0.7,
        5 => plus(x, y),
        6 => plus((u - v).abs() / 2f64.sqrt(), (u + v).abs() / 2f64.sqrt()),
        _ => (0.3..0.75).contains(&y) && x < 0.85,
    }
}

/// A picture of a class: a shape of some color, size and place before a background of another.
pub(crate) fn picture(class: usize, look: Look, rng: &mut Rng) -> RgbImage {
    let side = f64::from(look.side);
    let color = |rng: &mut Rng| [0; 3].map(|_| rng.uniform(0.0, 255.0));
    let (mut front, mut back) = (color(rng), color(rng));
    // Apart enough to be seen.
    while front.iter().zip(&back).map(|(a, b)| (a - b).abs()).sum::<f64>() < 150.0 {
        back = color(rng);
    }
    if look.colors == Colors::LightOnDark {
        (front, back) = (front.map(|value| 195.0 + 0.2 * value), back.map(|value| 0.2 * value));
    }
    let radius = side * rng.uniform(0.26, 0.44);
    let middle = [0; 2].map(|_| 0.5 * side + rng.uniform(-0.12, 0.12) * side);
    let (sin, cos) = rng.uniform(-look.turn, look.turn).sin_cos();
    RgbImage::from_fn(look.side, look.side, |x, y| {
        let hits = [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]].into_iter().filter(|[dx, dy]| {
            let (u, v) = ((f64::from(x) + dx - middle[0]) / radius, (f64::from(y) + dy - middle[1]) / radius);
            inside(class, [cos * u + sin * v, cos * v - sin * u])
        });
        let share = hits.count() as f64 / 4.0;
        let mut value = |i: usize| {
            let plain = share * front[i] + (1.0 - share) * back[i];
            (plain + look.noise * rng.normal()).clamp(0.0, 255.0) as u8
        };
        Rgb([value(0), value(1), value(2)])
    })
}

/// A shape in one dark or bright color, turned a little, on white.
pub(crate) fn drawing(class: usize, side: u32, rng: &mut Rng) -> RgbImage {
    let mut color = [0; 3].map(|_| rng.uniform(0.0, 220.0) as u8);
    // Far from the ground: one of the three is dark.
    color[rng.below(3)] = rng.uniform(0.0, 60.0) as u8;
    let (sin, cos) = rng.uniform(-0.3, 0.3).sin_cos();
    let radius = 0.47 * f64::from(side);
    RgbImage::from_fn(side, side, |x, y| {
        let [u, v] = [x, y].map(|place| (f64::from(place) + 0.5 - 0.5 * f64::from(side)) / radius);
        if inside(class, [cos * u + sin * v, cos * v - sin * u]) { Rgb(color) } else { Rgb([255; 3]) }
    })
}

/// Pictures with the number of the class of each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pictures {
    /// The pictures.
    pub(crate) images: Vec<RgbImage>,
    /// The class of each.
    pub(crate) labels: Vec<usize>,
    /// The names of the classes.
    pub(crate) classes: Vec<String>,
}

/// So many pictures, of all classes in turn.
pub(crate) fn pictures(count: usize, look: Look, rng: &Rng) -> Pictures {
    let labels: Vec<usize> = (0..count).map(|i| i % CLASSES.len()).collect();
    let draw = |(i, &class): (usize, &usize)| picture(class, look, &mut rng.at(i as u64));
    let images = labels.iter().enumerate().map(draw).collect();
    Pictures { images, labels, classes: CLASSES.map(str::to_owned).to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_follow_from_the_seed_and_differ() {
        let all = pictures(16, Look::default(), &Rng::new(1));
        assert_eq!(all.images, pictures(16, Look::default(), &Rng::new(1)).images);
        assert_ne!(all.images, pictures(16, Look::default(), &Rng::new(2)).images);
        assert_eq!(all.labels[..9], [0, 1, 2, 3, 4, 5, 6, 7, 0]);
        assert!(all.images[0] != all.images[8]);
    }

    #[test]
    fn every_class_has_a_shape_of_its_own() {
        let grid = |class: usize| -> Vec<bool> {
            (0..400)
                .map(|i| inside(class, [f64::from(i % 20) / 10.0 - 0.95, f64::from(i / 20) / 10.0 - 0.95]))
                .collect()
        };
        for class in 0..CLASSES.len() {
            assert!(grid(class).iter().any(|&hit| hit) && !grid(class).iter().all(|&hit| hit));
            for other in 0..class {
                let differ = grid(class).iter().zip(grid(other)).filter(|(a, b)| **a != *b).count();
                assert!(differ > 20, "{class} and {other}: {differ}");
            }
        }
    }
}
