//! Slides 54 to 57: ensembles, snapshots, averages of weights.

use taper_optim::{Average, Averaging, Cosine, Schedule, SnapshotCycles};
use taper_report::draw::{Axis, Chart, Look, Series};
use taper_tensor::Rng;

use crate::claim::{Check, Claim, Slides, Table};
use crate::error::GalleryError;
use crate::math::mean;
use crate::nets::{Net, Plan, Set, fit, score, train};
use crate::setting::Setting;
use crate::shapes::{Look as Shape, pictures};

/// Networks of an ensemble, and cycles of a training.
const MEMBERS: usize = 5;

/// The pictures, and how they are learned.
struct Study {
    train: Set,
    val: Set,
    rng: Rng,
}

type Answers = Vec<Vec<f64>>;

/// The mean of several answers to the same pictures.
fn together(all: &[Answers]) -> Answers {
    let mut sum = all[0].clone();
    for answers in &all[1..] {
        for (row, other) in sum.iter_mut().zip(answers) {
            row.iter_mut().zip(other).for_each(|(a, b)| *a += b);
        }
    }
    sum.iter_mut().flatten().for_each(|value| *value /= all.len() as f64);
    sum
}

impl Study {
    fn new(setting: &Setting) -> Result<Self, GalleryError> {
        let rng = Rng::new(setting.seed).fork("ensembles");
        let look = Shape { noise: 70.0, turn: 0.5, ..Shape::plain() };
        let set = |name: &str, count| Set::maps(&pictures(count, look, &rng.fork(name)));
        Ok(Self { train: set("train", 640)?, val: set("val", 1600)?, rng })
    }

    /// The answers of networks that begin and shuffle otherwise, each trained so long.
    fn members(&self, channels: usize, steps: usize) -> Result<Vec<Answers>, GalleryError> {
        let member = |index: usize| {
            let rng = self.rng.fork("member").at(index as u64);
            let net = Net::cnn(&rng, channels, self.train.classes)?;
            let schedule = Cosine::new(steps as u64, 0.0)?;
            train(&net, &self.train, Plan { schedule: &schedule, ..Plan::momentum(0.03, steps)? }, &rng)?;
            net.probabilities(&self.val, taper_nn::Mode::Eval)
        };
        (0..MEMBERS).map(member).collect()
    }

    fn accuracy(&self, answers: &Answers) -> f64 {
        100.0 * score(answers, &self.val.labels)[1]
    }
}

pub(super) fn run(setting: &Setting) -> Result<Vec<Claim>, GalleryError> {
    let study = Study::new(setting)?;
    Ok(vec![independent(&study, setting)?, snapshots(&study, setting)?, average(&study, setting)?])
}

fn independent(study: &Study, setting: &Setting) -> Result<Claim, GalleryError> {
    let mut table = Table::of(["channels", "steps of training", "one network, %", "five together, %", "gain, points"]);
    let (mut series, mut gains, mut found) = (Vec::new(), Vec::new(), Vec::new());
    for channels in [4, 8] {
        let mut points = Vec::new();
        for steps in [150, 400, 1000, 2400].map(|steps| setting.many(steps)) {
            let members = study.members(channels, steps)?;
            let one = mean(&members.iter().map(|answers| study.accuracy(answers)).collect::<Vec<_>>());
            let all = study.accuracy(&together(&members));
            table.row(channels.to_string(), [steps as f64, one, all, all - one]);
            points.push([steps as f64, all - one]);
            gains.push(all - one);
        }
        let two = points.iter().find(|point: &&[f64; 2]| point[1] >= 2.0);
        found.push(match two {
            Some([steps, _]) => format!("with {channels} channels 2 points appear at {steps} steps"),
            None => format!("with {channels} channels 2 points never appear"),
        });
        series.push(Series::new(format!("{channels} channels"), Look::Both, points));
    }
    let chart = Chart {
        title: "What five networks together gain".into(),
        x: Axis::log("steps of training of each"),
        y: Axis::new("accuracy above that of one, points"),
        series,
    };
    // Of the longest trainings of both sizes.
    let ends = [gains[3], gains[7]];
    let why = "networks that have learned all there is to learn make the same mistakes";
    Ok(Claim::new(
        Slides(54, 55),
        "Independent models together answer better than one",
        format!(
            "Five small convolutional networks begin with other weights and see the pictures in another order; their \
             probabilities are averaged. The lecture promises 2 points. How much it is depends on how long each is \
             trained, and on its size: here {}.",
            found.join(", ")
        ),
    )
    .by("taper ensemble run/member-0 run/member-1 DATA")
    .with(&chart)?
    .and(table)
    .expects(Check::at_least("gain of the longest trainings with 4 channels, points", ends[0], 2.0).or(why))
    .expects(Check::at_least("gain of the longest trainings with 8 channels, points", ends[1], 2.0).or(why)))
}

