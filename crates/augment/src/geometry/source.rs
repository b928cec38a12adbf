//! Reading a picture between its pixels and beyond its edge.

use image::RgbImage;

use super::sampling::{Border, Interpolation, Sampling};

/// A picture to read from at places between its pixels; a pixel's middle is half a pixel in.
pub(crate) struct Source<'a> {
    pixels: &'a [[u8; 3]],
    width: usize,
    height: usize,
    sampling: Sampling,
}

impl<'a> Source<'a> {
    /// A picture of one pixel or more.
    pub(crate) fn new(image: &'a RgbImage, sampling: Sampling) -> Self {
        let (width, height) = (image.width() as usize, image.height() as usize);
        Self { pixels: image.as_chunks().0, width, height, sampling }
    }

    /// Whether four pixels are read for one.
    pub(crate) fn is_bilinear(&self) -> bool {
        self.sampling.interpolation == Interpolation::Bilinear
    }

    /// The value at any place: beyond the picture its border, of pixels that do not exist the
    /// nearest ones.
    pub(crate) fn at(&self, x: f32, y: f32) -> [u8; 3] {
        let (width, height) = (self.width as f32, self.height as f32);
        let (x, y) = match self.sampling.border {
            Border::Reflect => (fold(x, width), fold(y, height)),
            Border::Fill(_) if (0.0..width).contains(&x) && (0.0..height).contains(&y) => (x, y),
            Border::Fill(color) => return color,
        };
        if self.is_bilinear() { self.bilinear(x, y) } else { self.bicubic(x, y) }
    }

    fn bilinear(&self, x: f32, y: f32) -> [u8; 3] {
        let (left, right, dx) = around(x, self.width);
        let (top, bottom, dy) = around(y, self.height);
        let (top, bottom) = (top * self.width, bottom * self.width);
        let p = self.pixels;
        mix([p[top + left], p[top + right], p[bottom + left], p[bottom + right]], dx, dy)
    }

    fn bicubic(&self, x: f32, y: f32) -> [u8; 3] {
        let (columns, dx) = four(x, self.width);
        let (rows, dy) = four(y, self.height);
        let lines = rows.map(|row| {
            let pixels = columns.map(|column| self.pixels[row * self.width + column].map(f32::from));
            std::array::from_fn::<_, 3, _>(|c| cubic(pixels.map(|pixel| pixel[c]), dx))
        });
        std::array::from_fn(|c| cubic(lines.map(|line| line[c]), dy) as u8)
    }
}

/// The four pixels of a side around a place on it, and how far it is from the second to the third.
fn four(x: f32, side: usize) -> ([usize; 4], f32) {
    let first = (x - 0.5).floor();
    let pixel = |offset: f32| (first + offset).clamp(0.0, (side - 1) as f32) as usize;
    ([-1.0, 0.0, 1.0, 2.0].map(pixel), x - 0.5 - first)
}

/// The polynomial through `b` at 0 and `c` at 1 whose slopes there are `c - a` and `d - b`.
fn cubic([a, b, c, d]: [f32; 4], t: f32) -> f32 {
    b + t * (c - a + t * (2.0 * (a - b) + c - d + t * (b - a + d - c)))
}

/// The two pixels of a side around a place on it, and how far it is from the first to the second.
fn around(x: f32, side: usize) -> (usize, usize, f32) {
    let x = (x - 0.5).clamp(0.0, (side - 1) as f32);
    let first = (x as usize).min(side - 1);
    (first, (first + 1).min(side - 1), x - first as f32)
}

/// A place on the line that carries a picture and its mirror images, as a place on the picture.
#[inline(always)]
pub(crate) fn fold(x: f32, side: f32) -> f32 {
    let period = 2.0 * side;
    let x = x - period * (x / period).floor();
    if x > side { period - x } else { x }
}

/// Bilinear interpolation of upper left, upper right, lower left, lower right, fractions dropped.
#[inline]
fn mix(corners: [[u8; 3]; 4], dx: f32, dy: f32) -> [u8; 3] {
    // Four lanes, one of them unused: a whole vector register.
    let [a, b, c, d] = corners.map(|[r, g, b]| [f32::from(r), f32::from(g), f32::from(b), 0.0]);
    let values: [f32; 4] = std::array::from_fn(|i| {
        let upper = a[i] + (b[i] - a[i]) * dx;
        let lower = c[i] + (d[i] - c[i]) * dx;
        upper + (lower - upper) * dy
    });
    let [red, green, blue, _] = values.map(floor_byte);
    [red, green, blue]
}

/// The whole part of a number from 0 to 255; what single precision left just below a whole number
/// (by less than 1e-4) counts as that number.
///
/// Added to 1.5 * 2^23, whose neighbors are 1 apart, a number is rounded into the lowest bits; half
/// less beforehand turns rounding into dropping. This takes no conversion instruction and
/// vectorizes.
#[inline(always)]
pub(crate) fn floor_byte(value: f32) -> u8 {
    (value - 0.4999 + 12_582_912.0).to_bits() as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn mirror_images_repeat_every_two_sides() {
        let folded = [-1.0, -4.5, 0.0, 2.5, 3.0, 4.0, 6.0, 7.0].map(|x| fold(x, 3.0));
        assert_eq!(folded, [1.0, 1.5, 0.0, 2.5, 3.0, 2.0, 0.0, 1.0]);
    }

    #[test]
    fn a_fraction_is_dropped_but_for_its_rounding() {
        for byte in 0..=255_u8 {
            let number = f32::from(byte);
            assert_eq!(floor_byte(number), byte);
            assert_eq!(floor_byte(number - 2e-5), byte);
            assert_eq!(floor_byte(number + 0.999), byte);
        }
    }

    #[test]
    fn a_cubic_goes_through_its_pixels_and_stays_in_bytes() {
        let picture = RgbImage::from_fn(5, 4, |x, y| Rgb([if (x + y) % 2 == 0 { 255 } else { 0 }, 40 * x as u8, 9]));
        let source = Source::new(&picture, Sampling { interpolation: Interpolation::Bicubic, border: Border::Reflect });
        for (x, y, pixel) in picture.enumerate_pixels() {
            assert_eq!(source.at(x as f32 + 0.5, y as f32 + 0.5), pixel.0);
        }
        // With a = -1 a slope counts twice: a quarter of the way is 11/32 of it. What would leave
        // the bytes is cut off.
        assert_eq!(source.at(2.75, 1.5)[1..], [93, 9]);
        assert_eq!(cubic([0.0, 255.0, 255.0, 0.0], 0.5), 318.75);
        assert_eq!(source.at(2.0, 1.5)[0], 127);
    }

    #[test]
    fn values_between_pixels_by_hand() {
        let picture = RgbImage::from_fn(4, 3, |x, y| Rgb([50 * x as u8, 80 * y as u8, 9]));
        let source = Source::new(&picture, Border::Reflect.into());
        let filled = Source::new(&picture, Border::Fill([7; 3]).into());
        // A quarter from column 1 to 2, a half from row 0 to 1: 50 + 12.5 and 40.
        assert_eq!(source.at(1.75, 1.0), [62, 40, 9]);
        // Within half a pixel of the edge: the edge; on the edge: still the picture.
        assert_eq!(filled.at(0.0, 0.0), [0, 0, 9]);
        assert_eq!(filled.at(-0.01, 0.0), [7; 3]);
        assert_eq!(source.at(-1.5, 2.5), [50, 160, 9]);
    }
}
