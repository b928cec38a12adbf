//! Boxes as differences from other boxes.

use super::bbox::BBox;

/// The most that the logarithm of a factor of sizes may be: a box becomes at most 62.5 times as
/// long, `log(1000 / 16)`, as in the papers' code and torchvision.
const MOST: f32 = 4.135_166_6;

/// A number out of its range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BoxError {
    /// A weight of the deltas.
    #[error("the weights of box deltas must be positive numbers; got {got:?}")]
    Weights {
        /// All four.
        got: [f32; 4],
    },
}

/// Boxes as what has to be done to others, *anchors* or proposals, to become them:
///
/// ```text
/// dx = wx (x - xa) / ra      dw = ww log(r / ra)      x, y  the middle of the box
/// dy = wy (y - ya) / ha      dh = wh log(h / ha)      r, h  its width and height; a of the anchor
/// ```
///
/// Back, `dw / ww` and `dh / wh` are bounded by log(1000/16), so that no prediction overflows.
///
/// # Examples
/// ```
/// use taper_detect::boxes::{BBox, Coder};
/// let (anchor, object) = (BBox::new(0.0, 0.0, 10.0, 10.0), BBox::new(5.0, 0.0, 15.0, 20.0));
/// let deltas = Coder::PROPOSALS.encode(&anchor, &object);
/// assert_eq!(deltas, [0.5, 0.5, 0.0, 2f32.ln()]);
/// assert_eq!(Coder::PROPOSALS.decode(&anchor, deltas), object);
/// ```
///
/// # References
/// R. Girshick, J. Donahue, T. Darrell, J. Malik, *Rich feature hierarchies for accurate object
/// detection and semantic segmentation*, 2014 (appendix C).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coder {
    weights: [f32; 4],
}

impl Coder {
    /// That of a region proposal network: all weights 1 (torchvision's).
    pub const PROPOSALS: Self = Self { weights: [1.0; 4] };

    /// That of a box head: weights 10, 10, 5, 5 (torchvision's; the inverse of the standard
    /// deviations 0.1 and 0.2 that the papers' code normalizes with).
    pub const HEAD: Self = Self { weights: [10.0, 10.0, 5.0, 5.0] };

    /// With weights of one's own, in the order x, y, width, height.
    ///
    /// # Errors
    /// When one is not a positive number.
    pub fn new(weights: [f32; 4]) -> Result<Self, BoxError> {
        let good = weights.iter().all(|w| *w > 0.0 && w.is_finite());
        if good { Ok(Self { weights }) } else { Err(BoxError::Weights { got: weights }) }
    }

    /// What `anchor` has to become `object`; both must have an area.
    pub fn encode(&self, anchor: &BBox, object: &BBox) -> [f32; 4] {
        let [wx, wy, ww, wh] = self.weights;
        let ((xa, ya), (ra, ha)) = (middle(anchor), (anchor.width(), anchor.height()));
        let ((x, y), (r, h)) = (middle(object), (object.width(), object.height()));
        [wx * (x - xa) / ra, wy * (y - ya) / ha, ww * (r / ra).ln(), wh * (h / ha).ln()]
    }

    /// What `anchor` becomes by these deltas.
    pub fn decode(&self, anchor: &BBox, deltas: [f32; 4]) -> BBox {
        let [wx, wy, ww, wh] = self.weights;
        let ((xa, ya), (ra, ha)) = (middle(anchor), (anchor.width(), anchor.height()));
        let (x, y) = (xa + deltas[0] / wx * ra, ya + deltas[1] / wy * ha);
        let r = (deltas[2] / ww).min(MOST).exp() * ra;
        let h = (deltas[3] / wh).min(MOST).exp() * ha;
        BBox::new(x - 0.5 * r, y - 0.5 * h, x + 0.5 * r, y + 0.5 * h)
    }
}

fn middle(b: &BBox) -> (f32, f32) {
    (b.x1 + 0.5 * b.width(), b.y1 + 0.5 * b.height())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_comes_back_and_no_delta_overflows() {
        let (a, b) = (BBox::new(3.0, 4.0, 33.0, 24.0), BBox::new(1.0, 8.0, 50.0, 19.0));
        for coder in [Coder::PROPOSALS, Coder::HEAD] {
            let back = coder.decode(&a, coder.encode(&a, &b));
            assert!(back.edges().iter().zip(b.edges()).all(|(x, y)| (x - y).abs() < 1e-4), "{back:?}");
        }
        let huge = Coder::HEAD.decode(&a, [0.0, 0.0, 1e30, 1e30]);
        assert!((huge.width() - 62.5 * 30.0).abs() < 0.1 && huge.is_finite(), "{huge:?}");
        assert!(Coder::new([1.0, 1.0, 0.0, 1.0]).is_err());
    }
}
