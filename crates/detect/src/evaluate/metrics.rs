//! What a detector is judged by.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::pairs::{Areas, Outcome, outcomes};
use super::precision::average_precision;
use crate::boxes::BBox;
use crate::data::Object;
use crate::model::Detection;

/// Detections of a class on a picture that count, the best.
const MOST: usize = 100;

/// Thresholds of IoU: 0.5, 0.55, ..., 0.95.
const THRESHOLDS: usize = 10;

/// All areas, small ones below 32², medium ones to 96², and large ones: COCO's, square pixels.
const AREAS: [Areas; 4] = [Areas(0.0, 1e10), Areas(0.0, 1024.0), Areas(1024.0, 9216.0), Areas(9216.0, 1e10)];

/// Average precision as COCO computes it, fractions; none where there is no object to find.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Metrics {
    /// The mean over the thresholds of IoU 0.50, 0.55, ..., 0.95 and over the classes: mAP.
    pub ap: Option<f64>,
    /// At IoU 0.50.
    pub ap50: Option<f64>,
    /// At IoU 0.75.
    pub ap75: Option<f64>,
    /// Of objects of fewer than 32² pixels.
    pub ap_small: Option<f64>,
    /// Of 32² to 96².
    pub ap_medium: Option<f64>,
    /// Of more.
    pub ap_large: Option<f64>,
    /// The share of objects that are found among 100 detections of each class a picture, the mean
    /// over thresholds and classes.
    pub recall: Option<f64>,
    /// The first of each class.
    pub classes: Vec<Option<f64>>,
}

/// Average precision and recall at each threshold.
type Curve = Option<[(f64, f64); THRESHOLDS]>;

/// Judges what was found on pictures by what is on them; boxes in the pixels of their files.
///
/// ```text
/// AP(class, t) = 1/101 Σ_{r in 0, 0.01, ..., 1} max { precision(s) : recall(s) >= r }
/// ```
///
/// over the thresholds *s* of the score, where a detection is right if its IoU with an object that
/// no better one has taken is *t* or more. Of equal scores the earlier picture's comes first. An
/// [ignored](Object::ignored) object is as a crowd of COCO's.
///
/// # Differs from PyTorch
/// The area of an object is that of its box; COCO's own files say that of its outline, by which
/// `ap_small` to `ap_large` are then sorted there.
///
/// # References
/// T.-Y. Lin et al., *Microsoft COCO: Common Objects in Context*, 2014, and its `pycocotools`.
pub fn evaluate(truth: &[Vec<Object>], found: &[Vec<Detection>], classes: usize) -> Metrics {
    let of: Vec<[Curve; 4]> =
        (0..classes).into_par_iter().map(|class| AREAS.map(|areas| curve(truth, found, class, areas))).collect();
    let value = |areas: usize, read: fn(&[(f64, f64); THRESHOLDS]) -> f64| -> Option<f64> {
        let all: Vec<f64> = of.iter().filter_map(|class| class[areas].as_ref().map(read)).collect();
        (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
    };
    Metrics {
        ap: value(0, precision),
        ap50: value(0, |all| all[0].0),
        ap75: value(0, |all| all[5].0),
        ap_small: value(1, precision),
        ap_medium: value(2, precision),
        ap_large: value(3, precision),
        recall: value(0, |all| all.iter().map(|(_, recall)| recall).sum::<f64>() / THRESHOLDS as f64),
        classes: of.iter().map(|class| class[0].as_ref().map(precision)).collect(),
    }
}

/// The mean over all thresholds.
fn precision(all: &[(f64, f64); THRESHOLDS]) -> f64 {
    all.iter().map(|(precision, _)| precision).sum::<f64>() / THRESHOLDS as f64
}

/// A threshold as numpy's `linspace` has it.
fn threshold(number: usize) -> f64 {
    number as f64 * ((0.95 - 0.5) / 9.0) + 0.5
}

fn curve(truth: &[Vec<Object>], found: &[Vec<Detection>], class: usize, areas: Areas) -> Curve {
    let mut scored: Vec<(f32, [Outcome; THRESHOLDS])> = Vec::new();
    let mut objects = 0;
    for (truth, found) in truth.iter().zip(found) {
        let mut mine: Vec<&Detection> = found.iter().filter(|found| found.class == class).collect();
        mine.sort_by(|a, b| b.score.total_cmp(&a.score));
        mine.truncate(MOST);
        let boxes: Vec<BBox> = mine.iter().map(|found| found.bbox).collect();
        let wanted = truth.iter().filter(|object| object.class == class);
        let wanted: Vec<(BBox, bool)> = wanted.map(|object| (object.bbox, object.ignored)).collect();
        let mut all = vec![[Outcome::Ignored; THRESHOLDS]; mine.len()];
        let mut to_find = 0;
        for number in 0..THRESHOLDS {
            let (outcomes, count) = outcomes(&boxes, &wanted, areas, threshold(number));
            all.iter_mut().zip(outcomes).for_each(|(all, outcome)| all[number] = outcome);
            to_find = count;
        }
        objects += to_find;
        scored.extend(mine.iter().map(|found| found.score).zip(all));
    }
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let mut curve = [(0.0, 0.0); THRESHOLDS];
    for (number, place) in curve.iter_mut().enumerate() {
        let outcomes: Vec<Outcome> = scored.iter().map(|(_, outcomes)| outcomes[number]).collect();
        *place = average_precision(&outcomes, objects)?;
    }
    Some(curve)
}
