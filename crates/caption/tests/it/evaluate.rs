//! BLEU and CIDEr-D beside COCO's own code.

use taper_caption::evaluate::{Judged, Metrics, bleu, cider};

use crate::golden_file::{assert_close, golden, numbers, words};

#[test]
fn scores_are_those_of_cocos_code() {
    for case in golden("coco_captions.json").as_array().unwrap() {
        let (said, name) = (words(&case["said"]), case["name"].as_str().unwrap());
        let references = case["references"].as_array().unwrap().iter().map(words);
        let all: Vec<Judged> =
            said.into_iter().zip(references).map(|(said, references)| Judged { said, references }).collect();
        assert_close(&bleu(&all), &numbers(&case["bleu"]), 1e-12, &format!("BLEU of {name}"));
        let (mean, each) = cider(&all);
        assert_close(&each, &numbers(&case["each"]), 1e-12, &format!("CIDEr-D of {name}"));
        assert_close(&[mean], &[case["cider"].as_f64().unwrap()], 1e-12, name);
        assert_eq!((Metrics::of(&all).bleu, Metrics::of(&all).cider), (bleu(&all), mean));
    }
}

#[test]
fn nothing_is_judged_without_a_panic() {
    assert!(bleu(&[]).iter().all(|score| score.is_finite()));
    assert_eq!(cider(&[]), (0.0, vec![]));
    let empty = [Judged::default()];
    assert!(bleu(&empty).iter().all(|score| score.is_finite()));
    assert_eq!(cider(&empty).1, [0.0]);
}
