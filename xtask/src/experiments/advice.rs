//! Whether `taper advise` names the plan that comes out best.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use taper_cli::terminal::Terminal;
use taper_data::{DEFAULT_VAL_FRACTION, Dataset, OpenConfig, Splits, split};
use taper_tensor::Rng;
use taper_trainer::build::network::{Network, network};
use taper_trainer::build::pipeline::{eval_loader, train_loader};
use taper_trainer::fit::fit;
use taper_trainer::recipe::{Plan, Recipe};
use taper_trainer::study::advise::{Advice, advise};

use super::digits::Digits;
use super::pooled::Pooled;
use super::table::{deviation, mean};

/// Pictures to learn from and pictures to test with.
type Pair = [Arc<dyn Dataset>; 2];

/// Both for a seed.
type Draw = Box<dyn Fn(&Rng) -> Result<Pair>>;

/// A data set, and the rows of the table that it has.
struct Source {
    name: &'static str,
    /// Pictures of each class that are learned, 0 for all; and how many times the number of seeds:
    /// few pictures say little.
    rows: &'static [(usize, u64)],
    /// Side of the square that the network sees, pixels.
    side: u32,
    sides: Draw,
}

/// What came of a row with one seed.
struct Outcome {
    advice: Advice,
    /// Of the plans in their order.
    accuracies: [f64; 5],
    /// Seconds of the advice.
    seconds: f64,
    /// Which of the plans was advised.
    advised: usize,
}

const PLANS: [&str; 5] =
    ["new head", "head on an earlier stage", "few layers", "many layers", "many layers up to an earlier stage"];

/// Pictures that Fashion-MNIST is tested with.
const TESTED: f64 = 1000.0;

/// The data sets of these names, or all. Only what is wanted is opened.
fn sources((emoji, fashion, digits): (&Path, &Path, &Path), only: &[String]) -> Result<Vec<Source>> {
    let wanted = |name: &str| only.is_empty() || only.iter().any(|wanted| wanted == name);
    let opened = |folder: &Path| taper_data::open(folder, &OpenConfig::default(), &Rng::new(0));
    let fifth = |set: Arc<dyn Dataset>| -> Draw {
        Box::new(move |rng| {
            let (train, val) = split(Arc::clone(&set), DEFAULT_VAL_FRACTION, rng)?;
            Ok([Arc::new(train), Arc::new(val)])
        })
    };
    let mut sources = Vec::new();
    if wanted("emoji") {
        let Splits { train, val, .. } = opened(emoji)?;
        let sides: Draw = Box::new(move |_| Ok([Arc::clone(&train), Arc::clone(&val)]));
        sources.push(Source { name: "emoji", rows: &[(10, 3), (0, 1)], side: 160, sides });
    }
    if wanted("mixed") {
        let Splits { train, val, .. } = opened(emoji)?;
        let sides = fifth(Arc::new(Pooled([train, val])));
        sources.push(Source { name: "emoji, artists mixed", rows: &[(0, 3)], side: 160, sides });
    }
    if wanted("fashion") {
        let Splits { train, val, .. } = opened(fashion)?;
        let sides: Draw = Box::new(move |rng| {
            let tested = split(Arc::clone(&val), TESTED / val.len() as f64, rng)?.1;
            Ok([Arc::clone(&train), Arc::new(tested)])
        });
        let rows = &[(10, 3), (50, 1), (200, 1), (500, 1)];
        sources.push(Source { name: "Fashion-MNIST", rows, side: 96, sides });
    }
    if wanted("digits") {
        let sides = fifth(Arc::new(Digits::open(digits)?));
        sources.push(Source { name: "digits", rows: &[(10, 3), (0, 1)], side: 96, sides });
    }
    Ok(sources)
}

/// Runs every plan and the advice on every row, and returns the table.
///
/// # Errors
/// When data are missing or a training fails.
pub(super) fn table(
    data: (&Path, &Path, &Path),
    (only, seeds, threads): (&[String], u64, usize),
    tell: impl Fn(String),
) -> Result<String> {
    let mut text = format!(
        "Accuracies in percent, the mean over {seeds} seeds ({} where 10 pictures of a class are learned, and of artists mixed), each with training pictures \
         of its own where\nnot all are learned. SqueezeNet 1.1 with the recipe of `taper fine-tune`, at 160 pixels (emoji) or 96. The plans: \
         `--plan probe\n--variants 4`, `--plan probe --cut STAGE` with the best earlier stage by the linear classifiers, `--plan top`, \
         `--plan full`, and this with\nthe cut. Trials: what a head gets right by cross-validation over training pictures, on the last stage and \
         on the earlier one (linear\nclassifiers where these leave no doubt). Advised less best: the advised plan of each seed less the \
         plan with the best mean, ± the standard\nerror over the seeds. Tested are the pictures of `val`, 1000 drawn for Fashion-MNIST, a \
         fifth for the digits and for the artists mixed, who are those of both sides; the advice does not see them.\nSeconds: of the advice.\n\n\
         | data | pictures of a class | trials | advised | {} | advised less best | seconds |\n|---|--:|--:|---|{}--:|--:|\n",
        3 * seeds,
        PLANS.join(" | "),
        "--:|".repeat(PLANS.len())
    );
    for source in sources(data, only)? {
        for &(size, times) in source.rows {
            let mut outcomes = Vec::new();
            for seed in 0..times * seeds {
                let outcome = row(&source, size, seed, threads)?;
                tell(format!(
                    "{} {size} seed {seed}: {}, {:?}",
                    source.name, PLANS[outcome.advised], outcome.accuracies
                ));
                outcomes.push(outcome);
            }
            // Writing into a string cannot fail.
            let _ = writeln!(text, "{}", line(source.name, &outcomes));
        }
    }
    Ok(text)
}

