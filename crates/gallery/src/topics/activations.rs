//! Slides 5 and 6: what an activation lets through, up and back.

use candle_core::{DType, Device, Tensor, Var};
use taper_nn::{Activation, Initialization, Mode};
use taper_optim::{Sgd, SgdConfig};
use taper_report::draw::{Axis, Chart, Look, Series};
use taper_tensor::{Rng, backward};

use crate::claim::{Check, Claim, Slides, Table};
use crate::error::GalleryError;
use crate::nets::{Net, Plan, Set, train};
use crate::setting::Setting;
use crate::shapes::{Look as Shape, pictures};

/// Those of the slide, with the name of each.
const ALL: [(&str, Activation); 5] = [
    ("sigmoid", Activation::Sigmoid),
    ("tanh", Activation::Tanh),
    ("ReLU", Activation::Relu),
    ("leaky ReLU", Activation::LeakyRelu(0.1)),
    ("ELU", Activation::Elu(1.0)),
];

pub(super) fn run(setting: &Setting) -> Result<Vec<Claim>, GalleryError> {
    Ok(vec![curves()?, signs(setting)?, dead(setting)?])
}

/// Outputs and slopes at some places.
fn slopes(activation: Activation, places: &[f64]) -> Result<[Vec<f64>; 2], GalleryError> {
    let x = Var::from_tensor(&Tensor::new(places, &Device::Cpu)?)?;
    let y = activation.apply(&x)?;
    let grads = backward(&y.sum_all()?)?;
    let slopes = grads.get(&x).map_or_else(|| Ok(vec![0.0; places.len()]), |slopes| slopes.to_vec1::<f64>())?;
    Ok([y.to_vec1::<f64>()?, slopes])
}

fn curves() -> Result<Claim, GalleryError> {
    let places: Vec<f64> = (-120..=120).map(|i| f64::from(i) * 0.05).collect();
    let mut charts = [("What goes up", "output"), ("What comes back", "slope of the output")].map(|(title, y)| Chart {
        title: title.into(),
        x: Axis::new("input"),
        y: Axis::new(y).within(-1.2, if y == "output" { 3.0 } else { 1.2 }),
        series: Vec::new(),
    });
    let mut table = Table::of(["activation", "slope at 0.5", "slope at 5", "slope at -5"]);
    let mut far = Vec::new();
    for (name, activation) in ALL {
        let curves = slopes(activation, &places)?;
        for (chart, values) in charts.iter_mut().zip(curves) {
            chart.series.push(Series::new(name, Look::Line, places.iter().zip(values).map(|(&x, y)| [x, y])));
        }
        let [_, at] = slopes(activation, &[0.5, 5.0, -5.0, 10.0])?;
        table.row(name, at[..3].to_vec());
        far.push(at);
    }
    let [up, back] = charts;
    Ok(Claim::new(
        Slides(5, 5),
        "Where activations saturate",
        "The sigmoid and the hyperbolic tangent flatten on both sides: where an input is large, nearly nothing of the \
         gradient comes back. The rectifier has slope 1 wherever it is on, and 0 where it is off; its leaky and \
         exponential kin keep a slope below 0.",
    )
    .with(&up)?
    .with(&back)?
    .and(table)
    .expects(Check::at_most("slope of the sigmoid at 10", far[0][3], 1e-4))
    .expects(Check::at_most("slope of tanh at 5", far[1][1], 1e-3))
    .expects(Check::within("slope of the rectifier at 5", far[2][1], 1.0, 1.0))
    .expects(Check::at_least("slope of the leaky rectifier at -5", far[3][2], 0.05)))
}

