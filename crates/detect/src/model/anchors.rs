//! Boxes of several shapes in each cell of a map.

use serde::{Deserialize, Serialize};

use super::error::ModelError;
use super::grid::Grid;
use crate::boxes::BBox;

/// The shapes of anchors.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Anchors {
    /// The side of a square of the same area, pixels of the picture as the network sees it. The
    /// paper's are 128, 256 and 512 for a short side of 600; torchvision's 32 to 512.
    pub sizes: Vec<f32>,
    /// Height over width. Default 1/2, 1 and 2, the paper's and torchvision's.
    pub ratios: Vec<f32>,
}

impl Default for Anchors {
    /// torchvision's.
    fn default() -> Self {
        Self { sizes: vec![32.0, 64.0, 128.0, 256.0, 512.0], ratios: vec![0.5, 1.0, 2.0] }
    }
}

impl Anchors {
    /// Refuses shapes that cannot be.
    ///
    /// # Errors
    /// When there is none, or a number is not positive and finite.
    pub fn check(&self) -> Result<(), ModelError> {
        for (field, numbers) in [("anchors.sizes", &self.sizes), ("anchors.ratios", &self.ratios)] {
            let good = (1..=64).contains(&numbers.len()) && numbers.iter().all(|x| *x > 0.0 && *x < 1e5);
            if !good {
                let (wanted, got) = ("1 to 64 positive numbers", format!("{numbers:?}"));
                return Err(ModelError::Setting { field, wanted, got });
            }
        }
        Ok(())
    }

    /// How many there are in a cell.
    pub fn per_cell(&self) -> usize {
        self.sizes.len() * self.ratios.len()
    }

    /// Those of a cell, around the point (0, 0): by ratio, then by size, as in torchvision.
    fn shapes(&self) -> Vec<BBox> {
        let shape = |ratio: f32, size: f32| {
            let height = size * ratio.sqrt();
            let width = size / ratio.sqrt();
            BBox::new(-width / 2.0, -height / 2.0, width / 2.0, height / 2.0)
        };
        self.ratios.iter().flat_map(|&ratio| self.sizes.iter().map(move |&size| shape(ratio, size))).collect()
    }

    /// Sizes for objects of these (the square roots of their areas, pixels): the powers of √2 that
    /// cover nine tenths of them, or of 2 where these would be more than `most`.
    pub fn sizes_for(objects: &[f32], most: usize) -> Vec<f32> {
        let mut sorted: Vec<f32> = objects.iter().copied().filter(|x| x.is_finite() && *x > 0.0).collect();
        sorted.sort_by(f32::total_cmp);
        let Some(last) = sorted.len().checked_sub(1) else { return Self::default().sizes };
        let at = |share: f64| f64::from(sorted[(last as f64 * share).round() as usize]).max(4.0);
        let (least, largest) = (at(0.05), at(0.95));
        for step in [2f64.sqrt(), 2.0, 4.0] {
            let (from, to) = (least.log(step).round() as i32, largest.log(step).round() as i32);
            if ((to - from + 1) as usize) <= most || step == 4.0 {
                return (from..=to).map(|power| step.powi(power) as f32).collect();
            }
        }
        Self::default().sizes
    }
}

/// The anchors of a map of `height` x `width` cells: by row, column and shape, the order of a map
/// (H,W,A) of numbers for each.
pub fn anchors(config: &Anchors, grid: Grid, (height, width): (usize, usize)) -> Vec<BBox> {
    let shapes = config.shapes();
    let middle = |cell: usize| grid.offset + grid.stride * cell as f32;
    let cells = (0..height).flat_map(|y| (0..width).map(move |x| (middle(x), middle(y))));
    cells.flat_map(|(x, y)| shapes.iter().map(move |shape| shape.moved(x, y))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_have_their_area_and_ratio_around_the_middle_of_their_cell() {
        let config = Anchors { sizes: vec![16.0, 32.0], ratios: vec![0.5, 2.0] };
        let all = anchors(&config, Grid { stride: 8.0, offset: 3.5 }, (2, 3));
        assert_eq!(all.len(), 2 * 3 * 4);
        // Row 1, column 2, ratio 2, size 32.
        let b = all[(3 + 2) * 4 + 3];
        assert!((b.area() - 1024.0).abs() < 0.01 && (b.height() / b.width() - 2.0).abs() < 1e-5, "{b:?}");
        assert!((b.x1 + b.x2 - 2.0 * 19.5).abs() < 1e-4 && (b.y1 + b.y2 - 2.0 * 11.5).abs() < 1e-4, "{b:?}");
        assert!(Anchors { ratios: vec![], ..config }.check().is_err());
    }

    #[test]
    fn sizes_cover_the_objects() {
        let objects: Vec<f32> = (0..101).map(|i| 16.0 * 8f32.powf(i as f32 / 100.0)).collect();
        assert_eq!(Anchors::sizes_for(&objects, 4), [16.0, 32.0, 64.0, 128.0]);
        assert_eq!(Anchors::sizes_for(&objects, 8).len(), 7);
        assert_eq!(Anchors::sizes_for(&[64.0; 3], 4), [64.0]);
        assert_eq!(Anchors::sizes_for(&[], 4), Anchors::default().sizes);
    }
}
