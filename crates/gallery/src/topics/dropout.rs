//! Slides 60 to 71: dropout by hand.

use candle_core::{Device, Tensor};
use taper_nn::{Activation, Initialization, Layer, Mode};
use taper_regularize::Dropout;
use taper_report::draw::{Axis, Chart, Look, Series};
use taper_tensor::Rng;

use crate::claim::{Check, Claim, Slides, Table};
use crate::error::GalleryError;
use crate::math::{deviation, mean};
use crate::nets::{Net, Plan, Set, train};
use crate::setting::Setting;
use crate::shapes::{Look as Shape, Pictures, pictures};

/// The probability that a unit is dropped.
const P: f64 = 0.5;

pub(super) fn run(setting: &Setting) -> Result<Vec<Claim>, GalleryError> {
    let nets = Nets::new(setting)?;
    Ok(vec![
        forward(setting)?,
        redundant(&nets)?,
        masks()?,
        random(&nets, setting)?,
        neuron(setting)?,
        scaled()?,
        inverted(setting)?,
    ])
}

/// A network that learned shapes with dropout, and one without.
struct Nets {
    with: Net,
    without: Net,
    val: Set,
    rng: Rng,
}

impl Nets {
    fn new(setting: &Setting) -> Result<Self, GalleryError> {
        let rng = Rng::new(setting.seed).fork("dropout");
        let set = |name: &str, count| Set::maps(&pictures(count, Shape::plain(), &rng.fork(name)))?.rows();
        let (data, val) = (set("train", 800)?, set("val", 800)?);
        let learned = |p: f64| -> Result<Net, GalleryError> {
            let mut net =
                Net::new(&rng).linear([1200, 128], Initialization::HeFanIn, Activation::Relu)?.then(Activation::Relu);
            if p > 0.0 {
                net = net.then(Dropout::new(p, "hidden")?);
            }
            let net = net.linear([128, 8], Initialization::Normal(0.01), Activation::Relu)?;
            train(&net, &data, Plan::adam(0.001, setting.many(2000))?, &rng)?;
            Ok(net)
        };
        Ok(Self { with: learned(P)?, without: learned(0.0)?, val, rng })
    }
}

fn forward(setting: &Setting) -> Result<Claim, GalleryError> {
    let rng = Rng::new(setting.seed).fork("forward");
    let ones = Tensor::ones((400, 100), candle_core::DType::F64, &Device::Cpu)?;
    let layer = Dropout::plain(P, "layer")?;
    let out = layer.forward(&ones, Mode::Train(&rng))?.to_vec2::<f64>()?;
    let kept: Vec<f64> = out.iter().map(|row| row.iter().sum::<f64>()).collect();
    let again = layer.forward(&ones, Mode::Train(&rng.at(1)))?.to_vec2::<f64>()?;
    let chart = Chart {
        title: "Units of 100 that stay, 400 samples".into(),
        x: Axis::new("units that stay").within(25.0, 75.0),
        y: Axis::new("share of samples"),
        series: vec![Series::new("", Look::Bars, crate::math::histogram(&kept, [25.5, 74.5], 49))],
    };
    Ok(Claim::new(
        Slides(60, 61),
        "In each forward pass each unit is set to zero with probability 1/2",
        "A layer of 100 ones goes through plain dropout, 400 samples with a mask each: how many ones are left. The \
         next pass has other masks.",
    )
    .with(&chart)?
    .expects(Check::within("mean number that stay", mean(&kept), 49.0, 51.0))
    .expects(Check::within("its deviation, beside the 5 of coin tosses", deviation(&kept) / 5.0, 0.85, 1.15))
    .expects(Check::at_least(
        "samples whose mask differs in the next pass",
        out.iter().zip(&again).filter(|(a, b)| a != b).count() as f64,
        399.0,
    )))
}

