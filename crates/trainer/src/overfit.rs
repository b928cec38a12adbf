//! Can a network learn a few pictures by heart? One that cannot will not learn many.

use std::ops::ControlFlow;
use std::sync::Arc;

use anyhow::Result;
use taper_data::{Dataset, Subset};
use taper_tensor::{Params, Rng};

use crate::fit::{EpochInfo, Observer, fit};
use crate::network::{Network, network};
use crate::pipeline::{eval_loader, train_loader};
use crate::recipe::{AugmentRecipe, AverageRecipe, Balance, HeadKind, Recipe, RegularizeRecipe, Rule, ScheduleRecipe};
use crate::sanity::{Finding, Verdict};

/// How many pictures, of how many classes; for how many steps; until the loss is as low as this, nats.
const PICTURES: usize = 16;
const CLASSES: usize = 8;
const STEPS: usize = 60;
const KNOWN: f64 = 0.1;

/// Ends a training that has learned its pictures.
struct Learned {
    loss: f64,
    steps: usize,
}

impl Observer for Learned {
    fn epoch(&mut self, info: &EpochInfo, _: &Params) -> Result<ControlFlow<()>> {
        (self.loss, self.steps) = (info.train_loss, info.epoch);
        Ok(if info.train_loss < KNOWN { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

/// Trains what the recipe trains last on a few pictures, all of them in each step, without augmentation and regularization, at the
/// recipe's rate.
///
/// # Errors
/// When a picture cannot be read, or the training diverges.
pub fn overfit(recipe: &Recipe, pictures: &Arc<dyn Dataset>, threads: usize) -> Result<Finding> {
    let about = "overfit";
    if let Rule::Lbfgs(_) = recipe.optimize.rule {
        let said = "not tried with lbfgs, which solves its problem to the end".into();
        return Ok(Finding { about, verdict: Verdict::Fine, said });
    }
    let few: Arc<dyn Dataset> = Arc::new(Subset::new(Arc::clone(pictures), some(&**pictures, recipe.seed))?);
    let mut plain = recipe.clone();
    plain.augment = AugmentRecipe::none();
    plain.regularize = RegularizeRecipe { weight_decay: 0.0, label_smoothing: 0.0, ..RegularizeRecipe::default() };
    (plain.head.drop_connect, plain.data.balance, plain.data.variants) = (0.0, Balance::None, Some(0));
    if plain.head.kind != HeadKind::Own {
        plain.head.dropout = 0.0;
    }
    plain.data.batch_size = few.len();
    let o = &mut plain.optimize;
    (o.schedule, o.warmup, o.average, o.accumulate) = (ScheduleRecipe::Constant {}, 0.0, AverageRecipe::default(), 1);
    (o.head_epochs, o.epochs) = (0, STEPS);
    let Network { card, mut classifier, params, .. } = network(&plain, pictures.classes())?;
    let train = train_loader(Arc::clone(&few), &plain, card.input(), threads)?;
    let val = eval_loader(Arc::clone(&few), few.len(), card.input(), threads)?;
    let mut learned = Learned { loss: f64::NAN, steps: 0 };
    fit(&mut classifier, &params, (&train, &val), &plain, &mut [&mut learned])?;
    let (count, Learned { loss, steps }) = (few.len(), learned);
    if loss < KNOWN {
        let said = format!("{count} pictures are known by heart after {steps} steps (loss {loss:.3})");
        return Ok(Finding { about, verdict: Verdict::Fine, said });
    }
    let said = format!(
        "{count} pictures are not known by heart after {steps} steps (loss {loss:.2}): the rate may be too low (taper lr-find), too few \
         layers may be trained (--plan), or labels are wrong"
    );
    Ok(Finding { about, verdict: Verdict::Doubtful, said })
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
