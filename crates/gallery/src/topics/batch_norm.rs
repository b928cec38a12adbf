//! Slide 10: what batch normalization buys.

use taper_nn::{Activation, Initialization};
use taper_optim::{Sgd, SgdConfig};
use taper_report::draw::{Axis, Chart, Look, Series};
use taper_tensor::Rng;

use crate::claim::{Check, Claim, Slides, Table};
use crate::error::GalleryError;
use crate::math::mean;
use crate::nets::{Net, Plan, Set, smooth, train};
use crate::setting::Setting;
use crate::shapes::{Look as Shape, pictures};

const DEPTH: usize = 10;
const WIDTH: usize = 48;
const SCALES: [f64; 3] = [0.2, 1.0, 2.0];
const RATES: [f64; 4] = [0.003, 0.03, 0.3, 1.0];

/// Ten hidden layers whose first weights are He's times a scale.
fn net(rng: &Rng, scale: f64, norm: bool, classes: usize) -> Result<Net, GalleryError> {
    let (mut net, mut width) = (Net::new(rng), 1200);
    for _ in 0..DEPTH {
        let init = Initialization::Normal(scale * (2.0 / width as f64).sqrt());
        net = net.linear([width, WIDTH], init, Activation::Relu)?;
        if norm {
            net = net.norm(WIDTH)?;
        }
        net = net.then(Activation::Relu);
        width = WIDTH;
    }
    net.linear([width, classes], Initialization::HeFanIn, Activation::Relu)
}

pub(super) fn run(setting: &Setting) -> Result<Vec<Claim>, GalleryError> {
    let rng = Rng::new(setting.seed).fork("batch norm");
    let set = Set::maps(&pictures(512, Shape::plain(), &rng.fork("pictures")))?.rows()?;
    let steps = setting.many(600);
    let guess = (set.classes as f64).ln();
    let mut table = Table::of(["network", "rate 0.003", "0.03", "0.3", "1"]);
    let (mut trained, mut series) = ([0.0; 2], Vec::new());
    for (which, norm) in [false, true].into_iter().enumerate() {
        for scale in SCALES {
            let mut ends = Vec::new();
            for lr in RATES {
                let net = net(&rng, scale, norm, set.classes)?;
                let sgd = Sgd::new(SgdConfig { momentum: 0.9, ..SgdConfig::default() })?;
                let losses = train(&net, &set, Plan::by(sgd, lr, steps)?, &rng)?;
                let broken = losses.len() < steps || losses.iter().any(|loss| !loss.is_finite());
                let end = if broken { f64::INFINITY } else { mean(&losses[losses.len() - (steps / 10).max(1)..]) };
                trained[which] += f64::from(u8::from(end < 0.8 * guess));
                ends.push(end);
                if lr == 0.03 {
                    let name = format!("{}, scale {scale}", if norm { "with" } else { "without" });
                    series.push(Series::new(name, Look::Line, smooth(&losses)));
                }
            }
            let name = format!("{} batch norm, scale {scale}", if norm { "with" } else { "without" });
            table.row(name, ends);
        }
    }
    let all = (SCALES.len() * RATES.len()) as f64;
    let chart = Chart {
        title: "Ten hidden layers, rate 0.03".into(),
        x: Axis::new("step"),
        y: Axis::new("training loss").within(0.0, 3.0),
        series,
    };
    Ok(vec![
        Claim::new(
            Slides(10, 10),
            "Batch norm trains where plain layers do not",
            "Ten hidden layers, with and without batch normalization, with first weights that are a fifth of He's, his, \
             and twice his, at four rates. The table has the loss at the end; guessing gives 2.08, and ∞ is a training \
             that broke.",
        )
        .with(&chart)?
        .and(table)
        .expects(Check::at_least("share of 12 trainings with batch norm that learn", trained[1] / all, 0.7))
        .expects(Check::at_most("share without, beside it", trained[0] / trained[1], 0.7)),
    ])
}
