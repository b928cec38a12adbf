//! Slide 7: first weights that are too small, too large, just right.

use candle_core::{DType, Device};
use taper_nn::{Activation, Initialization, Mode, Params};
use taper_report::draw::{Axis, Chart, Look, Series};
use taper_report::inspect::{Settings, Signal, draw, follow, follow_network, reset, verdict};
use taper_tensor::Rng;
use taper_transfer::BackboneConfig;

use crate::claim::{Check, Claim, Slides, Table};
use crate::error::GalleryError;
use crate::math::mean;
use crate::nets::{Net, Plan, Set, smooth, train};
use crate::setting::Setting;
use crate::shapes::{Look as Shape, pictures};

pub(super) fn run(setting: &Setting) -> Result<Vec<Claim>, GalleryError> {
    Ok(vec![tangents(setting)?, learned(setting)?, rectifiers(setting)?, network(setting)?])
}

/// The mean slope of the tangent at the outputs of a layer: what part of a gradient gets through.
fn open(signal: &Signal) -> f64 {
    mean(&signal.activations.values.iter().map(|y| 1.0 - y * y).collect::<Vec<_>>())
}

fn tangents(setting: &Setting) -> Result<Claim, GalleryError> {
    let cases = [
        ("too small: normal, 0.01", Initialization::Normal(0.01)),
        ("too large: normal, 1", Initialization::Normal(1.0)),
        ("just right: Xavier", Initialization::XavierNormal),
    ];
    let mut claim = Claim::new(
        Slides(7, 7),
        "Too small, too large, just right",
        "Ten layers of 256 tangents, standard normal inputs. Small weights let the signal die out; large ones drive \
         every unit to -1 or 1, where the tangent's slope is nearly zero; Xavier's keep the signal's size. The \
         histograms are the outputs of each layer, and the gradients by them.",
    )
    .by("taper inspect init --init normal=1 --activation tanh --svg large.svg");
    let mut table =
        Table::of(["weights", "outputs of layer 10, deviation", "mean slope of layer 10", "gradient at layer 1"]);
    let (mut through, mut slopes, mut kept, mut large) = (Vec::new(), Vec::new(), Vec::new(), f64::NAN);
    for (name, init) in cases {
        let settings = Settings { init, activation: Activation::Tanh, seed: setting.seed, ..Settings::default() };
        let signals = follow(&settings)?;
        let (first, last) = (&signals[0], &signals[signals.len() - 1]);
        let slope = open(last);
        kept.push(last.activations.deviation);
        table.row(name, [last.activations.deviation, slope, first.gradients.deviation]);
        slopes.push(Series::new(
            name,
            Look::Both,
            signals.iter().zip(1..).map(|(signal, i)| [f64::from(i), open(signal)]),
        ));
        if name.starts_with("too large") {
            large = first.gradients.deviation / last.gradients.deviation;
        }
        through.push(slope);
        claim = claim.with_wide(draw(&settings, &signals)?);
    }
    let chart = Chart {
        title: "What part of a gradient the tangents let through".into(),
        x: Axis::new("layer"),
        y: Axis::new("mean of 1 - y²").within(-0.03, 1.05),
        series: slopes,
    };
    Ok(claim
        .with(&chart)?
        .and(table)
        .expects(Check::at_most("deviation of the outputs of layer 10 with small weights", kept[0], 1e-3))
        .expects(Check::at_most("mean slope of layer 10 with large weights", through[1], 0.1))
        .expects(Check::at_most("gradient at layer 1 beside layer 10 with large weights", large, 0.1).or(
            "saturated tangents let through a twentieth, but weights of deviation 1 from 256 units multiply what is \
                 left by 16, so that the few open units make the gradient grow in place of vanishing",
        ))
        .expects(Check::within("deviation of the outputs of layer 10 with Xavier's", kept[2], 0.2, 1.0)))
}

fn rectifiers(setting: &Setting) -> Result<Claim, GalleryError> {
    let mut table =
        Table::of(["weights", "verdict", "outputs of layer 10 beside layer 1", "gradient at layer 1 beside layer 10"]);
    let (mut ratios, mut series) = (Vec::new(), Vec::new());
    for (name, init) in [
        ("normal, 0.01", Initialization::Normal(0.01)),
        ("Xavier, without the rectifier's gain", Initialization::Normal((1.0f64 / 256.0).sqrt())),
        ("He", Initialization::HeFanIn),
    ] {
        let settings = Settings { init, seed: setting.seed, ..Settings::default() };
        let signals = follow(&settings)?;
        let (first, last) = (&signals[0], &signals[signals.len() - 1]);
        let up = last.activations.deviation / first.activations.deviation;
        let down = first.gradients.deviation / last.gradients.deviation;
        let points = (1..).zip(&signals).map(|(layer, signal)| [f64::from(layer), signal.activations.deviation]);
        series.push(Series::new(name, Look::Both, points));
        let said = verdict(&settings, &signals);
        let word = said.split(':').next().unwrap_or_default().to_owned();
        table.rows.push(vec![name.into(), word, taper_report::draw::short(up), taper_report::draw::short(down)]);
        ratios.push(up);
    }
    let chart = Chart {
        title: "Outputs of ten layers of rectifiers".into(),
        x: Axis::new("layer"),
        y: Axis::log("standard deviation"),
        series,
    };
    Ok(Claim::new(
        Slides(7, 7),
        "Rectifiers lose half of the signal, which He et al. make up for",
        "The same with rectifiers. Weights that keep a tangent's signal lose half of a rectifier's in each layer; twice \
         the variance keeps it.",
    )
    .by("taper inspect init --init he_fan_in --activation relu --svg he.svg")
    .with(&chart)?
    .and(table)
    .expects(Check::at_most("signal at layer 10 beside layer 1, without the gain", ratios[1], 0.1))
    .expects(Check::within("the same with He's", ratios[2], 0.4, 2.5)))
}

