//! How many epochs fit into a time.

use std::ops::ControlFlow;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use taper_data::Subset;

use crate::build::memory;
use crate::build::network::{Network, network};
use crate::build::pipeline::{eval_loader, train_loader};
use crate::error::Result;
use crate::evaluate::evaluate;
use crate::fit::{FeatureCache, FitOptions, Observer, StepInfo, fit_with};
use crate::listener::Listener;
use crate::notice::Notice;
use crate::recipe::{Plan, Recipe, RecipeError, Rule, ScheduleRecipe};
use crate::store::pictures::Pictures;
use crate::study::error::LengthError;

/// A length of time as a flag says it: `90s`, `10m`, `1.5h`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Length(pub Duration);

impl FromStr for Length {
    type Err = LengthError;

    fn from_str(text: &str) -> Result<Self, LengthError> {
        let wanted = || LengthError { got: text.to_owned() };
        let (number, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
        let seconds = match unit {
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(wanted()),
        };
        match number.parse::<f64>() {
            Ok(number) if number > 0.0 && number * seconds < 1e8 => Ok(Self(Duration::from_secs_f64(number * seconds))),
            _ => Err(wanted()),
        }
    }
}

/// Steps that are timed in each phase, the first left out: it pays for fresh memory.
const STEPS: usize = 4;
/// Pictures that a validation is timed with.
const VALIDATED: usize = 64;
/// The part of the time that is planned with.
const PLANNED: f64 = 0.9;

/// What an epoch with the head alone costs, one after that, and what comes before, seconds.
struct Costs {
    head: f64,
    rest: f64,
    before: f64,
}

/// The recipe with as many epochs as fit into `time`, at most those that it has: each part
/// shortened alike. The schedule is made for them, so that it comes to its end. `listener` hears
/// how many.
///
/// # Errors
/// When not even the shortest training fits, or a step fails.
pub fn within(
    time: Duration,
    recipe: &Recipe,
    pictures: &Pictures,
    threads: usize,
    (cache, listener): (&FeatureCache, &dyn Listener),
) -> Result<Recipe> {
    if let Rule::Lbfgs(_) = recipe.optimize.rule {
        let wanted = "left out with the rule lbfgs, which ends when it has its minimum";
        return Err(RecipeError::Field { field: "--max-time", wanted, got: format!("{time:?}") }.into());
    }
    let start = Instant::now();
    let costs = costs(recipe, pictures, threads, (cache, listener))?;
    let (head, rest) = (recipe.optimize.head_epochs, recipe.optimize.epochs);
    let members = recipe.members as f64;
    let takes =
        |head: usize, rest: usize| members * (head as f64 * costs.head + rest as f64 * costs.rest) + costs.before;
    let room = PLANNED * time.as_secs_f64() - start.elapsed().as_secs_f64();
    let cycle = match recipe.optimize.schedule {
        ScheduleRecipe::SnapshotCycles { cycles } => cycles.max(1) as usize,
        _ => 1,
    };
    let found = shortened((head, rest), cycle, |(head, rest)| takes(head, rest) <= room);
    let Some((short_head, short_rest)) = found else {
        let least = (takes(head.min(1), rest.min(cycle)) + start.elapsed().as_secs_f64()) / PLANNED;
        let wanted =
            "enough for an epoch of each phase; a smaller --image-size, --plan probe or a smaller --model is faster";
        let got = format!("{:.0} s where {least:.0} s are needed", time.as_secs_f64());
        return Err(RecipeError::Field { field: "--max-time", wanted, got }.into());
    };
    if (short_head, short_rest) == (head, rest) {
        listener.notice(&Notice::AllFits { time: time.as_secs_f64(), takes: takes(head, rest) });
        return Ok(recipe.clone());
    }
    listener.notice(&Notice::Shortened {
        epochs: head + rest,
        takes: takes(head, rest),
        fit: short_head + short_rest,
        time: time.as_secs_f64(),
    });
    let mut recipe = recipe.clone();
    (recipe.optimize.head_epochs, recipe.optimize.epochs) = (short_head, short_rest);
    recipe.check()?;
    Ok(recipe)
}

/// The largest part of both numbers of epochs that fits: at least one of each that is not 0, the
/// second in whole cycles where it is now.
fn shortened(
    (head, rest): (usize, usize),
    cycle: usize,
    fits: impl Fn((usize, usize)) -> bool,
) -> Option<(usize, usize)> {
    let part = |share: f64| {
        let of = |epochs: usize| ((epochs as f64 * share) as usize).max(epochs.min(1));
        let whole = if rest.is_multiple_of(cycle) { (of(rest) / cycle * cycle).max(rest.min(cycle)) } else { of(rest) };
        (of(head), whole)
    };
    if fits(part(1.0)) {
        return Some(part(1.0));
    }
    // Longer is never faster: between a share that fits and one that does not lies the largest that
    // does.
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..64 {
        let middle = 0.5 * (low + high);
        *(if fits(part(middle)) { &mut low } else { &mut high }) = middle;
    }
    Some(part(low)).filter(|part| fits(*part))
}

fn costs(
    recipe: &Recipe,
    pictures: &Pictures,
    threads: usize,
    (cache, listener): (&FeatureCache, &dyn Listener),
) -> Result<Costs> {
    let mut costs = Costs { head: 0.0, rest: 0.0, before: 0.0 };
    let stored = |head: bool| recipe.variants() > 0 && (head || recipe.plan == Plan::Probe);
    for head in [true, false] {
        let epochs = if head { recipe.optimize.head_epochs } else { recipe.optimize.epochs };
        if epochs == 0 {
            continue;
        }
        let mut part = recipe.clone();
        (part.optimize.head_epochs, part.optimize.epochs) = if head { (STEPS, 0) } else { (0, STEPS) };
        if recipe.plan == Plan::Gradual {
            // The phase that trains the most is the longest.
            part.plan = Plan::Full;
        }
        let Network { card, mut classifier, params, .. } = network(&part, &*pictures.train, listener)?;
        let train = train_loader(pictures.train.clone(), &part, card.input(), threads)?;
        memory::enough((&classifier, &params), &train, &part)?;
        let val = eval_loader(pictures.val.clone(), part.data.batch_size, card.input(), threads)?;
        let mut clock = Clock { begun: Instant::now(), at: Vec::new() };
        let options = FitOptions { features: Some(cache), ..FitOptions::default() };
        fit_with((&mut classifier, &params), (&train, &val), &part, &mut [&mut clock], options)?;
        let took = clock.step();
        let mut epoch = train.batches().div_ceil(recipe.optimize.accumulate) as f64 * took;
        if stored(head) {
            costs.before += clock.before();
        } else {
            let some: Vec<usize> = (0..pictures.val.len()).take(VALIDATED).collect();
            let few = eval_loader(
                Arc::new(Subset::new(pictures.val.clone(), some.clone())?),
                part.data.batch_size,
                card.input(),
                threads,
            )?;
            let seconds = evaluate((&classifier, &card.objective), &few)?.took.as_secs_f64();
            epoch += seconds * pictures.val.len() as f64 / some.len().max(1) as f64;
        }
        *(if head { &mut costs.head } else { &mut costs.rest }) = epoch;
    }
    Ok(costs)
}

/// When each step ended; the training ends after a few.
struct Clock {
    begun: Instant,
    at: Vec<Instant>,
}

impl Clock {
    /// Seconds of a step.
    fn step(&self) -> f64 {
        match self.at[..] {
            [first, .., last] => last.duration_since(first).as_secs_f64() / (self.at.len() - 1) as f64,
            [only] => only.duration_since(self.begun).as_secs_f64(),
            [] => 0.0,
        }
    }

