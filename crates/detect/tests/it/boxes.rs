//! Boxes as torchvision has them.

use taper_detect::boxes::{BBox, Coder, batched_nms, iou_matrix, nms};

use crate::golden_file::{assert_close, boxes, golden, numbers, places};

fn edges(boxes: &[BBox]) -> Vec<f64> {
    boxes.iter().flat_map(BBox::edges).map(f64::from).collect()
}

#[test]
fn overlaps_clipping_and_suppression_are_torchvisions() {
    let golden = &golden("torchvision_ops.json")["boxes"];
    let (a, b) = (boxes(&golden["a"]), boxes(&golden["b"]));
    let iou: Vec<f64> = iou_matrix(&a, &b).concat().into_iter().map(f64::from).collect();
    assert_close(&iou, &numbers(&golden["iou"]), 1e-5, "IoU");
    let clipped: Vec<BBox> = a.iter().map(|a| a.clipped(50.0, 40.0)).collect();
    assert_close(&edges(&clipped), &numbers(&golden["clipped"]), 1e-5, "clipped");
    let large: Vec<usize> = (0..clipped.len()).filter(|&i| clipped[i].is_at_least(12.0)).collect();
    assert_eq!(large, places(&golden["large"]));
    let scores: Vec<f32> = numbers(&golden["scores"]).into_iter().map(|score| score as f32).collect();
    assert_eq!(nms(&a, &scores, 0.3), places(&golden["nms"]));
    assert_eq!(batched_nms(&a, &scores, &places(&golden["classes"]), 0.3), places(&golden["batched_nms"]));
}

#[test]
fn deltas_are_torchvisions_both_ways() {
    let golden = &golden("torchvision_ops.json")["boxes"];
    let (a, b) = (boxes(&golden["a"]), boxes(&golden["b"]));
    for (name, coder) in [("proposals", Coder::PROPOSALS), ("head", Coder::HEAD)] {
        let coded = &golden["coded"][name];
        let encoded: Vec<f64> = a.iter().zip(&b).flat_map(|(a, b)| coder.encode(a, b)).map(f64::from).collect();
        assert_close(&encoded, &numbers(&coded["encoded"]), 1e-4, name);
        let deltas = boxes(&golden["deltas"]);
        let decoded: Vec<BBox> = a.iter().zip(&deltas).map(|(a, d)| coder.decode(a, d.edges())).collect();
        assert_close(&edges(&decoded), &numbers(&coded["decoded"]), 1e-4, name);
    }
}

#[test]
fn boxes_are_matched_to_objects_as_in_torchvision() {
    use taper_detect::model::{Match, Thresholds, matched};
    let golden = &golden("torchvision_ops.json")["boxes"];
    let (anchors, objects) = (boxes(&golden["a"]), boxes(&golden["b"]));
    for (name, thresholds) in [
        ("proposals", Thresholds { high: 0.3, low: 0.15, keep_best: true }),
        ("head", Thresholds { high: 0.3, low: 0.3, keep_best: false }),
    ] {
        let code = |found: &Match| match found {
            Match::Object(object) => *object as f64,
            Match::Background => -1.0,
            Match::Neither => -2.0,
        };
        let got: Vec<f64> = matched(&anchors, &objects[..6], &[], thresholds).iter().map(code).collect();
        assert_eq!(got, numbers(&golden["matches"][name]), "{name}");
    }
}
