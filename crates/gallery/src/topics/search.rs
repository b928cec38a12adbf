//! Slide 12: searching for settings.

use taper_report::draw::{Axis, Chart, Look, Series};
use taper_tensor::Rng;

use crate::claim::{Check, Claim, Slides, Table};
use crate::error::GalleryError;
use crate::math::mean;
use crate::nets::{Net, Plan, Set, train};
use crate::setting::Setting;
use crate::shapes::{Look as Shape, pictures};

/// Trials of each search.
const TRIALS: usize = 9;
/// Ranges of the exponents of rate and weight decay.
const RATE: [f64; 2] = [-4.0, 0.0];
const DECAY: [f64; 2] = [-6.0, -3.0];

/// The exponents of rate and decay, and the loss that they lead to.
type Trial = ([f64; 2], f64);

/// Validation loss by rate and decay, both as exponents.
struct Study {
    train: Set,
    val: Set,
    steps: usize,
    rng: Rng,
}

impl Study {
    fn loss(&self, [rate, decay]: [f64; 2]) -> Result<f64, GalleryError> {
        let net = Net::mlp(&self.rng, 1200, &[24], self.train.classes)?;
        let plan = Plan { weight_decay: 10f64.powf(decay), ..Plan::momentum(10f64.powf(rate), self.steps)? };
        let losses = train(&net, &self.train, plan, &self.rng)?;
        if losses.len() < self.steps || losses.iter().any(|loss| !loss.is_finite()) {
            return Ok(5.0);
        }
        Ok(net.evaluate(&self.val)?[0].min(5.0))
    }

    /// The trials of a search: their places and losses.
    fn trials(&self, places: Vec<[f64; 2]>) -> Result<Vec<Trial>, GalleryError> {
        places.into_iter().map(|place| Ok((place, self.loss(place)?))).collect()
    }
}

fn grid() -> Vec<[f64; 2]> {
    let at = |range: [f64; 2], i: usize| range[0] + (range[1] - range[0]) * (i as f64 + 0.5) / 3.0;
    (0..TRIALS).map(|i| [at(RATE, i / 3), at(DECAY, i % 3)]).collect()
}

fn random(ranges: [[f64; 2]; 2], rng: &mut Rng) -> Vec<[f64; 2]> {
    (0..TRIALS).map(|_| ranges.map(|range| rng.uniform(range[0], range[1]))).collect()
}

fn best(trials: &[Trial]) -> Trial {
    trials.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(([0.0; 2], f64::NAN))
}

/// How many different rates were tried.
fn distinct(places: &[[f64; 2]]) -> f64 {
    let mut rates: Vec<u64> = places.iter().map(|place| place[0].to_bits()).collect();
    rates.sort_unstable();
    rates.dedup();
    rates.len() as f64
}

/// Where the trials of each search are, and what they tell about the rate.
fn charts(searches: &[(&str, &[Trial])]) -> [Chart; 2] {
    let series = |point: fn(&Trial) -> [f64; 2]| -> Vec<Series> {
        searches.iter().map(|(name, trials)| Series::new(*name, Look::Marks, trials.iter().map(point))).collect()
    };
    let chart = |title: &str, y: &str, series: Vec<Series>| Chart {
        title: title.into(),
        x: Axis::new("exponent of the learning rate"),
        y: Axis::new(y),
        series,
    };
    [
        chart("Where the trials are", "exponent of the weight decay", series(|trial| trial.0)),
        chart("What they tell about the rate", "validation loss", series(|trial| [trial.0[0], trial.1])),
    ]
}

pub(super) fn run(setting: &Setting) -> Result<Vec<Claim>, GalleryError> {
    let rng = Rng::new(setting.seed).fork("search");
    let set = |name: &str, count| Set::maps(&pictures(count, Shape::plain(), &rng.fork(name)))?.rows();
    let study =
        Study { train: set("train", 256)?, val: set("val", 256)?, steps: setting.many(300), rng: rng.fork("net") };
    let on_grid = study.trials(grid())?;
    let mut randoms = Vec::new();
    for seed in 0..setting.many(6) {
        randoms.push(study.trials(random([RATE, DECAY], &mut rng.fork("random").at(seed as u64)))?);
    }
    let (place, coarse) = best(&randoms[0]);
    let near = [[place[0] - 0.4, place[0] + 0.4], DECAY];
    let fine = study.trials(random(near, &mut rng.fork("fine")))?;
    let bests: Vec<f64> = randoms.iter().map(|trials| best(trials).1).collect();
    let mut table = Table::of(["search", "trials", "different rates", "best loss"]);
    table.row("grid 3 x 3", [9.0, distinct(&grid()), best(&on_grid).1]);
    let places: Vec<[f64; 2]> = randoms[0].iter().map(|trial| trial.0).collect();
    table.row("random, mean of several", [9.0, distinct(&places), mean(&bests)]);
    table.row("random, then random around its best", [18.0, 18.0, best(&fine).1.min(coarse)]);
    let [plane, seen] = charts(&[("grid", &on_grid[..]), ("random", &randoms[0][..]), ("fine", &fine[..])]);
    Ok(vec![
        Claim::new(
            Slides(12, 12),
            "Random rather than grid, coarse to fine",
            "Nine trials of rate and weight decay, of which the rate matters far more. A grid tries three rates three \
             times each, random places nine. Then nine more around the best of them.",
        )
        .by("taper search DATA --trials 9")
        .with(&plane)?
        .with(&seen)?
        .and(table)
        .expects(Check::at_least("different rates, random beside grid", distinct(&places) / distinct(&grid()), 3.0))
        .expects(
            Check::at_most("best loss, random beside grid", mean(&bests) / best(&on_grid).1, 1.05)
                .or("this grid has a rate near the best one, and nine draws need not"),
        )
        .expects(Check::at_most(
            "best loss after the fine search, beside the coarse",
            best(&fine).1.min(coarse) / coarse,
            1.0,
        )),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_tries_each_rate_three_times() {
        let places = grid();
        assert_eq!((places.len(), distinct(&places)), (9, 3.0));
        assert_eq!(distinct(&random([RATE, DECAY], &mut Rng::new(0))), 9.0);
    }
}
