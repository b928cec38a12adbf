//! Can a network learn a few pictures by heart? One that cannot will not learn many.

use std::ops::ControlFlow;
use std::sync::Arc;

use taper_data::{Dataset, LabelKind, Subset};
use taper_nn::Params;
use taper_tensor::Rng;

use crate::build::network::{Network, network};
use crate::build::pipeline::{eval_loader, train_loader};
use crate::error::{Error, ObserverError, Result};
use crate::finding::{Finding, Verdict};
use crate::fit::divergence::{Diverged, number};
use crate::fit::{EpochInfo, Observer, fit};
use crate::listener::Listener;
use crate::recipe::{AugmentRecipe, AverageRecipe, Balance, HeadKind, Recipe, RegularizeRecipe, Rule, ScheduleRecipe};

/// How many pictures, of how many classes; for how many steps; until the loss is as low as this,
/// nats.
const PICTURES: usize = 16;
const CLASSES: usize = 8;
const STEPS: usize = 60;
const KNOWN: f64 = 0.1;

/// Ends a training that has learned its pictures; the loss of each step.
#[derive(Default)]
struct Learned(Vec<f64>);

impl Observer for Learned {
    fn epoch(&mut self, info: &EpochInfo, _: &Params) -> Result<ControlFlow<()>, ObserverError> {
        self.0.push(info.train_loss);
        Ok(if info.train_loss < KNOWN { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

/// Trains what the recipe trains last on a few pictures, all of them in each step, without
/// augmentation and regularization, at the recipe's rate.
///
/// # Errors
/// When a picture cannot be read.
pub fn overfit(
    recipe: &Recipe,
    pictures: &Arc<dyn Dataset>,
    threads: usize,
    listener: &dyn Listener,
) -> Result<Finding> {
    let about = "overfit";
    if let Rule::Lbfgs(_) = recipe.optimize.rule {
        let said = "not tried with lbfgs, which solves its problem to the end".into();
        return Ok(Finding { about, verdict: Verdict::Fine, said });
    }
    if pictures.label_kind() != LabelKind::One {
        let said = "not tried with several labels or numbers: its limit is that of one class".into();
        return Ok(Finding { about, verdict: Verdict::Fine, said });
    }
    let few: Arc<dyn Dataset> = Arc::new(Subset::new(Arc::clone(pictures), some(&**pictures, recipe.seed))?);
    let mut plain = recipe.clone();
    plain.augment = AugmentRecipe::none();
    plain.regularize =
        RegularizeRecipe { weight_decay: 0.0, label_smoothing: Some(0.0), ..RegularizeRecipe::default() };
    (plain.head.drop_connect, plain.data.balance, plain.data.variants) = (0.0, Balance::None, Some(0));
    if plain.head.kind != HeadKind::Own {
        plain.head.dropout = 0.0;
    }
    (plain.data.batch_size, plain.data.passes) = (few.len(), Some(1));
    let o = &mut plain.optimize;
    (o.schedule, o.warmup, o.average, o.accumulate) = (ScheduleRecipe::Constant {}, 0.0, AverageRecipe::None {}, 1);
    (o.head_epochs, o.epochs) = (0, STEPS);
    let Network { card, mut classifier, params, .. } = network(&plain, &**pictures, listener)?;
    let train = train_loader(Arc::clone(&few), &plain, card.input(), threads)?;
    let val = eval_loader(Arc::clone(&few), few.len(), card.input(), threads)?;
    let (mut learned, rate, count) = (Learned::default(), plain.optimize.lr, few.len());
    let fitted = fit(&mut classifier, &params, (&train, &val), &plain, &mut [&mut learned]);
    let Learned(losses) = learned;
    let why = match fitted {
        Err(Error::Diverged(diverged)) => broken(&diverged, rate),
        Err(error) => return Err(error),
        Ok(_) => match losses.last() {
            Some(loss) if *loss < KNOWN => {
                let said = format!("{count} pictures are known by heart after {} steps (loss {loss:.3})", losses.len());
                return Ok(Finding { about, verdict: Verdict::Fine, said });
            }
            _ => verdict(&losses, rate),
        },
    };
    let said = format!("{count} pictures are not known by heart after {} steps: {why}", losses.len());
    Ok(Finding { about, verdict: Verdict::Doubtful, said })
}

/// Why a training broke.
fn broken(Diverged { step, what, .. }: &Diverged, rate: f64) -> String {
    if *step == 1 {
        return format!("{what} of the first step is NaN or infinite: pictures or weights hold such numbers");
    }
    format!("{what} of step {step} is NaN or infinite: the rate, {rate:.1e}, is too high")
}

/// What the losses of the steps say of a training that has not learned its pictures at this rate.
fn verdict(losses: &[f64], rate: f64) -> String {
    let (first, last) = match losses {
        [first, .., last] if first.is_finite() && last.is_finite() => (*first, *last),
        _ => {
            return format!("the loss of most steps is NaN or infinite: the rate, {rate:.1e}, is too high");
        }
    };
    let [begun, ended] = [first, last].map(number);
    let high = format!("the rate, {rate:.1e}, is too high");
    if last > 1.05 * first {
        return format!("the loss has risen from {begun} to {ended}: {high}");
    }
    let lowest = losses.iter().copied().fold(f64::INFINITY, f64::min);
    if lowest < 0.9 * first && last - lowest > 0.5 * (first - lowest) {
        return format!("the loss fell from {begun} to {}, and rose again to {ended}: {high}", number(lowest));
    }
    let quarter = losses.len().div_ceil(4);
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let before = mean(&losses[losses.len().saturating_sub(2 * quarter)..losses.len() - quarter]);
    if mean(&losses[losses.len() - quarter..]) < 0.95 * before {
        return format!("the loss fell from {begun} to {ended} and still falls: the rate, {rate:.1e}, may be too low");
    }
    if last > 0.9 * first {
        return format!(
            "the loss hardly moves, from {begun} to {ended}: the rate, {rate:.1e}, is too low, or too few layers are \
             trained (the plan)"
        );
    }
    format!(
        "the loss stays at {ended}, from {begun} at first: too few layers may be trained (the plan), or labels are wrong"
    )
}

/// A few pictures of a few classes, as many of each.
fn some(pictures: &dyn Dataset, seed: u64) -> Vec<usize> {
    let classes = pictures.classes().len().clamp(1, CLASSES);
    let mut order: Vec<usize> = (0..pictures.len()).collect();
    Rng::new(seed).fork("overfit").shuffle(&mut order);
    let mut chosen = Vec::new();
    for class in 0..classes {
        let of = order.iter().copied().filter(|&index| pictures.label(index) == class);
        chosen.extend(of.take(PICTURES / classes));
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_losses_decide_what_is_said_of_the_rate() {
        let falling =
            |rate: f64, to: f64| (0..60).map(|i| to + (2.3 - to) * (-rate * f64::from(i)).exp()).collect::<Vec<_>>();
        let said = |losses: &[f64]| verdict(losses, 0.5);
        assert!(said(&[2.3, 9e4, 294_046.0]).contains("risen from 2.300 to 2.9e5: the rate, 5.0e-1, is too high"));
        assert!(
            said(&[2.3, 0.2, 2.0])
                .contains("fell from 2.300 to 0.200, and rose again to 2.000: the rate, 5.0e-1, is too high")
        );
        assert!(said(&falling(0.02, 0.0)).contains("still falls: the rate, 5.0e-1, may be too low"));
        assert!(said(&[2.3, 2.31]).contains("hardly moves"));
        assert!(said(&falling(1e-5, 0.0)).contains("hardly moves, from 2.300 to 2.299: the rate, 5.0e-1, is too low"));
        assert!(said(&falling(0.5, 0.7)).contains("stays at 0.700, from 2.300 at first: too few layers"));
        for odd in [&[][..], &[f64::NAN], &[2.3, f64::INFINITY], &[f64::NAN, 1.0]] {
            assert!(said(odd).contains("too high"), "{odd:?}");
        }
        let diverged = |step| Diverged { epoch: 1, step, what: "the loss".into(), causes: Vec::new(), kept: None };
        assert!(
            broken(&diverged(1), 0.5).contains("pictures or weights") && broken(&diverged(9), 0.5).contains("too high")
        );
    }
}
