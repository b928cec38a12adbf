//! Average precision as `pycocotools` computes it.

use serde_json::Value;
use taper_detect::boxes::BBox;
use taper_detect::data::Object;
use taper_detect::evaluate::evaluate;
use taper_detect::model::Detection;

use crate::golden_file::{golden, numbers};

fn bbox(entry: &Value) -> BBox {
    let [x, y, width, height] = <[f64; 4]>::try_from(numbers(&entry["box"])).unwrap().map(|edge| edge as f32);
    BBox::of_size(x, y, width, height)
}

fn place(entry: &Value, name: &str) -> usize {
    entry[name].as_u64().unwrap() as usize
}

#[test]
fn every_figure_is_cocos() {
    for case in golden("coco_precision.json").as_array().unwrap() {
        let (pictures, classes) = (place(case, "pictures"), place(case, "classes"));
        let (mut truth, mut found) = (vec![Vec::new(); pictures], vec![Vec::new(); pictures]);
        for entry in case["truth"].as_array().unwrap() {
            let ignored = place(entry, "crowd") == 1;
            truth[place(entry, "picture")].push(Object { bbox: bbox(entry), class: place(entry, "class"), ignored });
        }
        for entry in case["found"].as_array().unwrap() {
            let score = entry["score"].as_f64().unwrap() as f32;
            found[place(entry, "picture")].push(Detection { bbox: bbox(entry), class: place(entry, "class"), score });
        }
        let got = evaluate(&truth, &found, classes);
        let stats = numbers(&case["stats"]);
        let same = |got: Option<f64>, wanted: f64| match got {
            None => wanted == -1.0,
            Some(got) => (got - wanted).abs() < 1e-9,
        };
        let mine = [got.ap, got.ap50, got.ap75, got.ap_small, got.ap_medium, got.ap_large];
        for (i, mine) in mine.into_iter().enumerate() {
            assert!(same(mine, stats[i]), "figure {i}: {mine:?}, wanted {}", stats[i]);
        }
        assert!(same(got.recall, stats[8]), "recall: {:?}, wanted {}", got.recall, stats[8]);
        for (class, wanted) in case["each"].as_array().unwrap().iter().enumerate() {
            assert!(same(got.classes[class], wanted.as_f64().unwrap_or(-1.0)), "class {class}: {:?}", got.classes);
        }
    }
}

#[test]
fn what_is_perfect_is_one_and_nothing_to_find_is_none() {
    let bbox = BBox::new(10.0, 10.0, 60.0, 50.0);
    let truth = vec![vec![Object { bbox, class: 0, ignored: false }]];
    let found = vec![vec![Detection { bbox, class: 0, score: 0.5 }]];
    let metrics = evaluate(&truth, &found, 2);
    assert!((metrics.ap.unwrap() - 1.0).abs() < 1e-9 && metrics.ap_small.is_none());
    assert_eq!(metrics.classes[1], None);
    assert_eq!(evaluate(&truth, &[vec![]], 2).ap, Some(0.0));
}