    /// Seconds before the first step, for the features that it needs.
    fn before(&self) -> f64 {
        self.at.first().map_or(0.0, |first| first.duration_since(self.begun).as_secs_f64())
    }
}

impl Observer for Clock {
    fn step(&mut self, _: &StepInfo) -> ControlFlow<()> {
        self.at.push(Instant::now());
        if self.at.len() > STEPS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_of_both_phases_is_kept_as_fits() {
        let within = |most: usize| move |(head, rest): (usize, usize)| head + rest <= most;
        assert_eq!(shortened((4, 14), 1, within(18)), Some((4, 14)));
        assert_eq!(shortened((4, 14), 1, within(9)), Some((2, 7)));
        assert_eq!(shortened((4, 14), 1, within(2)), Some((1, 1)));
        assert_eq!(shortened((4, 14), 1, within(1)), None);
        assert_eq!(shortened((0, 100_000), 1, within(7)), Some((0, 7)));
        // Snapshots want whole cycles, at least one epoch each.
        assert_eq!(shortened((0, 30), 3, within(20)), Some((0, 18)));
        assert_eq!(shortened((0, 30), 3, within(2)), None);
    }

    #[test]
    fn a_time_has_a_unit() {
        let seconds = |text: &str| text.parse().map(|Length(time)| time.as_secs_f64());
        assert_eq!([seconds("90s"), seconds("10m"), seconds("1.5h")], [Ok(90.0), Ok(600.0), Ok(5400.0)]);
        for text in ["", "10", "m", "-1m", "0s", "nanm", "1e9h", "10 minuten", "5ü"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
