//! The colors of a data set: mean, covariance, principal components.

use image::RgbImage;

/// Sums over the pixels of pictures, exact whatever their order and number; fed one picture at a
/// time.
///
/// # Examples
/// ```
/// use taper_augment::{ColorStatistics, RgbImage};
/// let mut colors = ColorStatistics::default();
/// colors.add(&RgbImage::from_fn(2, 1, |x, _| image::Rgb([255 * x as u8, 51, 51])));
/// assert_eq!(colors.mean(), [0.5, 0.2, 0.2]);
/// assert_eq!(colors.covariance()[0], [0.5, 0.0, 0.0]); // divided by n - 1
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColorStatistics {
    pixels: u64,
    sums: [u64; 3],
    products: [[u64; 3]; 3],
}

/// The principal components of colors: eigenvalues of their covariance, largest first, and the
/// eigenvector of each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Principal {
    /// Variances along the components.
    pub values: [f64; 3],
    /// Their directions, of length 1, red, green, blue; the largest part is positive.
    pub vectors: [[f64; 3]; 3],
}

impl Principal {
    /// Those of ImageNet, as usually cited (Krizhevsky's implementation by way of fb.resnet.torch).
    pub const fn imagenet() -> Self {
        Self {
            values: [0.2175, 0.0188, 0.0045],
            vectors: [[0.5675, 0.5808, 0.5836], [0.7192, -0.0045, -0.6948], [0.4009, -0.8140, 0.4203]],
        }
    }
}

impl ColorStatistics {
    /// Takes in the pixels of a picture.
    pub fn add(&mut self, image: &RgbImage) {
        self.pixels += u64::from(image.width()) * u64::from(image.height());
        for pixel in image.pixels() {
            let values = pixel.0.map(u64::from);
            for (i, value) in values.into_iter().enumerate() {
                self.sums[i] += value;
                values.iter().zip(&mut self.products[i]).for_each(|(other, sum)| *sum += value * other);
            }
        }
    }

    /// Takes in what another has seen.
    pub fn merge(&mut self, other: &Self) {
        self.pixels += other.pixels;
        for i in 0..3 {
            self.sums[i] += other.sums[i];
            (0..3).for_each(|j| self.products[i][j] += other.products[i][j]);
        }
    }

    /// How many pixels it has seen.
    pub fn pixels(&self) -> u64 {
        self.pixels
    }

    /// The mean of each channel, of values in 0..1; 0 without pixels.
    pub fn mean(&self) -> [f64; 3] {
        self.sums.map(|sum| sum as f64 / (255.0 * self.pixels.max(1) as f64))
    }

    /// The covariance of the channels, of values in 0..1, divided by one less than the pixels.
    pub fn covariance(&self) -> [[f64; 3]; 3] {
        let n = self.pixels.max(2) as u128;
        let scale = 255.0 * 255.0 * (n * (n - 1)) as f64;
        // In integers as long as it matters: n Σxy - Σx Σy.
        let entry = |i: usize, j: usize| {
            let (product, sums) =
                (n * u128::from(self.products[i][j]), u128::from(self.sums[i]) * u128::from(self.sums[j]));
            if product >= sums { (product - sums) as f64 } else { -((sums - product) as f64) }
        };
        std::array::from_fn(|i| std::array::from_fn(|j| entry(i, j) / scale))
    }

    /// The standard deviation of each channel, of values in 0..1.
    pub fn deviation(&self) -> [f64; 3] {
        let covariance = self.covariance();
        std::array::from_fn(|i| covariance[i][i].sqrt())
    }

    /// Eigenvalues and eigenvectors of the covariance, by Jacobi's rotations.
    pub fn principal(&self) -> Principal {
        let (mut a, mut v) = (self.covariance(), [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
        for (p, q) in [(0, 1), (0, 2), (1, 2)].into_iter().cycle().take(60) {
            if a[p][q] == 0.0 {
                continue;
            }
            let theta = 0.5 * (2.0 * a[p][q]).atan2(a[q][q] - a[p][p]);
            let (sin, cos) = theta.sin_cos();
            for row in &mut a {
                (row[p], row[q]) = (cos * row[p] - sin * row[q], sin * row[p] + cos * row[q]);
            }
            for k in 0..3 {
                (a[p][k], a[q][k]) = (cos * a[p][k] - sin * a[q][k], sin * a[p][k] + cos * a[q][k]);
                (v[p][k], v[q][k]) = (cos * v[p][k] - sin * v[q][k], sin * v[p][k] + cos * v[q][k]);
            }
        }
        let mut order = [0, 1, 2];
        order.sort_by(|&i, &j| a[j][j].total_cmp(&a[i][i]));
        let vectors = order.map(|i| {
            let largest = v[i].into_iter().max_by(|x, y| x.abs().total_cmp(&y.abs())).unwrap_or(1.0);
            v[i].map(|part| part * largest.signum())
        });
        Principal { values: order.map(|i| a[i][i].max(0.0)), vectors }
    }
}