fn snapshots(study: &Study, setting: &Setting) -> Result<Claim, GalleryError> {
    let steps = setting.many(2400);
    let rng = study.rng.fork("snapshots");
    let net = Net::cnn(&rng, 8, study.train.classes)?;
    let cycles = SnapshotCycles::new(steps as u64, MEMBERS as u64)?;
    let mut all = Vec::new();
    let plan = Plan { schedule: &cycles, ..Plan::momentum(0.03, steps)? };
    let losses = fit(&net, &study.train, plan, &rng, &mut |step| {
        if (step * MEMBERS).is_multiple_of(steps) {
            all.push(net.probabilities(&study.val, taper_nn::Mode::Eval)?);
        }
        Ok(())
    })?;
    let mut table = Table::of(["cycles", "that snapshot, %", "all so far together, %"]);
    let (mut single, mut joint) = (Vec::new(), Vec::new());
    for count in 1..=all.len() {
        let (one, many) = (study.accuracy(&all[count - 1]), study.accuracy(&together(&all[..count])));
        table.row(count.to_string(), [one, many]);
        single.push([count as f64, one]);
        joint.push([count as f64, many]);
    }
    let gain = joint.last().map_or(f64::NAN, |p| p[1]) - single.last().map_or(f64::NAN, |p| p[1]);
    let rate = Chart {
        title: "One training, a rate that begins anew".into(),
        x: Axis::new("step"),
        y: Axis::new("learning rate, and training loss").within(0.0, 2.2),
        series: vec![
            Series::new("rate, in 0.03", Look::Line, (0..steps).map(|step| [step as f64, cycles.at(step as u64)])),
            Series::new("training loss", Look::Line, crate::nets::smooth(&losses)),
        ],
    };
    let chart = Chart {
        title: "Snapshots, alone and together".into(),
        x: Axis::new("cycle"),
        y: Axis::new("validation accuracy, %"),
        series: vec![Series::new("the snapshot", Look::Both, single), Series::new("all so far", Look::Both, joint)],
    };
    Ok(Claim::new(
        Slides(56, 56),
        "Snapshots of one training are an ensemble too",
        "The rate falls to zero and begins anew five times; the network at the end of each cycle is kept. Together \
         they answer better than the last alone, for the price of one training.",
    )
    .by("taper train DATA --schedule snapshot_cycles --snapshot-cycles 5 --out run")
    .with(&rate)?
    .with(&chart)?
    .and(table)
    .expects(
        Check::at_least("five snapshots together above the last, points", gain, 0.2)
            .or("later snapshots lie so close to each other that their mean says what the last one says"),
    ))
}

fn average(study: &Study, setting: &Setting) -> Result<Claim, GalleryError> {
    let steps = setting.many(1000);
    let (mut plain, mut averaged) = (Vec::new(), Vec::new());
    let mut ends = [Vec::new(), Vec::new()];
    for seed in 0..3u64 {
        let rng = study.rng.fork("average").at(seed);
        let net = Net::cnn(&rng, 8, study.train.classes)?;
        // A rate that stays high: the weights wander around a minimum.
        let decay = Averaging::Exponential { decay: 0.98, warm_up: true };
        let mut average = Average::new(net.params.trainables(), decay)?;
        fit(&net, &study.train, Plan::momentum(0.05, steps)?, &rng, &mut |step| {
            average.update()?;
            if step % (steps / 10).max(1) == 0 {
                let now = 100.0 * net.evaluate(&study.val)?[1];
                average.swap()?;
                let mean = 100.0 * net.evaluate(&study.val)?[1];
                average.swap()?;
                if seed == 0 {
                    plain.push([step as f64, now]);
                    averaged.push([step as f64, mean]);
                }
                ends[0].push(now);
                ends[1].push(mean);
            }
            Ok(())
        })?;
    }
    let [now, mean_of] = ends.map(|all| mean(&all[all.len() / 2..]));
    let mut table = Table::of(["weights", "validation accuracy of the second half, %"]);
    table.row("of the step", [now]);
    table.row("their moving average", [mean_of]);
    let chart = Chart {
        title: "The weights of a step, and their average".into(),
        x: Axis::new("step"),
        y: Axis::new("validation accuracy, %"),
        series: vec![
            Series::new("of the step", Look::Both, plain),
            Series::new("moving average", Look::Both, averaged),
        ],
    };
    Ok(Claim::new(
        Slides(57, 57),
        "An average of the weights answers better than the last ones",
        "The rate stays high, so the weights wander. Their exponential average (Polyak) lies in the middle of it, and \
         is tested in their place.",
    )
    .by("taper train DATA --average ema --out run")
    .with(&chart)?
    .and(table)
    .expects(Check::at_least("what the average gains, points", mean_of - now, 0.3)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_answers_is_taken_picture_by_picture() {
        let mean = together(&[vec![vec![1.0, 0.0]], vec![vec![0.5, 0.5]]]);
        assert_eq!(mean, [[0.75, 0.25]]);
    }
}
