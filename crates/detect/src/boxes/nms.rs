//! The best of boxes that overlap.

use super::bbox::BBox;

/// The places of scores from the highest to the lowest; of two that are equal, and of those that
/// are NaN, which come last, the earlier place first.
pub fn by_score(scores: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    let key = |i: usize| if scores[i].is_nan() { f32::NEG_INFINITY } else { scores[i] };
    // The sort is stable.
    order.sort_by(|&a, &b| key(b).total_cmp(&key(a)));
    order
}

/// Non-maximum suppression: goes through the boxes by [score](by_score) and keeps each whose IoU
/// with none of those kept before is above `threshold`. The places of those kept, best first.
///
/// # Examples
/// ```
/// use taper_detect::boxes::{BBox, nms};
/// let boxes = [0.0, 1.0, 8.0].map(|x| BBox::new(x, 0.0, x + 10.0, 10.0));
/// assert_eq!(nms(&boxes, &[0.6, 0.9, 0.5], 0.5), [1, 2]);
/// ```
///
/// # Differs from PyTorch
/// torchvision leaves the order of equal scores open.
pub fn nms(boxes: &[BBox], scores: &[f32], threshold: f32) -> Vec<usize> {
    suppressed(boxes, &by_score(scores), |_, _| true, threshold)
}

/// [`nms()`] in which only boxes of one class suppress each other.
///
/// # Differs from PyTorch
/// torchvision moves the boxes of each class to a place of their own, which rounds their edges.
pub fn batched_nms(boxes: &[BBox], scores: &[f32], classes: &[usize], threshold: f32) -> Vec<usize> {
    suppressed(boxes, &by_score(scores), |a, b| classes[a] == classes[b], threshold)
}

fn suppressed(boxes: &[BBox], order: &[usize], rivals: impl Fn(usize, usize) -> bool, threshold: f32) -> Vec<usize> {
    let mut kept: Vec<usize> = Vec::new();
    for &i in order {
        if kept.iter().all(|&k| !rivals(k, i) || boxes[k].iou(&boxes[i]) <= threshold) {
            kept.push(i);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_go_by_their_place_and_classes_do_not_meet() {
        let boxes = [BBox::new(0.0, 0.0, 4.0, 4.0); 3];
        assert_eq!(nms(&boxes, &[0.5, 0.5, 0.5], 0.5), [0]);
        assert_eq!(batched_nms(&boxes, &[0.5, 0.5, 0.9], &[1, 0, 1], 0.5), [2, 1]);
        assert_eq!(by_score(&[f32::NAN, 0.1, 0.1, 0.7]), [3, 1, 2, 0]);
        // At the threshold a box stays.
        let halves = [BBox::new(0.0, 0.0, 2.0, 1.0), BBox::new(0.0, 0.0, 1.0, 1.0)];
        assert_eq!(nms(&halves, &[0.9, 0.8], 0.5), [0, 1]);
    }
}
