//! The network as a whole.

use candle_core::{DType, Device, Tensor};
use taper_detect::boxes::BBox;
use taper_detect::data::{Batch, Framing, Object};
use taper_detect::model::{Anchors, Asking, Detector, DetectorCard, Pooling, Training};
use taper_tensor::{Rng, backward};

fn card(anchors: Option<Anchors>) -> DetectorCard {
    DetectorCard {
        schema: 1,
        model: "small_cnn".into(),
        stage: DetectorCard::usual_stage("small_cnn").unwrap().into(),
        anchors,
        pooling: Pooling::Align,
        pooled: 3,
        hidden: 16,
        classes: vec!["a".into(), "b".into()],
        framing: Framing { short: 64, long: 96 },
        mean: [0.5; 3],
        std: [0.25; 3],
        asking: Asking { score: 0.0, ..Asking::default() },
    }
}

fn batch(objects: Vec<Object>, proposals: Option<Vec<BBox>>) -> Batch {
    let mut rng = Rng::new(2);
    let values: Vec<f32> = (0..64 * 96 * 3).map(|_| rng.normal() as f32).collect();
    Batch {
        pixels: Tensor::from_vec(values, (1, 64, 96, 3), &Device::Cpu).unwrap(),
        sizes: vec![(90.0, 60.0)],
        objects: vec![objects.clone()],
        proposals: proposals.map(|boxes| vec![boxes]),
        scales: vec![(2.0, 2.0)],
        truth: vec![objects],
    }
}

fn shapes() -> Option<Anchors> {
    Some(Anchors { sizes: vec![16.0, 32.0], ratios: vec![1.0, 2.0] })
}

#[test]
fn a_picture_without_anything_costs_what_background_costs() {
    for (anchors, proposals) in [(shapes(), None), (None, Some(vec![]))] {
        let (detector, params) = Detector::new(&card(anchors), Rng::new(0)).unwrap();
        let batch = batch(vec![], proposals.clone());
        let losses = detector.losses(&batch, &Training::default(), &Rng::new(1)).unwrap();
        let [objectness, edges, class, boxes] = losses.numbers().unwrap();
        assert_eq!((edges, boxes), (0.0, 0.0));
        // Two outcomes are equally likely at first, and three.
        let wanted = if proposals.is_some() { [0.0, 0.0] } else { [2f64.ln(), 3f64.ln()] };
        assert!((objectness - wanted[0]).abs() < 0.1 && (class - wanted[1]).abs() < 0.2, "{objectness} {class}");
        backward(&losses.total().unwrap()).unwrap();
        if proposals.is_some() {
            assert_eq!(detector.detect(&batch, &Asking::default()).unwrap(), [vec![]]);
        }
        assert!(params.tensors().keys().any(|name| name.starts_with("roi_heads.fc6")));
    }
}

#[test]
fn every_part_that_is_trained_gets_a_gradient() {
    let (detector, params) = Detector::new(&card(shapes()), Rng::new(0)).unwrap();
    let object = Object { bbox: BBox::new(10.0, 10.0, 42.0, 44.0), class: 1, ignored: false };
    let training = Training { frozen: 1, ..Training::default() };
    let losses = detector.losses(&batch(vec![object], None), &training, &Rng::new(1)).unwrap();
    assert!(losses.numbers().unwrap().iter().all(|loss| *loss > 0.0), "{:?}", losses.numbers());
    let grads = backward(&losses.total().unwrap()).unwrap();
    for (name, var) in detector.trainables(&params, 1) {
        let grad = grads.get(&var).unwrap_or_else(|| panic!("{name} has no gradient"));
        let length = grad.sqr().unwrap().sum_all().unwrap().to_dtype(DType::F64).unwrap().to_scalar::<f64>().unwrap();
        assert!(length > 0.0 && length.is_finite(), "{name}: {length}");
    }
    let still = detector.trainables(&params, 1).len() < detector.trainables(&params, 0).len();
    assert!(still, "a frozen stage is trained");
}

#[test]
fn detections_lie_in_the_picture_and_repeat() {
    let (detector, _) = Detector::new(&card(shapes()), Rng::new(0)).unwrap();
    let found = detector.detect(&batch(vec![], None), &card(None).asking).unwrap();
    assert_eq!(found, detector.detect(&batch(vec![], None), &card(None).asking).unwrap());
    assert!(!found[0].is_empty() && found[0].len() <= 100);
    assert!(found[0].is_sorted_by(|a, b| a.score >= b.score));
    for found in &found[0] {
        // The file has half as many pixels as the slot.
        let BBox { x1, y1, x2, y2 } = found.bbox;
        assert!(x1 >= 0.0 && y1 >= 0.0 && x2 <= 45.0 && y2 <= 30.0 && found.class < 2, "{found:?}");
    }
    assert!(detector.detect(&batch(vec![], Some(vec![])), &Asking::default()).is_err());
}