/// Removes a share of the hidden units for good: how well does the rest do?
fn redundant(nets: &Nets) -> Result<Claim, GalleryError> {
    let mut series = vec![Series::new("learned with dropout", Look::Both, []), Series::new("without", Look::Both, [])];
    let mut table = Table::of(["hidden units removed", "learned with dropout", "without"]);
    for share in [0.0, 0.25, 0.5, 0.75] {
        let mut row = Vec::new();
        for (which, net) in [&nets.with, &nets.without].into_iter().enumerate() {
            let mut accuracies = Vec::new();
            for draw in 0..5 {
                let mut order: Vec<usize> = (0..128).collect();
                nets.rng.fork("removed").at(draw).shuffle(&mut order);
                let gone = (128.0 * share) as usize;
                let mut mask = vec![1f32; 128];
                order[..gone].iter().for_each(|&unit| mask[unit] = 0.0);
                // What is left carries all of the signal.
                let scale = 128.0 / (128 - gone) as f64;
                let hidden =
                    net.layers[..2].iter().try_fold(nets.val.x.clone(), |x, layer| layer.forward(&x, Mode::Eval))?;
                let hidden = (hidden.broadcast_mul(&Tensor::new(mask, &Device::Cpu)?)? * scale)?;
                let logits = net.layers[2..].iter().try_fold(hidden, |x, layer| layer.forward(&x, Mode::Eval))?;
                let answers = logits.to_dtype(candle_core::DType::F64)?.to_vec2::<f64>()?;
                accuracies.push(right(&answers, &nets.val.labels));
            }
            row.push(mean(&accuracies));
            series[which].points.push([share, mean(&accuracies)]);
        }
        table.row(format!("{:.0} %", 100.0 * share), row.clone());
    }
    let loss = |which: usize| series[which].points[0][1] - series[which].points[2][1];
    let (with, without) = (loss(0), loss(1));
    let chart = Chart {
        title: "Accuracy when hidden units are removed".into(),
        x: Axis::new("share of hidden units removed"),
        y: Axis::new("validation accuracy").within(0.0, 1.0),
        series,
    };
    Ok(Claim::new(
        Slides(62, 62),
        "Dropout asks for redundant features",
        "Two networks of 128 hidden units, one learned with dropout. Then units are removed for good, at random: the \
         one that learned with units missing loses less.",
    )
    .with(&chart)?
    .and(table)
    .expects(Check::at_most(
        "accuracy lost with half of the units removed, with dropout beside without",
        with / without,
        0.8,
    )))
}

fn right(answers: &[Vec<f64>], labels: &[usize]) -> f64 {
    let best = |row: &[f64]| (0..row.len()).max_by(|&i, &j| row[i].total_cmp(&row[j]));
    let right = answers.iter().zip(labels).filter(|(row, label)| best(row) == Some(**label)).count();
    right as f64 / labels.len() as f64
}

fn masks() -> Result<Claim, GalleryError> {
    let mut table = Table::of(["units", "masks, power of ten"]);
    for units in [10u32, 100, 1000, 4096] {
        table.row(units.to_string(), [f64::from(units) * 2f64.log10()]);
    }
    let power = 4096.0 * 2f64.log10();
    let chart = Chart {
        title: "How many masks there are".into(),
        x: Axis::log("units"),
        y: Axis::log("power of ten of the number of masks"),
        series: vec![
            Series::new("masks", Look::Both, [10.0, 100.0, 1000.0, 4096.0].map(|units| [units, units * 2f64.log10()])),
            Series::new("atoms of the universe, 82", Look::Line, [[10.0, 82.0], [4096.0, 82.0]]),
        ],
    };
    Ok(Claim::new(
        Slides(63, 63),
        "Each mask is a model, and there are more than can be counted",
        "A layer of n units has 2ⁿ masks, each a network of its own that shares its weights with all others. A fully \
         connected layer of 4096 units has about 10¹²³³ of them; the universe has some 10⁸² atoms.",
    )
    .with(&chart)?
    .and(table)
    .expects(Check::within("power of ten of the masks of 4096 units", power, 1233.0, 1234.0)))
}

