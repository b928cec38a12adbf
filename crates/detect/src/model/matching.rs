//! Which object a box is for.

use crate::boxes::BBox;

/// What training asks of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// To be the object of this number.
    Object(usize),
    /// To be background.
    Background,
    /// Nothing.
    Neither,
}

/// From which IoU on a box is for an object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// The least IoU of an object's box.
    pub high: f32,
    /// Below it a box is background; between both it is neither.
    pub low: f32,
    /// Whether the boxes that an object has its largest IoU with are matched however small that is,
    /// if they touch it at all.
    pub keep_best: bool,
}

impl Thresholds {
    /// Those of a region proposal network: 0.7, 0.3, and the best of each object (Ren et al. 2015).
    pub const PROPOSALS: Self = Self { high: 0.7, low: 0.3, keep_best: true };
    /// Those of a box head: 0.5, and no other (Girshick 2015, with background from 0 on as in
    /// torchvision).
    pub const HEAD: Self = Self { high: 0.5, low: 0.5, keep_best: false };
}

/// Matches each box to the object that it has the largest IoU with, the first of those that are
/// equal. A box half or more of which lies inside of an `ignored` one is never background.
///
/// # Differs from PyTorch
/// In torchvision an object that no box touches matches all that touch nothing; crowds are left out
/// of the data instead of being ignored.
///
/// # References
/// S. Ren, K. He, R. Girshick, J. Sun, *Faster R-CNN: Towards Real-Time Object Detection with
/// Region Proposal Networks*, 2015.
pub fn matched(boxes: &[BBox], objects: &[BBox], ignored: &[BBox], thresholds: Thresholds) -> Vec<Match> {
    let of = |bbox: &BBox| -> Vec<f32> { objects.iter().map(|object| bbox.iou(object)).collect() };
    let table: Vec<Vec<f32>> = boxes.iter().map(of).collect();
    let mut best_of = vec![0f32; objects.len()];
    for row in &table {
        best_of.iter_mut().zip(row).for_each(|(best, iou)| *best = best.max(*iou));
    }
    let one = |(bbox, row): (&BBox, &Vec<f32>)| {
        let best = (0..row.len()).reduce(|a, b| if row[b] > row[a] { b } else { a });
        let Some(best) = best else { return background(bbox, ignored) };
        let kept = thresholds.keep_best && row.iter().zip(&best_of).any(|(iou, best)| *iou > 0.0 && iou == best);
        match row[best] {
            iou if iou >= thresholds.high || kept => Match::Object(best),
            iou if iou < thresholds.low => background(bbox, ignored),
            _ => Match::Neither,
        }
    };
    boxes.iter().zip(&table).map(one).collect()
}

fn background(bbox: &BBox, ignored: &[BBox]) -> Match {
    let inside = |other: &BBox| bbox.intersection(other) >= 0.5 * bbox.area() && other.area() > 0.0;
    if ignored.iter().any(inside) { Match::Neither } else { Match::Background }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_box_of_an_object_is_kept_and_a_crowd_is_no_background() {
        let row = |x: f32| BBox::new(x, 0.0, x + 10.0, 10.0);
        let (boxes, objects) = ([row(0.0), row(8.0), row(30.0), row(60.0)], [row(1.0), row(35.0)]);
        let crowd = [BBox::new(58.0, 0.0, 90.0, 10.0)];
        let all = matched(&boxes, &objects, &crowd, Thresholds::PROPOSALS);
        assert_eq!(all, [Match::Object(0), Match::Background, Match::Object(1), Match::Neither]);
        let strict = matched(&boxes, &objects, &[], Thresholds::HEAD);
        assert_eq!(strict, [Match::Object(0), Match::Background, Match::Background, Match::Background]);
        assert_eq!(matched(&boxes[..1], &[], &[], Thresholds::HEAD), [Match::Background]);
    }
}
