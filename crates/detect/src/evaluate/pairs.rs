//! Which detection is which object.

use crate::boxes::BBox;

/// A range of areas, square pixels: both ends are inside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Areas(pub(super) f64, pub(super) f64);

impl Areas {
    fn has(self, area: f64) -> bool {
        area >= self.0 && area <= self.1
    }
}

/// What came of a detection at a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Right,
    Wrong,
    /// It counts as neither: it is an ignored object, or of none and outside of the areas.
    Ignored,
}

/// The objects of a class on a picture: box, and whether it is ignored whatever its area.
pub(super) type Objects<'a> = &'a [(BBox, bool)];

/// The outcomes of detections, best first, at a threshold of IoU; and how many objects there were
/// to find.
///
/// Each detection in turn takes the object with the largest IoU that nobody has taken, an ignored
/// one only where there is no other; ignored ones can be taken again and again, and the overlap
/// with them is the share of the detection that lies inside.
pub(super) fn outcomes(found: &[BBox], objects: Objects<'_>, areas: Areas, threshold: f64) -> (Vec<Outcome>, usize) {
    let ignored = |&(bbox, ignored): &(BBox, bool)| ignored || !areas.has(area(&bbox));
    let mut order: Vec<usize> = (0..objects.len()).collect();
    order.sort_by_key(|&i| ignored(&objects[i]));
    let mut taken = vec![false; objects.len()];
    let mut all = Vec::with_capacity(found.len());
    for bbox in found {
        let mut least = threshold.min(1.0 - 1e-10);
        let mut best: Option<usize> = None;
        for &i in &order {
            let (object, crowd) = objects[i];
            if taken[i] && !crowd {
                continue;
            }
            if best.is_some_and(|best| !ignored(&objects[best])) && ignored(&objects[i]) {
                break;
            }
            let overlap = overlap(bbox, &object, crowd);
            if overlap >= least {
                (least, best) = (overlap, Some(i));
            }
        }
        all.push(match best {
            Some(best) => {
                taken[best] = true;
                if ignored(&objects[best]) { Outcome::Ignored } else { Outcome::Right }
            }
            None if areas.has(area(bbox)) => Outcome::Wrong,
            None => Outcome::Ignored,
        });
    }
    (all, objects.iter().filter(|object| !ignored(object)).count())
}

fn area(b: &BBox) -> f64 {
    let [x1, y1, x2, y2] = b.edges().map(f64::from);
    (x2 - x1) * (y2 - y1)
}

/// Intersection over union, of a crowd over the area of the detection.
fn overlap(found: &BBox, object: &BBox, crowd: bool) -> f64 {
    let ([x1, y1, x2, y2], [a1, b1, a2, b2]) = (found.edges().map(f64::from), object.edges().map(f64::from));
    let (width, height) = (x2.min(a2) - x1.max(a1), y2.min(b2) - y1.max(b1));
    if width <= 0.0 || height <= 0.0 {
        return 0.0;
    }
    let shared = width * height;
    shared / if crowd { area(found) } else { area(found) + area(object) - shared }
}