/// How often all elements of the gradient of a unit's weights have one sign.
fn signs(setting: &Setting) -> Result<Claim, GalleryError> {
    let (samples, inputs) = (400, 12);
    let mut table = Table::of(["activation before the unit", "share of gradients with one sign"]);
    let mut shares = Vec::new();
    for (name, activation) in [ALL[0], ALL[1]] {
        let mut rng = Rng::new(setting.seed).fork("signs");
        let mut alike = 0;
        for _ in 0..samples {
            let values: Vec<f64> = (0..inputs).map(|_| 2.0 * rng.normal()).collect();
            let x = activation.apply(&Tensor::new(values, &Device::Cpu)?)?.unsqueeze(0)?;
            let w = Var::zeros((inputs, 1), DType::F64, &Device::Cpu)?;
            // Any loss of the unit's output has a gradient that is a number times the inputs.
            let loss = (x.matmul(&w)? * rng.normal())?.sum_all()?;
            let grads = backward(&loss)?;
            let gradient = grads.get(&w).map_or(Ok(Vec::new()), |gradient| gradient.flatten_all()?.to_vec1::<f64>())?;
            alike += usize::from(gradient.iter().all(|g| *g > 0.0) || gradient.iter().all(|g| *g < 0.0));
        }
        shares.push(alike as f64 / samples as f64);
        table.row(name, [alike as f64 / samples as f64]);
    }
    let chart = Chart {
        title: "Gradients whose elements all have one sign".into(),
        x: Axis::of("", ["behind a sigmoid", "behind tanh"]),
        y: Axis::new("share of 400 gradients").within(0.0, 1.05),
        series: vec![Series::new("", Look::Bars, [[0.0, shares[0]], [1.0, shares[1]]])],
    };
    Ok(Claim::new(
        Slides(5, 5),
        "Outputs of a sigmoid are not centered",
        "A unit whose inputs are all positive has a gradient whose elements all have one sign: all of its weights \
         rise together or fall together. Behind a sigmoid that is always so, behind a tangent hardly ever.",
    )
    .with(&chart)?
    .and(table)
    .expects(Check::within("share with one sign behind a sigmoid", shares[0], 1.0, 1.0))
    .expects(Check::at_most("share with one sign behind tanh", shares[1], 0.05)))
}

fn dead(setting: &Setting) -> Result<Claim, GalleryError> {
    let rng = Rng::new(setting.seed).fork("dead");
    let set = Set::maps(&pictures(256, Shape::plain(), &rng.fork("pictures")))?.rows()?;
    let mut table = Table::of(["learning rate", "dead with ReLU", "with leaky ReLU", "loss with ReLU", "with leaky"]);
    let mut charts = [Vec::new(), Vec::new()];
    let mut shares = Vec::new();
    for lr in [0.01, 0.1, 1.0, 10.0] {
        let (mut dead, mut losses) = (Vec::new(), Vec::new());
        for (series, activation) in charts.iter_mut().zip([Activation::Relu, Activation::LeakyRelu(0.1)]) {
            let net = Net::new(&rng)
                .linear([1200, 128], Initialization::HeFanIn, activation)?
                .then(activation)
                .linear([128, 8], Initialization::Normal(0.01), activation)?;
            let steps = setting.many(600);
            let course = train(&net, &set, Plan::by(Sgd::new(SgdConfig::default())?, lr, steps)?, &rng)?;
            let share = silent(&net, &set, activation)?;
            series.push([lr, share]);
            dead.push(share);
            losses.push(course.last().copied().unwrap_or(f64::NAN));
        }
        table.row(format!("{lr}"), dead.iter().chain(&losses).copied());
        shares.push(dead);
    }
    let [relu, leaky] = charts;
    let chart = Chart {
        title: "Units without a gradient after training".into(),
        x: Axis::log("learning rate"),
        y: Axis::new("share of 128 hidden units").within(-0.03, 1.03),
        series: vec![Series::new("ReLU", Look::Both, relu), Series::new("leaky ReLU 0.1", Look::Both, leaky)],
    };
    let worst = |which: usize| shares.iter().map(|pair: &Vec<f64>| pair[which]).fold(0.0, f64::max);
    Ok(Claim::new(
        Slides(6, 6),
        "A rectifier can die",
        "A hidden layer of rectifiers learns eight shapes by plain gradient descent. A step that is too long pushes a \
         unit's weights so far that it is off for every picture: no gradient reaches it, and it never comes back. At \
         rates that suit the network hardly any unit dies; leaky rectifiers never do.",
    )
    .with(&chart)?
    .and(table)
    .expects(Check::at_most("share of dead units at rate 0.01", shares[0][0], 0.05))
    .expects(Check::at_least("the largest share of dead units with ReLU", worst(0), 0.2))
    .expects(Check::at_most("the largest share with leaky ReLU", worst(1), 0.0)))
}

/// The share of hidden units whose slope is 0 for every sample.
fn silent(net: &Net, set: &Set, activation: Activation) -> Result<f64, GalleryError> {
    if activation != Activation::Relu {
        // Its slope is 0 nowhere.
        return Ok(0.0);
    }
    let x = net.layers[..2].iter().try_fold(set.x.clone(), |x, layer| layer.forward(&x, Mode::Eval))?;
    let most = x.max(0)?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
    Ok(most.iter().filter(|&&most| most <= 0.0 || most.is_nan()).count() as f64 / most.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_the_formulas() {
        let [y, slope] = slopes(Activation::Sigmoid, &[0.0, 2.0]).unwrap();
        let s = 1.0 / (1.0 + (-2f64).exp());
        assert!((y[0] - 0.5).abs() < 1e-12 && (slope[0] - 0.25).abs() < 1e-12);
        assert!((slope[1] - s * (1.0 - s)).abs() < 1e-12);
    }
}