/// A picture unlike all that were learned: stripes.
fn odd() -> Pictures {
    let image = image::RgbImage::from_fn(20, 20, |x, y| {
        image::Rgb(if (x / 3 + y / 4) % 2 == 0 { [250, 40, 200] } else { [10, 220, 60] })
    });
    let classes = crate::shapes::CLASSES.map(str::to_owned).to_vec();
    Pictures { images: vec![image], labels: vec![0], classes }
}

fn random(nets: &Nets, setting: &Setting) -> Result<Claim, GalleryError> {
    let passes = setting.many(120).max(60);
    let plain =
        Set::maps(&pictures(64, Shape { noise: 5.0, turn: 0.0, ..Shape::plain() }, &nets.rng.fork("plain")))?.rows()?;
    let strange = Set::maps(&odd())?.rows()?;
    // Of each picture, the probability of its likeliest class in every pass.
    let draws = |set: &Set| -> Result<Vec<Vec<f64>>, GalleryError> {
        let all: Vec<Vec<Vec<f64>>> = (0..passes)
            .map(|pass| nets.with.probabilities(set, Mode::Sample(&nets.rng.fork("pass").at(pass as u64))))
            .collect::<Result<_, _>>()?;
        let of = |picture: usize| {
            let mean_of = |class: usize| mean(&all.iter().map(|pass| pass[picture][class]).collect::<Vec<_>>());
            let means: Vec<f64> = (0..set.classes).map(mean_of).collect();
            let best = (0..set.classes).max_by(|&i, &j| means[i].total_cmp(&means[j])).unwrap_or(0);
            all.iter().map(|pass| pass[picture][best]).collect()
        };
        Ok((0..set.len()).map(of).collect())
    };
    let (usual, odd) = (draws(&plain)?, draws(&strange)?);
    let spreads: Vec<f64> = usual.iter().map(|draws| deviation(draws)).collect();
    // The picture in the middle of the field.
    let typical = (0..spreads.len())
        .min_by(|&i, &j| (spreads[i] - mean(&spreads)).abs().total_cmp(&(spreads[j] - mean(&spreads)).abs()))
        .unwrap_or(0);
    let chart = Chart {
        title: "One picture, many passes with dropout on".into(),
        x: Axis::new("probability of the likeliest class").within(0.0, 1.0),
        y: Axis::new("share of passes"),
        series: vec![
            Series::new("a clean shape", Look::Bars, crate::math::histogram(&usual[typical], [0.0, 1.0], 10)),
            Series::new(
                "stripes, unlike all that was learned",
                Look::Bars,
                crate::math::histogram(&odd[0], [0.0, 1.0], 10),
            ),
        ],
    };
    let mut table = Table::of(["picture", "deviation of the probability over the passes"]);
    table.row("clean shapes, mean of 64", [mean(&spreads)]);
    table.row("stripes", [deviation(&odd[0])]);
    Ok(Claim::new(
        Slides(64, 64),
        "With dropout on, an answer is random",
        "The same picture, again and again, each time with another mask: the answer wavers. That is why testing takes \
         the mean. How far it wavers says something too: on a picture unlike all that was learned the network \
         disagrees with itself.",
    )
    .by("taper predict run odd.png --samples 60")
    .with(&chart)?
    .and(table)
    .expects(Check::at_least("deviation over the passes on clean shapes", mean(&spreads), 0.005))
    .expects(
        Check::at_least("deviation on stripes beside that on clean shapes", deviation(&odd[0]) / mean(&spreads), 1.0)
            .or("a network can be sure of what it never saw; Monte-Carlo dropout does not always tell"),
    ))
}

/// The outputs of one neuron with two inputs for each of its four masks.
fn outputs([w1, w2]: [f64; 2], [x, y]: [f64; 2]) -> [f64; 4] {
    [w1 * x + w2 * y, w1 * x, w2 * y, 0.0]
}

