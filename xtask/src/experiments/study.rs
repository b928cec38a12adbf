//! Trains every case with every seed.

use std::sync::Arc;

use anyhow::Result;
use taper_cli::terminal::Terminal;
use taper_data::Dataset;
use taper_regularize::Marginalize;
use taper_trainer::build::network::{Network, network};
use taper_trainer::build::pipeline::{eval_loader, train_loader};
use taper_trainer::evaluate::views::{Mean, Views, evaluate_views};
use taper_trainer::evaluate::{Evaluation, evaluate, evaluate_marginal};
use taper_trainer::fit::fit;
use taper_trainer::ranks::Alone;

use super::{Base, Case, Sets, Test};

/// What came out of one training. Accuracies are fractions.
#[derive(Clone, Debug)]
pub struct Study {
    /// Accuracy on the pictures it was trained on, as they are.
    pub train: f64,
    /// On the pictures it was not trained on.
    pub test: Tested,
    /// Accuracy on these with the mean over passes with the noise on.
    pub sampled: Option<f64>,
    /// On these with several views of each, in the order of the table; nothing where that is not
    /// tested.
    pub views: Vec<Tested>,
    /// Seconds that an epoch of training took.
    pub seconds: f64,
}

/// What came out of one test.
#[derive(Clone, Copy, Debug)]
pub struct Tested {
    /// Accuracy, fraction.
    pub accuracy: f64,
    /// Loss, nats.
    pub loss: f64,
    /// Seconds.
    pub seconds: f64,
}

impl From<&Evaluation> for Tested {
    fn from(tested: &Evaluation) -> Self {
        Self { accuracy: tested.accuracy(), loss: tested.loss, seconds: tested.took.as_secs_f64() }
    }
}

/// Passes of a test that takes the mean over the noise.
pub(super) const PASSES: usize = 8;

/// How a picture is seen several times, as `taper eval --tta` says it.
pub(super) const VIEWS: [(&str, Views); 4] = [
    ("flips", Views::Flips),
    ("8", Views::Random(8)),
    ("ten-crop", Views::TenCrop),
    ("multi-scale", Views::MultiScale),
];

/// Trains every case with every seed, on the pictures that `sets` has for it, with so many threads
/// to prepare them; `tell` hears of each.
///
/// # Errors
/// When a training fails.
pub fn study(
    sets: impl Fn(u64) -> Result<Sets>,
    base: &Base,
    cases: &[Case],
    (seeds, threads): (u64, usize),
    tell: impl Fn(String),
) -> Result<Vec<Vec<Study>>> {
    let mut results = vec![Vec::new(); cases.len()];
    for seed in 0..seeds {
        let sets = sets(seed)?;
        for (case, results) in cases.iter().zip(&mut results) {
            let result = train_one(base, case, &sets, (seed, threads))?;
            tell(format!(
                "{} seed {seed}: train {:.4}, test {:.4}, {:.2} s an epoch",
                case.name, result.train, result.test.accuracy, result.seconds
            ));
            results.push(result);
        }
    }
    Ok(results)
}

fn train_one(base: &Base, case: &Case, [train, val, test]: &Sets, (seed, threads): (u64, usize)) -> Result<Study> {
    let recipe = base.with(case, seed)?;
    let Network { card, mut classifier, params, .. } = network(&recipe, &**train, &Terminal)?;
    let input = card.input();
    let plain = |set: &Arc<dyn Dataset>| eval_loader(set.clone(), 100, input, threads);
    let loader = train_loader(train.clone(), &recipe, input, threads)?;
    let outcome = fit(&mut classifier, &params, (&loader, &plain(val)?), &recipe, &mut [])?;
    let sampled = || {
        let network = (&classifier, &card.objective);
        evaluate_marginal(network, &plain(test)?, Marginalize::Samples(PASSES), (&Terminal, &Alone))
    };
    let seen = |views| {
        let data = (test, input, threads);
        evaluate_views(
            (&classifier, &card.objective),
            data,
            (views, Mean::Probabilities),
            (&recipe, Marginalize::Expectation),
            (&Terminal, &Alone),
        )
    };
    let views: &[_] = if case.test == Test::Views { &VIEWS } else { &[] };
    Ok(Study {
        train: evaluate((&classifier, &card.objective), &plain(train)?)?.accuracy(),
        test: (&evaluate((&classifier, &card.objective), &plain(test)?)?).into(),
        sampled: (case.test == Test::Noise).then(sampled).transpose()?.as_ref().map(Evaluation::accuracy),
        views: views.iter().map(|(_, views)| Ok((&seen(*views)?).into())).collect::<Result<_>>()?,
        seconds: outcome.train.as_secs_f64() / outcome.history.len() as f64,
    })
}
