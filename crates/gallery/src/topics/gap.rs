//! Slide 53: the gap between training and validation.

use taper_report::draw::{Axis, Chart, Look, Series};
use taper_tensor::Rng;

use crate::claim::{Check, Claim, Slides, Table};
use crate::error::GalleryError;
use crate::nets::{Net, Plan, Set, fit};
use crate::setting::Setting;
use crate::shapes::{Look as Shape, pictures};

pub(super) fn run(setting: &Setting) -> Result<Vec<Claim>, GalleryError> {
    let rng = Rng::new(setting.seed).fork("gap");
    let set = |name: &str, count| Set::maps(&pictures(count, Shape::plain(), &rng.fork(name)))?.rows();
    let val = set("val", 800)?;
    let steps = setting.many(2400);
    let mut table = Table::of(["training pictures", "training accuracy", "validation accuracy", "gap"]);
    let (mut charts, mut gaps) = (Vec::new(), Vec::new());
    for count in [200, 1600] {
        let train = set("train", count)?;
        let net = Net::mlp(&rng, 1200, &[64], train.classes)?;
        let (mut seen, mut unseen) = (Vec::new(), Vec::new());
        fit(&net, &train, Plan::adam(0.001, steps)?, &rng, &mut |step| {
            if step % (steps / 15).max(1) == 0 {
                seen.push([step as f64, net.evaluate(&train)?[1]]);
                unseen.push([step as f64, net.evaluate(&val)?[1]]);
            }
            Ok(())
        })?;
        let (last, other) = (seen[seen.len() - 1][1], unseen[unseen.len() - 1][1]);
        table.row(count.to_string(), [last, other, last - other]);
        gaps.push(last - other);
        charts.push(Chart {
            title: format!("Accuracy, {count} training pictures"),
            x: Axis::new("step"),
            y: Axis::new("share of right answers").within(0.0, 1.05),
            series: vec![Series::new("training", Look::Both, seen), Series::new("validation", Look::Both, unseen)],
        });
    }
    Ok(vec![
        Claim::new(
            Slides(53, 53),
            "The loss that counts is that of new pictures",
            "A network with one hidden layer learns eight shapes. The optimizer brings the training accuracy close to \
             one; on pictures that it has not seen it stays behind. More pictures make the gap smaller. What follows \
             in the lecture is about this gap.",
        )
        .by("taper train DATA --out run && taper report run")
        .with(&charts[0])?
        .with(&charts[1])?
        .and(table)
        .expects(Check::at_least("gap with 200 pictures", gaps[0], 0.15))
        .expects(Check::at_most("gap with 1600 pictures beside it", gaps[1] / gaps[0], 0.9)),
    ])
}