fn neuron(setting: &Setting) -> Result<Claim, GalleryError> {
    let (w, x) = ([1.5, -0.7], [2.0, 1.0]);
    let exact = mean(&outputs(w, x));
    let whole = outputs(w, x)[0];
    let input = Tensor::new(&[[w[0] * x[0], w[1] * x[1]]], &Device::Cpu)?;
    let (layer, rng) = (Dropout::plain(P, "neuron")?, Rng::new(setting.seed).fork("neuron"));
    let (mut sum, mut points) = (0.0, Vec::new());
    let count = 20_000usize;
    for draw in 0..count {
        sum += layer.forward(&input, Mode::Sample(&rng.at(draw as u64)))?.sum_all()?.to_scalar::<f64>()?;
        if (draw + 1).is_power_of_two() || draw + 1 == count {
            points.push([(draw + 1) as f64, sum / (draw + 1) as f64]);
        }
    }
    let sampled = sum / count as f64;
    // Behind a rectifier the mean of the outputs is not the output of the mean.
    let bent = mean(&outputs(w, x).map(|a| (a - 1.0).max(0.0)));
    let of_mean = (P * whole - 1.0).max(0.0);
    let mut table = Table::of(["how", "expectation"]);
    table.row("the mean of the four masks", [exact]);
    table.row("1/2 times the neuron without dropout", [P * whole]);
    table.row("mean of 20 000 random masks", [sampled]);
    table.row("max(a - 1, 0) behind it: the mean of the four", [bent]);
    table.row("max(a - 1, 0) of the mean", [of_mean]);
    let last = points[points.len() - 1][0];
    let chart = Chart {
        title: "The mean over random masks".into(),
        x: Axis::log("masks drawn"),
        y: Axis::new("mean output of the neuron"),
        series: vec![
            Series::new("sampled", Look::Both, points),
            Series::new("exact", Look::Line, [[1.0, exact], [last, exact]]),
        ],
    };
    Ok(Claim::new(
        Slides(65, 67),
        "The expectation of one neuron",
        "A neuron a = w₁x + w₂y with w = (1.5, -0.7) and inputs (2, 1). Dropout has four masks, each with probability \
         1/4; their mean is half of the output without dropout: multiplying by the probability to stay is exact. \
         That holds for one linear neuron. Behind a rectifier the two differ, so for a network it is an approximation.",
    )
    .with(&chart)?
    .and(table)
    .expects(Check::at_most(
        "distance of the mean of four masks from half the output",
        (exact - P * whole).abs(),
        1e-12,
    ))
    .expects(Check::at_most("distance of the sampled mean from it", (sampled - exact).abs(), 0.05))
    .expects(Check::at_least("distance of the two behind a rectifier", (bent - of_mean).abs(), 0.01)))
}

fn scaled() -> Result<Claim, GalleryError> {
    let x = Tensor::new(&[1.0, -2.0, 4.0], &Device::Cpu)?;
    let rng = Rng::new(0);
    let test = Dropout::plain(P, "layer")?.forward(&x, Mode::Eval)?.to_vec1::<f64>()?;
    let train = Dropout::plain(P, "layer")?.forward(&x, Mode::Train(&rng))?.to_vec1::<f64>()?;
    let mut table = Table::of(["pass", "1", "-2", "4"]);
    table.row("training, one mask", train.clone());
    table.row("testing", test.clone());
    let bars = |values: &[f64]| values.iter().enumerate().map(|(i, &y)| [i as f64, y]).collect::<Vec<_>>();
    let chart = Chart {
        title: "A layer of three, both passes".into(),
        x: Axis::of("unit", ["1", "-2", "4"]),
        y: Axis::new("output"),
        series: vec![
            Series::new("training, one mask", Look::Bars, bars(&train)),
            Series::new("testing", Look::Bars, bars(&test)),
        ],
    };
    let whole = train.iter().zip([1.0, -2.0, 4.0]).filter(|(y, x)| **y != 0.0 && **y != *x).count();
    Ok(Claim::new(
        Slides(68, 69),
        "Plain dropout: drop in training, scale in testing",
        "In training an input stays as it is or becomes zero; in testing all are there, times the probability to stay.",
    )
    .with(&chart)?
    .and(table)
    .expects(Check::within("what testing makes of 4", test[2], 2.0, 2.0))
    .expects(Check::at_most("inputs that training neither keeps nor drops", whole as f64, 0.0)))
}

