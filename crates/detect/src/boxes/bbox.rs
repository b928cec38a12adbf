//! A box, and how far two overlap.

use serde::{Deserialize, Serialize};

/// A box along the axes of a picture by two of its corners, pixels from the upper left corner of
/// the picture; `x1 <= x2` and `y1 <= y2` where it is a box at all.
///
/// A pixel is a square of side 1: the box of the upper left pixel is `(0, 0, 1, 1)`, as in COCO and
/// torchvision.
///
/// # Examples
/// ```
/// use taper_detect::boxes::BBox;
/// let (a, b) = (BBox::new(0.0, 0.0, 2.0, 2.0), BBox::new(1.0, 0.0, 3.0, 2.0));
/// assert_eq!(a.iou(&b), 2.0 / 6.0);
/// ```
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct BBox {
    /// The left edge.
    pub x1: f32,
    /// The upper edge.
    pub y1: f32,
    /// The right edge.
    pub x2: f32,
    /// The lower edge.
    pub y2: f32,
}

impl BBox {
    /// The box between two corners.
    pub const fn new(x1: f32, y1: f32, x2: f32, y2: f32) -> Self {
        Self { x1, y1, x2, y2 }
    }

    /// The box of an upper left corner, a width and a height, as COCO's files have it.
    pub fn of_size(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self::new(x, y, x + width, y + height)
    }

    /// The four edges: left, upper, right, lower.
    pub fn edges(&self) -> [f32; 4] {
        [self.x1, self.y1, self.x2, self.y2]
    }

    /// `x2 - x1`.
    pub fn width(&self) -> f32 {
        self.x2 - self.x1
    }

    /// `y2 - y1`.
    pub fn height(&self) -> f32 {
        self.y2 - self.y1
    }

    /// Width times height; of what is no box, 0.
    pub fn area(&self) -> f32 {
        self.width().max(0.0) * self.height().max(0.0)
    }

    /// The area that two boxes share.
    pub fn intersection(&self, other: &Self) -> f32 {
        let width = self.x2.min(other.x2) - self.x1.max(other.x1);
        let height = self.y2.min(other.y2) - self.y1.max(other.y1);
        width.max(0.0) * height.max(0.0)
    }

    /// Intersection over union, in [0, 1]; 0 where both have no area.
    ///
    /// ```text
    /// IoU(A, B) = |A ∩ B| / (|A| + |B| - |A ∩ B|)
    /// ```
    pub fn iou(&self, other: &Self) -> f32 {
        let shared = self.intersection(other);
        let union = self.area() + other.area() - shared;
        if union > 0.0 { shared / union } else { 0.0 }
    }

    /// The part inside a picture of this width and height.
    pub fn clipped(&self, width: f32, height: f32) -> Self {
        let (x, y) = (|v: f32| v.clamp(0.0, width.max(0.0)), |v: f32| v.clamp(0.0, height.max(0.0)));
        Self::new(x(self.x1), y(self.y1), x(self.x2), y(self.y2))
    }

    /// Whether both sides have this length or more.
    pub fn is_at_least(&self, side: f32) -> bool {
        self.width() >= side && self.height() >= side
    }

    /// Whether all edges are finite numbers.
    pub fn is_finite(&self) -> bool {
        self.edges().iter().all(|edge| edge.is_finite())
    }

    /// The box in a picture that is so many times as wide and as high.
    pub fn scaled(&self, x: f32, y: f32) -> Self {
        Self::new(self.x1 * x, self.y1 * y, self.x2 * x, self.y2 * y)
    }

    /// The box so many pixels further right and down.
    pub fn moved(&self, x: f32, y: f32) -> Self {
        Self::new(self.x1 + x, self.y1 + y, self.x2 + x, self.y2 + y)
    }

    /// The box in the mirror image of a picture of this width.
    pub fn mirrored(&self, width: f32) -> Self {
        Self::new(width - self.x2, self.y1, width - self.x1, self.y2)
    }
}

/// The IoU of every box of `a` with every box of `b`, a row for each of `a`.
///
/// # Shapes
/// n and m boxes to n rows of m numbers.
pub fn iou_matrix(a: &[BBox], b: &[BBox]) -> Vec<Vec<f32>> {
    a.iter().map(|a| b.iter().map(|b| a.iou(b)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_that_touch_or_have_no_area_share_nothing() {
        let unit = BBox::new(0.0, 0.0, 1.0, 1.0);
        assert_eq!(unit.iou(&unit), 1.0);
        assert_eq!(unit.iou(&BBox::new(1.0, 0.0, 2.0, 1.0)), 0.0);
        let point = BBox::new(0.5, 0.5, 0.5, 0.5);
        assert_eq!((point.iou(&point), point.iou(&unit)), (0.0, 0.0));
        assert_eq!(BBox::new(2.0, 2.0, 1.0, 1.0).area(), 0.0);
    }

    #[test]
    fn a_box_is_clipped_moved_and_mirrored() {
        let wide = BBox::new(-3.0, 2.0, 12.0, 40.0);
        assert_eq!(wide.clipped(10.0, 20.0), BBox::new(0.0, 2.0, 10.0, 20.0));
        let b = BBox::of_size(1.0, 2.0, 3.0, 4.0);
        assert_eq!(b.mirrored(10.0), BBox::new(6.0, 2.0, 9.0, 6.0));
        assert_eq!(b.mirrored(10.0).mirrored(10.0), b);
        assert_eq!(b.scaled(2.0, 0.5).moved(1.0, 0.0), BBox::new(3.0, 1.0, 9.0, 3.0));
        assert!(b.is_at_least(3.0) && !b.is_at_least(3.5));
    }
}
