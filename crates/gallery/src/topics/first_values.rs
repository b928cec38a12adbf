//! Slide 7: first weights that are too small, too large, just right.

use taper_nn::{Activation, Initialization};
use taper_report::draw::{Axis, Chart, Look, Series};
use taper_report::inspect::{Settings, Signal, draw, follow, verdict};

use crate::claim::{Check, Claim, Slides, Table};
use crate::error::GalleryError;
use crate::math::mean;
use crate::setting::Setting;

pub(super) fn run(setting: &Setting) -> Result<Vec<Claim>, GalleryError> {
    Ok(vec![tangents(setting)?, rectifiers(setting)?])
}

/// The mean slope of the tangent at the outputs of a layer: what part of a gradient gets through.
fn open(signal: &Signal) -> f64 {
    mean(&signal.activations.values.iter().map(|y| 1.0 - y * y).collect::<Vec<_>>())
}

fn tangents(setting: &Setting) -> Result<Claim, GalleryError> {
    let cases = [
        ("too small: normal, 0.01", "normal=0.01", Initialization::Normal(0.01)),
        ("too large: normal, 1", "normal=1", Initialization::Normal(1.0)),
        ("just right: Xavier", "xavier_normal", Initialization::XavierNormal),
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
    let (mut through, mut slopes, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    for (name, _, init) in cases {
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
        .expects(Check::within("deviation of the outputs of layer 10 with Xavier's", kept[2], 0.2, 1.0)))
}

fn rectifiers(setting: &Setting) -> Result<Claim, GalleryError> {
    let mut table =
        Table::of(["weights", "verdict", "outputs of layer 10 beside layer 1", "gradient at layer 1 beside layer 10"]);
    let mut ratios = Vec::new();
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
        let said = verdict(&settings, &signals);
        let word = said.split(':').next().unwrap_or_default().to_owned();
        table.rows.push(vec![name.into(), word, taper_report::draw::short(up), taper_report::draw::short(down)]);
        ratios.push(up);
    }
    Ok(Claim::new(
        Slides(7, 7),
        "Rectifiers lose half of the signal, which He et al. make up for",
        "The same with rectifiers. Weights that keep a tangent's signal lose half of a rectifier's in each layer; twice \
         the variance keeps it.",
    )
    .by("taper inspect init --init he_fan_in --activation relu --svg he.svg")
    .and(table)
    .expects(Check::at_most("signal at layer 10 beside layer 1, without the gain", ratios[1], 0.1))
    .expects(Check::within("the same with He's", ratios[2], 0.4, 2.5)))
}
