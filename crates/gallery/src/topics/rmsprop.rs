//! Slides 32 and 33: RMSProp.

use taper_report::draw::{Axis, Chart, Look, Series};
use taper_report::landscape::{Function, Walk};

use crate::claim::{Check, Claim, Slides, Table};
use crate::draws::{end, paths};
use crate::error::GalleryError;
use crate::setting::Setting;

pub(super) fn run(_: &Setting) -> Result<Vec<Claim>, GalleryError> {
    let function = Function::Quadratic { condition: 50.0 };
    let (all, svg) = paths(&function, "sgd,momentum,rmsprop,adagrad", Walk::default())?;
    let mut table = Table::of(["rule", "loss at the end", "furthest past the minimum along x"]);
    let past = |which: usize| all[which].points.iter().map(|point| point[0]).fold(0.0, f64::max);
    for (which, path) in all.iter().enumerate() {
        table.row(path.name.clone(), [end(path), past(which)]);
    }
    // A long way: the rate that AdaGrad has left is too little.
    let far = Walk { steps: 600, start: Some([-2.3, 0.85]), ..Walk::default() };
    let (long, _) = paths(&Function::Rosenbrock, "adagrad=0.05,rmsprop=0.005", Walk { start: None, ..far })?;
    let lengths = |which: usize| {
        let steps = long[which].points.windows(2).map(|pair| (pair[1][0] - pair[0][0]).hypot(pair[1][1] - pair[0][1]));
        (1..).zip(steps).map(|(step, length)| [f64::from(step), length]).collect::<Vec<_>>()
    };
    let chart = Chart {
        title: "Length of the steps along a bent ravine".into(),
        x: Axis::log("step"),
        y: Axis::log("length"),
        series: vec![
            Series::new("AdaGrad, 0.05", Look::Line, lengths(0)),
            Series::new("RMSProp, 0.005", Look::Line, lengths(1)),
        ],
    };
    let way = |which: usize| {
        let points = &long[which].points;
        let last = points.len() - 1;
        let step = |k: usize| (points[k][0] - points[k - 1][0]).hypot(points[k][1] - points[k - 1][1]);
        step(last) / step(1)
    };
    Ok(vec![
        Claim::new(
            Slides(32, 32),
            "RMSProp is AdaGrad that forgets",
            "The sum of squares becomes a running mean: what was long ago no longer counts. Six hundred steps along a \
             bent ravine: the steps of AdaGrad have shrunk more than those of RMSProp.",
        )
        .by("taper optimize --on rosenbrock --rules adagrad=0.05,rmsprop=0.005 --steps 600 --svg forget.svg")
        .with(&chart)?
        .expects(Check::at_least(
            "last over first step of RMSProp, beside the same of AdaGrad",
            way(1) / way(0),
            2.0,
        )),
        Claim::new(
            Slides(33, 33),
            "Momentum overshoots and comes back, RMSProp bends its path",
            "Four rules in a ravine. Momentum runs past the minimum; RMSProp turns toward it at once, as all elements \
             make progress at an equal pace.",
        )
        .by("taper optimize --on quadratic --condition 50 --rules sgd,momentum,rmsprop,adagrad --svg rmsprop.svg")
        .with_svg(svg)
        .and(table)
        .expects(Check::at_least("how far momentum runs past the minimum", past(1), 0.05))
        .expects(Check::at_most("the same of RMSProp", past(2), 0.05)),
    ])
}
