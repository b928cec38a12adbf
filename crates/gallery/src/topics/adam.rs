//! Slides 34 to 38: Adam.

use taper_optim::{Adam, AdamConfig};
use taper_report::draw::{Axis, Chart, Look, Series};
use taper_report::landscape::{Function, Walk};
use taper_tensor::Rng;

use crate::claim::{Check, Claim, Slides, Table};
use crate::draws::{end, paths};
use crate::error::GalleryError;
use crate::math::mean;
use crate::nets::{Net, Plan, Set, train};
use crate::setting::Setting;
use crate::shapes::{Look as Shape, pictures};

pub(super) fn run(setting: &Setting) -> Result<Vec<Claim>, GalleryError> {
    Ok(vec![first()?, usual(setting)?, courses()?])
}

fn first() -> Result<Claim, GalleryError> {
    let function = Function::Quadratic { condition: 50.0 };
    let list = "adam=0.1:correct=false,adam=0.1";
    let (all, svg) = paths(&function, list, Walk { steps: 60, ..Walk::default() })?;
    let lengths = |which: usize| -> Vec<f64> {
        all[which].points.windows(2).map(|pair| (pair[1][0] - pair[0][0]).abs() / 0.1).collect()
    };
    let [without, with] = [lengths(0), lengths(1)];
    let mut table = Table::of(["step", "without correction", "with"]);
    for step in [0, 1, 2, 4, 9, 19, 49] {
        table.row((step + 1).to_string(), [without[step], with[step]]);
    }
    let points = |lengths: &[f64]| {
        lengths.iter().enumerate().map(|(step, &length)| [(step + 1) as f64, length]).collect::<Vec<_>>()
    };
    let chart = Chart {
        title: "Length of Adam's steps along x".into(),
        x: Axis::new("step"),
        y: Axis::new("length, in rates"),
        series: vec![
            Series::new("without correction", Look::Line, points(&without)),
            Series::new("with", Look::Line, points(&with)),
        ],
    };
    // (1 - β₁) / √(1 - β₂)
    let wanted = 0.1 / 0.001f64.sqrt();
    Ok(Claim::new(
        Slides(34, 36),
        "Without its correction Adam's first steps are too long",
        "Both moments begin at zero. At the first step the first moment is a tenth of the gradient, the second a \
         thousandth of its square, so without correction the step is 0.1/√0.001 = 3.2 rates long, and the next are \
         longer still. Divided by what part of them is not the zeros they began with, the first step is one rate long.",
    )
    .by("taper optimize --on quadratic --condition 50 --rules adam=0.1:correct=false,adam=0.1 --steps 60 --svg first.svg")
    .with(&chart)?
    .with_svg(svg)
    .and(table)
    .expects(Check::within("first step without correction, beside 0.1/√0.001", without[0] / wanted, 0.999, 1.001))
    .expects(Check::within("first step with correction, in rates", with[0], 0.999, 1.001)))
}

/// Adam at several rates on networks of several depths.
fn usual(setting: &Setting) -> Result<Claim, GalleryError> {
    let rng = Rng::new(setting.seed).fork("adam");
    let set = Set::maps(&pictures(512, Shape::plain(), &rng.fork("pictures")))?.rows()?;
    let rates = [3e-5, 1e-4, 5e-4, 1e-3, 1e-2, 1e-1];
    let hidden: [(&str, &[usize]); 3] =
        [("1 hidden layer", &[64]), ("2 hidden layers", &[64, 64]), ("4 hidden layers", &[64, 64, 64, 64])];
    let mut table = Table::of(["network", "3e-5", "1e-4", "5e-4", "1e-3", "1e-2", "1e-1"]);
    let (mut series, mut worst) = (Vec::new(), [0.0f64; 2]);
    for (name, hidden) in hidden {
        let mut losses = Vec::new();
        for lr in rates {
            let net = Net::mlp(&rng, 1200, hidden, set.classes)?;
            let course = train(&net, &set, Plan::by(Adam::new(AdamConfig::default())?, lr, setting.many(1000))?, &rng)?;
            losses.push(mean(&course[course.len() - course.len().min(100)..]).min(3.0));
        }
        let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
        table.row(name, losses.clone());
        worst[0] = worst[0].max(losses[3] - best);
        worst[1] = worst[1].max(losses[2] - best);
        series.push(Series::new(name, Look::Both, rates.iter().zip(&losses).map(|(&lr, &loss)| [lr, loss])));
    }
    let chart = Chart {
        title: "Adam with its usual settings".into(),
        x: Axis::log("learning rate"),
        y: Axis::new("loss of the last 100 steps, at most 3"),
        series,
    };
    let why = "so few steps favor a rate a few times higher than one for a long training";
    Ok(Claim::new(
        Slides(37, 37),
        "Adam's usual settings are a good start for many networks",
        "β₁ = 0.9, β₂ = 0.999 and a rate of 1e-3 or 5e-4. Three networks that learn eight shapes in 1000 steps: how far \
         from the best rate of each is the usual one?",
    )
    .with(&chart)?
    .and(table)
    .expects(Check::at_most("loss at 1e-3 above that of the best rate, the worst of three", worst[0], 0.3).or(why))
    .expects(Check::at_most("the same at 5e-4", worst[1], 0.3).or(why)))
}

fn courses() -> Result<Claim, GalleryError> {
    let function = Function::Quadratic { condition: 50.0 };
    let (all, svg) = paths(&function, "sgd,momentum,rmsprop,adam", Walk::default())?;
    let mut table = Table::of(["rule", "loss at the end", "furthest past the minimum along x"]);
    let past = |which: usize| all[which].points.iter().map(|point| point[0]).fold(0.0, f64::max);
    for (which, path) in all.iter().enumerate() {
        table.row(path.name.clone(), [end(path), past(which)]);
    }
    let between = |which: usize, low: usize, high: usize| (past(low)..=past(high)).contains(&past(which));
    Ok(Claim::new(
        Slides(38, 38),
        "Adam has some of momentum and some of RMSProp",
        "Four rules in a ravine. Adam is quick toward the minimum as RMSProp is, and runs past it as momentum does, \
         but less.",
    )
    .by("taper optimize --on quadratic --condition 50 --rules sgd,momentum,rmsprop,adam --svg adam.svg")
    .with_svg(svg)
    .and(table)
    .expects(Check::within(
        "1 where Adam runs past the minimum further than RMSProp and less than momentum",
        f64::from(u8::from(between(3, 2, 1))),
        1.0,
        1.0,
    )))
}