fn inverted(setting: &Setting) -> Result<Claim, GalleryError> {
    let rng = Rng::new(setting.seed).fork("inverted");
    let mut table = Table::of(["form", "mean in training", "in testing", "training over testing"]);
    let ones = Tensor::ones(20_000, candle_core::DType::F64, &Device::Cpu)?;
    let mut ratios = Vec::new();
    let mut tests = Vec::new();
    for (name, layer) in [("plain", Dropout::plain(P, "layer")?), ("inverted", Dropout::new(P, "layer")?)] {
        let train = layer.forward(&ones, Mode::Train(&rng))?.mean_all()?.to_scalar::<f64>()?;
        let test = layer.forward(&ones, Mode::Eval)?.mean_all()?.to_scalar::<f64>()?;
        table.row(name, [train, test, train / test]);
        ratios.push(train / test);
        tests.push(test);
    }
    let chart = Chart {
        title: "What 20 000 ones become, in the mean".into(),
        x: Axis::of("", ["plain", "inverted"]),
        y: Axis::new("mean output").within(0.0, 1.2),
        series: vec![
            Series::new("training", Look::Bars, [0, 1].map(|i| [i as f64, ratios[i] * tests[i]])),
            Series::new("testing", Look::Bars, [0, 1].map(|i| [i as f64, tests[i]])),
        ],
    };
    // With the same masks the two forms differ by a factor alone.
    let x = Tensor::new(&[0.3, -1.0, 2.5, 4.0, 0.1, 7.0], &Device::Cpu)?;
    let plain = Dropout::plain(P, "layer")?.forward(&x, Mode::Train(&rng))?;
    let other = Dropout::new(P, "layer")?.forward(&x, Mode::Train(&rng))?;
    let apart = ((plain / (1.0 - P))? - other)?.abs()?.max(0)?.to_scalar::<f64>()?;
    Ok(Claim::new(
        Slides(70, 71),
        "Inverted dropout: scale in training, and testing stays as it is",
        "Dividing by the probability to stay in training makes the mean right at once. A network that was learned so \
         is tested without knowing of dropout; it is what taper trains with by default.",
    )
    .by("taper train DATA --head mlp --dropout 0.5 --out run")
    .with(&chart)?
    .and(table)
    .expects(Check::within("training over testing, plain", ratios[0], 0.97, 1.03))
    .expects(Check::within("training over testing, inverted", ratios[1], 0.97, 1.03))
    .expects(Check::within("what inverted dropout makes of ones in testing", tests[1], 1.0, 1.0))
    .expects(Check::at_most("distance of the two forms with one mask, but for the factor", apart, 1e-12)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_four_masks_is_half_the_output() {
        let all = outputs([3.0, -1.0], [2.0, 5.0]);
        assert_eq!(all, [1.0, 6.0, -5.0, 0.0]);
        assert_eq!(mean(&all), 0.5);
    }

    #[test]
    fn what_needs_no_training_is_as_the_lecture_says() {
        let setting = Setting::default();
        for claim in [forward(&setting), masks(), neuron(&setting), scaled(), inverted(&setting)] {
            let claim = claim.unwrap();
            assert!(claim.holds(), "{}: {:?}", claim.title, claim.checks);
        }
    }
}
