//! Slide 11: watching a training.

use taper_report::draw::{Axis, Chart, Look, Series};
use taper_tensor::Rng;

use crate::claim::{Check, Claim, Slides, Table};
use crate::error::GalleryError;
use crate::nets::{Net, Plan, Set, smooth, train};
use crate::setting::Setting;
use crate::shapes::{Look as Shape, pictures};

pub(super) fn run(setting: &Setting) -> Result<Vec<Claim>, GalleryError> {
    let rng = Rng::new(setting.seed).fork("check");
    let set = Set::maps(&pictures(16, Shape::default(), &rng.fork("pictures")))?;
    let net = Net::cnn(&rng, 8, set.classes)?;
    let [first, _] = net.evaluate(&set)?;
    let steps = setting.many(240).max(120);
    let losses = train(&net, &set, Plan::adam(0.01, steps)?, &rng)?;
    let [end, accuracy] = net.evaluate(&set)?;
    let mut table = Table::of(["learning rate", "first loss", "last loss", "steps made"]);
    let mut series = vec![Series::new("16 pictures, learned by heart", Look::Line, smooth(&losses))];
    let mut ends = Vec::new();
    for (name, lr) in [("1e-6, hardly moves", 1e-6), ("1e6, breaks", 1e6)] {
        let net = Net::cnn(&rng, 8, set.classes)?;
        let losses = train(&net, &set, Plan::momentum(lr, 60)?, &rng)?;
        let last = losses.last().copied().unwrap_or(f64::NAN);
        table.row(name, [losses[0], last, losses.len() as f64]);
        ends.push([losses[0], last, losses.len() as f64]);
        if lr < 1.0 {
            series.push(Series::new("rate 1e-6", Look::Line, smooth(&losses)));
        }
    }
    let chart = Chart { title: "What to look at first".into(), x: Axis::new("step"), y: Axis::new("loss"), series };
    let guess = (set.classes as f64).ln();
    Ok(vec![
        Claim::new(
            Slides(11, 11),
            "Before the long training: three looks",
            "The first loss is that of guessing, the logarithm of the number of classes. A few pictures can be learned \
             by heart, or something is wrong. A loss that hardly moves is a rate too low; one that leaves the numbers \
             is a rate too high.",
        )
        .by("taper check DATA")
        .with(&chart)?
        .and(table)
        .expects(Check::within("first loss beside that of guessing", first / guess, 0.95, 1.05))
        .expects(Check::at_most("loss of 16 pictures learned by heart", end, 0.05))
        .expects(Check::within("share of them that are right", accuracy, 1.0, 1.0))
        .expects(Check::at_least("last loss at rate 1e-6, beside the first", ends[0][1] / ends[0][0], 0.98))
        .expects(Check::at_most("steps before a rate of 1e6 breaks the training", ends[1][2], 59.0)),
    ])
}