fn row(source: &Source, size: usize, seed: u64, threads: usize) -> Result<Outcome> {
    let rng = Rng::new(seed).fork("experiments");
    let [train, test] = (source.sides)(&rng)?;
    let train: Arc<dyn Dataset> = match size * train.classes().len() {
        0 => train,
        pictures => Arc::new(split(Arc::clone(&train), pictures as f64 / train.len() as f64, &rng)?.1),
    };
    let mut recipe = Recipe { seed, ..Recipe::default() };
    recipe.data.image_size = source.side;
    let clock = Instant::now();
    let advice = advise(&recipe, &train, threads, &Terminal)?;
    let seconds = clock.elapsed().as_secs_f64();
    let with = |plan, cut: Option<&str>, variants| {
        let mut recipe = Recipe { plan, cut: cut.map(str::to_owned), ..recipe.clone() };
        recipe.data.variants = variants;
        recipe
    };
    let earlier = advice.stages[advice.earlier].name;
    let plans = [
        with(Plan::Probe, None, Some(4)),
        with(Plan::Probe, Some(earlier), None),
        with(Plan::Top, None, None),
        with(Plan::Full, None, None),
        with(Plan::Full, Some(earlier), None),
    ];
    let mut accuracies = [0.0; 5];
    for (i, plan) in plans.iter().enumerate() {
        let Network { card, mut classifier, params, .. } = network(plan, &*train, &Terminal)?;
        let loader = train_loader(Arc::clone(&train), plan, card.input(), threads)?;
        let val = eval_loader(Arc::clone(&test), 100, card.input(), threads)?;
        accuracies[i] = fit(&mut classifier, &params, (&loader, &val), plan, &mut [])?.evaluation.accuracy();
    }
    let followed = advice.follow(&recipe);
    let advised = plans.iter().position(|plan| *plan == followed);
    let Some(advised) = advised else { anyhow::bail!("{} is not among the plans compared", advice.flags()) };
    Ok(Outcome { advice, accuracies, seconds, advised })
}

fn line(name: &str, outcomes: &[Outcome]) -> String {
    let of = |value: &dyn Fn(&Outcome) -> f64| mean(&outcomes.iter().map(value).collect::<Vec<_>>());
    let trial = |i: usize| {
        100.0
            * of(&|o| {
                let linear = [o.advice.stages.len() - 1, o.advice.earlier].map(|stage| o.advice.stages[stage].accuracy);
                o.advice.heads.unwrap_or(linear)[i]
            })
    };
    let means = [0, 1, 2, 3, 4].map(|plan| 100.0 * of(&|o| o.accuracies[plan]));
    let best = (0..PLANS.len()).fold(0, |best, plan| if means[plan] > means[best] { plan } else { best });
    let less: Vec<f64> = outcomes.iter().map(|o| 100.0 * (o.accuracies[o.advised] - o.accuracies[best])).collect();
    let (middle, error) = (mean(&less), deviation(&less) / (outcomes.len() as f64).sqrt());
    let mut named: Vec<(usize, usize)> =
        (0..PLANS.len()).map(|plan| (outcomes.iter().filter(|o| o.advised == plan).count(), plan)).collect();
    named.retain(|(times, _)| *times > 0);
    named.sort_unstable_by(|a, b| b.cmp(a));
    let named: Vec<String> = match named[..] {
        [(_, plan)] => vec![PLANS[plan].to_owned()],
        _ => named.iter().map(|(times, plan)| format!("{} ({times} of {})", PLANS[*plan], outcomes.len())).collect(),
    };
    format!(
        "| {name} | {:.0} | {:.1}, {:.1} | {} | {} | {middle:+.1} ± {error:.1} | {:.0} |",
        of(&|o| o.advice.per_class),
        trial(0),
        trial(1),
        named.join(", "),
        means.map(|mean| format!("{mean:.1}")).join(" | "),
        of(&|o| o.seconds),
    )
}
