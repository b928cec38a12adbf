//! Slide 20: gradients of mini-batches are noisy.

use taper_nn::Mode;
use taper_report::draw::{Axis, Chart, Look, Series};
use taper_report::landscape::{Function, Walk};
use taper_tensor::{Rng, backward, cross_entropy};

use crate::claim::{Check, Claim, Slides, Table};
use crate::draws::paths;
use crate::error::GalleryError;
use crate::math::{exponent, mean};
use crate::nets::{Net, Set};
use crate::setting::Setting;
use crate::shapes::{Look as Shape, pictures};

pub(super) fn run(setting: &Setting) -> Result<Vec<Claim>, GalleryError> {
    Ok(vec![floor(setting)?, batches(setting)?])
}

fn floor(setting: &Setting) -> Result<Claim, GalleryError> {
    let function = Function::Quadratic { condition: 5.0 };
    let walk = Walk { steps: 400, noise: 0.5, seed: setting.seed, ..Walk::default() };
    let (_, svg) = paths(&function, "sgd=0.2,momentum=0.02", Walk { steps: 100, ..walk })?;
    let mut table = Table::of(["rate", "mean loss of the last half with noise", "without"]);
    let (mut floors, mut clean) = (Vec::new(), Vec::new());
    for rate in [0.2, 0.1, 0.05, 0.025] {
        // The end of a path, several times over.
        let tail = |noise: f64| -> Result<f64, GalleryError> {
            let mut ends = Vec::new();
            for seed in 0..8 {
                let walk = Walk { noise, seed: walk.seed + seed, ..walk };
                let (all, _) = paths(&function, &format!("sgd={rate}"), walk)?;
                ends.push(mean(&all[0].losses[200..]));
            }
            Ok(mean(&ends))
        };
        let (noisy, quiet) = (tail(0.5)?, tail(0.0)?);
        table.row(format!("{rate}"), [noisy, quiet]);
        floors.push([rate, noisy]);
        clean.push(quiet);
    }
    let chart = Chart {
        title: "Where a noisy descent comes to rest".into(),
        x: Axis::log("learning rate"),
        y: Axis::log("mean loss of the last 200 steps"),
        series: vec![Series::new("noise 0.5 on each element", Look::Both, floors.clone())],
    };
    Ok(Claim::new(
        Slides(20, 20),
        "With noise a path wanders, and stops falling above the minimum",
        "Each gradient has normal noise on it, as that of a mini-batch has. The path meanders, and at a constant rate \
         the loss comes down to a floor that is about proportional to the rate: a reason to let the rate decay.",
    )
    .by("taper optimize --on quadratic --condition 5 --rules sgd=0.2,momentum=0.02 --noise 0.5 --svg noise.svg")
    .with_svg(svg)
    .with(&chart)?
    .and(table)
    .expects(Check::at_least(
        "floor at rate 0.1, beside the loss without noise",
        floors[1][1] / clean[1].max(1e-12),
        100.0,
    ))
    .expects(Check::within("the power of the rate that the floor grows by", exponent(&floors), 0.8, 1.5)))
}

fn batches(setting: &Setting) -> Result<Claim, GalleryError> {
    let rng = Rng::new(setting.seed).fork("noise");
    let set = Set::maps(&pictures(512, Shape::plain(), &rng.fork("pictures")))?.rows()?;
    let net = Net::mlp(&rng, 1200, &[32], set.classes)?;
    let gradient = |which: &[usize]| -> Result<Vec<f64>, GalleryError> {
        let (x, targets) = set.some(which)?;
        let grads = backward(&cross_entropy(&net.forward(&x, Mode::Train(&rng))?, &targets)?)?;
        let mut all = Vec::new();
        for (_, var) in net.params.trainables() {
            if let Some(gradient) = grads.get(&var) {
                all.extend(gradient.flatten_all()?.to_vec1::<f32>()?.into_iter().map(f64::from));
            }
        }
        Ok(all)
    };
    let whole = gradient(&(0..set.len()).collect::<Vec<_>>())?;
    let length = whole.iter().map(|g| g * g).sum::<f64>().sqrt();
    let mut table = Table::of(["batch", "distance from the full gradient, in lengths of it"]);
    let mut points = Vec::new();
    for batch in [4, 16, 64, 256] {
        let mut distances = Vec::new();
        for draw in 0..12 {
            let mut rng = rng.fork("batch").at(batch as u64).at(draw);
            let which: Vec<usize> = (0..batch).map(|_| rng.below(set.len())).collect();
            let own = gradient(&which)?;
            let off = own.iter().zip(&whole).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
            distances.push(off);
        }
        let distance = mean(&distances).sqrt() / length;
        table.row(batch.to_string(), [distance]);
        points.push([batch as f64, distance]);
    }
    let chart = Chart {
        title: "Noise of a gradient on a real network".into(),
        x: Axis::log("samples in the batch"),
        y: Axis::log("distance / length of the full gradient"),
        series: vec![Series::new("", Look::Both, points.clone())],
    };
    Ok(Claim::new(
        Slides(20, 20),
        "The noise of a mini-batch falls with the root of its size",
        "The gradient of a small network over mini-batches drawn at random, beside that over all 512 pictures.",
    )
    .with(&chart)?
    .and(table)
    .expects(Check::within("the power of the batch that the distance changes by", exponent(&points), -0.6, -0.4)))
}