/// Six layers of tangents that are trained: what becomes of the three beginnings.
fn learned(setting: &Setting) -> Result<Claim, GalleryError> {
    let rng = Rng::new(setting.seed).fork("first weights");
    let set = Set::maps(&pictures(512, Shape::plain(), &rng.fork("pictures")))?.rows()?;
    let steps = setting.many(300);
    let mut table = Table::of(["weights", "mean slope of the last layer", "first loss", "last loss"]);
    let (mut series, mut slopes, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for (name, init) in [
        ("too small: normal, 0.001", Initialization::Normal(0.001)),
        ("too large: normal, 1", Initialization::Normal(1.0)),
        ("just right: Xavier", Initialization::XavierNormal),
    ] {
        let (mut net, mut width) = (Net::new(&rng), 1200);
        for _ in 0..6 {
            net = net.linear([width, 64], init, Activation::Tanh)?.then(Activation::Tanh);
            width = 64;
        }
        let net = net.linear([width, set.classes], init, Activation::Tanh)?;
        let below = net.layers.len() - 1;
        let last = net.layers[..below].iter().try_fold(set.x.clone(), |x, layer| layer.forward(&x, Mode::Eval))?;
        let outputs = last.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
        let slope = mean(&outputs.iter().map(|y| 1.0 - y * y).collect::<Vec<_>>());
        let losses = train(&net, &set, Plan::momentum(0.01, steps)?, &rng)?;
        let end = mean(&losses[losses.len() - (losses.len() / 10).max(1)..]);
        table.row(name, [slope, losses[0], end]);
        series.push(Series::new(name, Look::Line, smooth(&losses)));
        slopes.push(slope);
        ends.push(end);
    }
    let guess = (set.classes as f64).ln();
    let chart = Chart {
        title: "Six layers of tangents, trained".into(),
        x: Axis::new("step"),
        y: Axis::new("training loss").within(0.0, 6.0),
        series,
    };
    Ok(Claim::new(
        Slides(7, 7),
        "What that does to a training",
        "Six layers of 64 tangents learn eight shapes. With small weights every gradient is a product of small numbers, \
         and the loss stays at that of guessing; with large ones the tangents are saturated.",
    )
    .with(&chart)?
    .and(table)
    .expects(Check::at_most("mean slope of the last tangents, large weights", slopes[1], 0.2))
    .expects(Check::at_least("last loss with small weights, beside guessing", ends[0] / guess, 0.97))
    .expects(Check::at_least("last loss with large weights above that with Xavier's", ends[1] - ends[2], 0.2)))
}

/// The stages of VGG-11.
fn network(setting: &Setting) -> Result<Claim, GalleryError> {
    let rng = Rng::new(setting.seed);
    let mut table =
        Table::of(["weights", "outputs of the last stage beside the first", "gradient at the first beside the last"]);
    let (mut up, mut down, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for (name, init) in [
        ("normal, 0.01", Initialization::Normal(0.01)),
        ("normal, 0.1", Initialization::Normal(0.1)),
        ("He", Initialization::HeFanIn),
    ] {
        let params = Params::new(rng.fork("init"), DType::F32, Device::Cpu);
        let backbone = taper_transfer::backbone("vgg11", &params.root(), &BackboneConfig::default())?;
        reset(&params, init, &rng.fork("init"))?;
        let stages = backbone.stages().len();
        let signals = follow_network(stages, 32, &rng, |index, x, mode| backbone.stage(index, x, mode))?;
        let (first, last) = (&signals[0], &signals[stages - 1]);
        let ratio = last.activations.deviation / first.activations.deviation;
        table.row(name, [ratio, first.gradients.deviation / last.gradients.deviation]);
        ratios.push(ratio);
        let by_stage = |value: fn(&Signal) -> f64| {
            signals.iter().zip(1..).map(|(one, i)| [f64::from(i), value(one)]).collect::<Vec<_>>()
        };
        up.push(Series::new(name, Look::Both, by_stage(|one| one.activations.deviation)));
        down.push(Series::new(name, Look::Both, by_stage(|one| one.gradients.deviation)));
    }
    let chart = |title: &str, series| Chart {
        title: title.into(),
        x: Axis::new("stage"),
        y: Axis::log("standard deviation"),
        series,
    };
    Ok(Claim::new(
        Slides(7, 7),
        "On a real network",
        "Random pictures go up through the five stages of VGG-11, random gradients down, with first weights of three \
         kinds.",
    )
    .by("taper inspect init --model vgg11 --init normal=0.01 --side 32 --svg vgg11.svg")
    .with(&chart("Outputs of the stages of VGG-11", up))?
    .with(&chart("Gradients by them", down))?
    .and(table)
    .expects(Check::at_most("outputs of the last stage beside the first, normal 0.01", ratios[0], 0.1))
    .expects(Check::at_least("the same, normal 0.1", ratios[1], 10.0))
    .expects(Check::within("the same, He", ratios[2], 0.1, 10.0)))
}
