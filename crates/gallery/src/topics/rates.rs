//! Slides 39 to 42: learning rates and their decay.

use taper_optim::{Adam, AdamConfig, Constant, MultiStep, Schedule};
use taper_report::draw::{Axis, Chart, Look, Series};
use taper_report::landscape::{draw_schedules, schedules};
use taper_tensor::Rng;

use crate::claim::{Check, Claim, Slides, Table};
use crate::error::GalleryError;
use crate::math::mean;
use crate::nets::{Net, Plan, Set, smooth, train};
use crate::setting::Setting;
use crate::shapes::{Look as Shape, pictures};

pub(super) fn run(setting: &Setting) -> Result<Vec<Claim>, GalleryError> {
    let rng = Rng::new(setting.seed).fork("rates");
    let set = Set::maps(&pictures(4096, Shape { noise: 100.0, ..Shape::plain() }, &rng.fork("pictures")))?;
    let [decay, critical] = decays(&set, setting, &rng)?;
    Ok(vec![several(&set, setting, &rng)?, curves()?, decay, critical])
}

/// A training of the small convolutional network: the loss of every step.
fn course(set: &Set, rng: &Rng, plan: Plan<'_>) -> Result<Vec<f64>, GalleryError> {
    train(&Net::cnn(rng, 8, set.classes)?, set, plan, rng)
}

/// The mean of the last tenth; the loss of guessing where the training broke.
fn last(losses: &[f64], steps: usize) -> f64 {
    if losses.len() < steps {
        return f64::INFINITY;
    }
    mean(&losses[losses.len() - (losses.len() / 10).max(1)..])
}

fn several(set: &Set, setting: &Setting, rng: &Rng) -> Result<Claim, GalleryError> {
    let steps = setting.many(400);
    let mut table = Table::of(["learning rate", "loss of the first tenth", "of the last tenth"]);
    let (mut series, mut ends) = (Vec::new(), Vec::new());
    for (name, lr) in [("low: 1e-4", 1e-4), ("good: 0.02", 0.02), ("high: 0.3", 0.3), ("very high: 10", 10.0)] {
        let losses = course(set, rng, Plan::momentum(lr, steps)?)?;
        let first = mean(&losses[..(steps / 10).clamp(1, losses.len())]);
        let end = last(&losses, steps);
        table.row(name, [first, end]);
        ends.push(end);
        series.push(Series::new(name, Look::Line, smooth(&losses)));
    }
    let chart = Chart {
        title: "Loss under four learning rates".into(),
        x: Axis::new("step"),
        y: Axis::new("training loss").within(0.0, 3.0),
        series,
    };
    let guess = (set.classes as f64).ln();
    Ok(Claim::new(
        Slides(39, 39),
        "The learning rate is the setting that matters",
        "A small convolutional network learns eight shapes with momentum. Too low a rate hardly moves the loss, a good \
         one brings it down, one too high stops early at a higher loss, and a very high one breaks the training.",
    )
    .by("taper lr-find DATA --model small_cnn --svg rates.svg")
    .with(&chart)?
    .and(table)
    .expects(Check::at_least("loss at the low rate, beside that of guessing", ends[0] / guess, 0.8))
    .expects(Check::at_most("loss at the good rate, beside that of guessing", ends[1] / guess, 0.7))
    .expects(Check::at_least("loss at the high rate beside the good one", ends[2] / ends[1], 1.0))
    .expects(Check::at_least("loss at the very high rate beside that of guessing", ends[3] / guess, 0.95)))
}

fn curves() -> Result<Claim, GalleryError> {
    let all = schedules("step-decay,exponential,inverse-time", 100)?;
    let at = |which: usize, step: usize| all[which].factors[step];
    let svg = draw_schedules(&all)?;
    Ok(Claim::new(
        Slides(40, 40),
        "Three ways to decay",
        "By steps, half of the rate every so many steps; exponential, η₀e⁻ᵏᵗ; by one over time, η₀/(1 + kt).",
    )
    .by("taper optimize --schedules step-decay,exponential,inverse-time --steps 100 --svg decay.svg")
    .with_wide(svg)
    .expects(Check::within("step decay at step 25", at(0, 25), 0.5, 0.5))
    .expects(Check::within("exponential at step 20, beside e⁻¹", at(1, 20) / (-1f64).exp(), 0.999, 1.001))
    .expects(Check::within("1/t decay at step 10", at(2, 10), 0.4999, 0.5001)))
}

fn decays(set: &Set, setting: &Setting, rng: &Rng) -> Result<[Claim; 2], GalleryError> {
    let steps = setting.many(900);
    let cut = MultiStep::new(vec![steps as u64 * 6 / 10, steps as u64 * 8 / 10], 0.1)?;
    let mut table = Table::of(["rule", "constant rate", "decay by steps", "what decay is worth"]);
    let (mut charts, mut gains) = (Vec::new(), Vec::new());
    for name in ["SGD + momentum", "Adam"] {
        let mut series = Vec::new();
        let mut ends = Vec::new();
        for (label, schedule) in [("constant", &Constant as &dyn Schedule), ("decay", &cut)] {
            // A seed changes more than decay does: the mean of three.
            let (mut curve, mut end) = (Vec::new(), Vec::new());
            for seed in 0..3 {
                let rng = rng.at(seed);
                let plan = match name {
                    "Adam" => Plan::by(Adam::new(AdamConfig::default())?, 0.003, steps)?,
                    _ => Plan::momentum(0.05, steps)?,
                };
                let losses = course(set, &rng, Plan { schedule, ..plan })?;
                end.push(last(&losses, steps));
                curve = if curve.is_empty() { losses } else { sum(&curve, &losses) };
            }
            let curve: Vec<f64> = curve.iter().map(|loss| loss / 3.0).collect();
            series.push(Series::new(label, Look::Line, smooth(&curve)));
            ends.push(mean(&end));
        }
        table.row(name, [ends[0], ends[1], ends[0] / ends[1]]);
        gains.push(ends[0] / ends[1]);
        charts.push(Chart {
            title: format!("{name}, with decay and without"),
            x: Axis::new("step"),
            y: Axis::log("training loss, mean of three seeds"),
            series,
        });
    }
    let decay = Claim::new(
        Slides(41, 41),
        "Where the rate decays, the loss falls once more",
        "The rate is divided by ten after six and after eight tenths of the training. At each cut the loss drops: what \
         is left of the way is too fine for the higher rate.",
    )
    .with(&charts[0])?
    .expects(Check::at_least("loss at a constant rate over that with decay, SGD + momentum", gains[0], 1.1));
    let critical = Claim::new(
        Slides(42, 42),
        "Decay is more critical with momentum than with Adam",
        "The same decay for both rules: by how much does it lower the last loss?",
    )
    .with(&charts[1])?
    .and(table)
    .expects(
        Check::at_least(
            "what decay is worth to SGD + momentum beside what it is worth to Adam",
            gains[0] / gains[1],
            1.0,
        )
        .or("on this small network both gain, and Adam, whose steps stay as long as its rate, gains as much"),
    );
    Ok([decay, critical])
}

fn sum(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}
