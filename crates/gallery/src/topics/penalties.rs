//! Slide 59: penalties on weights.

use candle_core::DType;
use taper_regularize::Penalty;
use taper_report::draw::{Axis, Chart, Look, Series};
use taper_tensor::Rng;

use crate::claim::{Check, Claim, Slides, Table};
use crate::error::GalleryError;
use crate::math::{deviation, histogram};
use crate::nets::{Net, Plan, Set, fit};
use crate::setting::Setting;
use crate::shapes::{Look as Shape, pictures};

const LR: f64 = 0.01;

/// A network that learned with a penalty, and its weights.
fn learned(
    data: &Set,
    steps: usize,
    (weight_decay, l1): (f64, Option<Penalty>),
    rng: &Rng,
) -> Result<(Net, Vec<f64>), GalleryError> {
    let net = Net::mlp(rng, 1200, &[48], data.classes)?;
    let weights: Vec<_> = net.params.trainables().into_iter().filter(|(_, var)| var.rank() > 1).collect();
    let plan = Plan { weight_decay, ..Plan::momentum(LR, steps)? };
    fit(&net, data, plan, rng, &mut |_| {
        if let Some(penalty) = &l1 {
            penalty.shrink(&weights, LR)?;
        }
        Ok(())
    })?;
    let mut values = Vec::new();
    for (_, var) in &weights {
        values.extend(var.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>()?);
    }
    Ok((net, values))
}

pub(super) fn run(setting: &Setting) -> Result<Vec<Claim>, GalleryError> {
    let rng = Rng::new(setting.seed).fork("penalties");
    let set = |name: &str, count| Set::maps(&pictures(count, Shape::plain(), &rng.fork(name)))?.rows();
    let (data, val) = (set("train", 256)?, set("val", 800)?);
    let mut table = Table::of([
        "penalty",
        "deviation of the weights",
        "share that are 0",
        "training accuracy",
        "validation accuracy",
    ]);
    let (mut series, mut spreads, mut zeros) = (Vec::new(), Vec::new(), Vec::new());
    let cases: [(&str, f64, Option<Penalty>); 4] = [
        ("none", 0.0, None),
        ("L2, 0.01", 0.01, None),
        ("L1, 0.005", 0.0, Some(Penalty { l1: 0.005, l2: 0.0 })),
        ("elastic net, 0.005 and 0.01", 0.01, Some(Penalty { l1: 0.005, l2: 0.0 })),
    ];
    for (name, weight_decay, l1) in cases {
        let (net, values) = learned(&data, setting.many(2400), (weight_decay, l1), &rng)?;
        let none = values.iter().filter(|&&value| value == 0.0).count() as f64 / values.len() as f64;
        table.row(name, [deviation(&values), none, net.evaluate(&data)?[1], net.evaluate(&val)?[1]]);
        // The axis of shares is logarithmic: zeros stand out, tails are seen.
        let bins = histogram(&values, [-0.15, 0.15], 41);
        series.push(Series::new(name, Look::Line, bins.into_iter().map(|[x, y]| [x, y.max(1e-5)])));
        spreads.push(deviation(&values));
        zeros.push(none);
    }
    let chart = Chart {
        title: "Weights after training".into(),
        x: Axis::new("weight"),
        y: Axis::log("share of the weights in a bin"),
        series,
    };
    Ok(vec![
        Claim::new(
            Slides(59, 59),
            "A penalty makes weights small, or zero",
            "A term is added to the loss: the sum of squares (L2) pulls large weights most and makes all of them \
             smaller; the sum of sizes (L1) pulls all alike and sets most of them to exactly zero; the elastic net \
             does both.",
        )
        .by("taper train DATA --l1 0.005 --weight-decay 0.01 --out run")
        .with(&chart)?
        .and(table)
        .expects(Check::at_most("deviation of the weights with L2 beside none", spreads[1] / spreads[0], 0.7))
        .expects(Check::at_most("share of weights that are 0 with L2", zeros[1], 0.01))
        .expects(Check::at_least("share of weights that are 0 with L1", zeros[2], 0.5))
        .expects(Check::at_least("the same with the elastic net", zeros[3], 0.5)),
    ])
}
