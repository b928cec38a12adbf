//! Which pixels along an axis a bin of a region reads, and with what weights.

/// Points of a bin along an axis that a region is read at, at most, where their number follows from
/// the size of the region.
const MOST: usize = 1024;

/// The pixels that a bin reads, by their place, and their weights.
pub(super) type Bin = Vec<(usize, f64)>;

/// An axis of a region.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    /// Where the region begins, pixels of the map.
    pub(super) start: f64,
    /// How long it is.
    pub(super) length: f64,
    /// In how many bins it is cut.
    pub(super) bins: usize,
    /// How many points a bin is read at; with 0 one for each pixel of a bin, rounded up.
    pub(super) points: usize,
    /// Pixels of the map.
    pub(super) pixels: usize,
}

impl Axis {
    /// The pixels of each bin. A point between two pixels reads both, by how near they are; one
    /// more than a pixel outside of the map reads nothing, though it counts.
    pub(super) fn taps(&self) -> Vec<Bin> {
        let bin = self.length / self.bins as f64;
        let points = match self.points {
            0 => (bin.ceil().max(0.0) as usize).min(MOST),
            points => points,
        };
        (0..self.bins).map(|number| self.bin(self.start + number as f64 * bin, bin, points)).collect()
    }

    fn bin(&self, start: f64, length: f64, points: usize) -> Bin {
        let mut taps = Bin::new();
        let mut add = |pixel: usize, weight: f64| {
            let weight = weight / points as f64;
            match taps.iter_mut().find(|(other, _)| *other == pixel) {
                Some((_, sum)) => *sum += weight,
                None => taps.push((pixel, weight)),
            }
        };
        let last = self.pixels - 1;
        for point in 0..points {
            let at = start + (point as f64 + 0.5) * length / points as f64;
            if at < -1.0 || at > self.pixels as f64 {
                continue;
            }
            let at = at.max(0.0);
            let low = at as usize;
            if low >= last {
                add(last, 1.0);
            } else {
                let share = at - low as f64;
                add(low, 1.0 - share);
                add(low + 1, share);
            }
        }
        taps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bin_reads_between_pixels_and_not_beyond_the_map() {
        let axis = Axis { start: 0.0, length: 2.0, bins: 2, points: 1, pixels: 3 };
        assert_eq!(axis.taps(), [vec![(0, 0.5), (1, 0.5)], vec![(1, 0.5), (2, 0.5)]]);
        // At the edges: before the first pixel its value, a pixel further nothing.
        let outside = Axis { start: -3.0, length: 3.0, bins: 3, ..axis };
        assert_eq!(outside.taps(), [vec![], vec![], vec![(0, 1.0), (1, 0.0)]]);
        // By the size: three points in a bin of 2.5 pixels.
        let sized = Axis { length: 2.5, bins: 1, points: 0, pixels: 8, ..axis };
        let sum: f64 = sized.taps()[0].iter().map(|(_, weight)| weight).sum();
        assert!((sum - 1.0).abs() < 1e-12 && sized.taps()[0].len() == 4, "{:?}", sized.taps());
        assert_eq!(Axis { length: 0.0, points: 0, ..axis }.taps(), [vec![], vec![]]);
    }
}
