//! Slides 72, 73 and 82 to 85: noise in training, its average in testing.

use candle_core::Tensor;
use taper_augment::{Border, HorizontalFlip, RandomCrop, Transform};
use taper_nn::{Activation, Conv2d, Conv2dConfig, GlobalAvgPool, Initialization, Layer, Mode};
use taper_regularize::{
    DropConnect, DropPer, Dropout, FractionalMaxPool, FractionalMaxPoolConfig, Inference, Product, StochasticDepth,
};
use taper_report::draw::{Axis, Chart, Look, Series};
use taper_tensor::Rng;

use crate::claim::{Check, Claim, Slides, Table};
use crate::error::GalleryError;
use crate::nets::{Net, Plan, Set, score, train};
use crate::setting::Setting;
use crate::shapes::{Look as Shape, Pictures, SIDE, pictures};

/// A way to put noise into training.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Noise {
    None,
    Dropout,
    BatchNorm,
    Augmentation,
    DropConnect,
    FractionalPool,
    StochasticDepth,
}

const ALL: [(&str, Noise, &str, &str); 7] = [
    ("none", Noise::None, "nothing", "one pass"),
    ("dropout", Noise::Dropout, "features are dropped", "features are scaled"),
    ("batch norm", Noise::BatchNorm, "statistics of a random batch", "running statistics"),
    ("augmentation", Noise::Augmentation, "random flips and shifts", "the picture as it is"),
    ("DropConnect", Noise::DropConnect, "weights are dropped", "the mean of the weights"),
    ("fractional max pooling", Noise::FractionalPool, "random regions", "the mean of eight draws"),
    ("stochastic depth", Noise::StochasticDepth, "whole blocks are dropped", "blocks are scaled"),
];

/// Their names below a chart.
const SHORT: [&str; 7] =
    ["none", "drop-\nout", "batch\nnorm", "aug-\nmented", "Drop-\nConnect", "fract.\npool", "stoch.\ndepth"];

/// A convolution that is added to its input, or left out.
struct Residual {
    conv: Conv2d,
    depth: StochasticDepth,
}

impl Layer for Residual {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> candle_core::Result<Tensor> {
        self.depth.residual(x, mode, |x| self.conv.forward_relu(x, mode))
    }
}

/// The same small network around each noise.
fn net(noise: Noise, rng: &Rng, classes: usize) -> Result<Net, GalleryError> {
    const C: usize = 12;
    let same = Conv2dConfig { padding: 1, ..Conv2dConfig::default() };
    let mut net = Net::new(rng).convolution([3, C])?;
    if noise == Noise::BatchNorm {
        net = net.norm(C)?;
    }
    let conv = Conv2d::new(&net.next(), C, 2 * C, 3, same)?;
    net = net.then(conv).then(Activation::Relu);
    net = match noise {
        Noise::FractionalPool => net.then(FractionalMaxPool::new(FractionalMaxPoolConfig::default(), "pool")?),
        _ => net.then(taper_nn::MaxPool2d::default()),
    };
    let survival = if noise == Noise::StochasticDepth { 0.5 } else { 1.0 };
    for block in 0..2 {
        let conv = Conv2d::new(&net.next(), 2 * C, 2 * C, 3, same)?;
        let depth = StochasticDepth::new(survival, DropPer::Batch, format!("block {block}"))?;
        net = net.then(Residual { conv, depth });
    }
    if noise == Noise::BatchNorm {
        net = net.norm(2 * C)?;
    }
    net = net.then(GlobalAvgPool);
    if noise == Noise::DropConnect {
        let (path, shape) = (net.next(), [64, 2 * C]);
        let weight = path.trainable("weight", &shape[..], Initialization::HeFanIn.of(&shape, Activation::Relu))?;
        let bias = path.trainable("bias", 64, taper_nn::candle_nn::Init::Const(0.0))?;
        let both = (weight, Some(bias));
        net = net.then(DropConnect::new(Product::Linear, both, 0.5, Activation::Relu, Inference::MeanWeights, "fc")?);
    } else {
        net = net.linear([2 * C, 64], Initialization::HeFanIn, Activation::Relu)?.then(Activation::Relu);
    }
    if noise == Noise::Dropout {
        net = net.then(Dropout::new(0.5, "hidden")?);
    }
    net.linear([64, classes], Initialization::Normal(0.01), Activation::Relu)
}

/// Each picture eight times, flipped and shifted at random.
fn augmented(plain: &Pictures, rng: &Rng) -> Result<Pictures, GalleryError> {
    let (flip, crop) = (HorizontalFlip::new(0.5)?, RandomCrop::new(SIDE, 2, Border::Reflect)?);
    let mut all = Pictures { classes: plain.classes.clone(), ..Pictures::default() };
    for (i, (image, label)) in plain.images.iter().zip(&plain.labels).enumerate() {
        for copy in 0..8 {
            let rng = rng.at(i as u64).at(copy);
            all.images.push(crop.apply(flip.apply(image.clone(), &mut rng.fork("flip")), &mut rng.fork("crop")));
            all.labels.push(*label);
        }
    }
    Ok(all)
}

/// What came of one way.
struct Row {
    /// Loss on the training pictures with the noise on and in testing, and accuracy in testing.
    train: [f64; 3],
    /// Validation accuracy of one noisy pass, of the expectation, of the mean of passes.
    val: [f64; 3],
}

fn measure(noise: Noise, plain: &Pictures, val: &Pictures, setting: &Setting, rng: &Rng) -> Result<Row, GalleryError> {
    let data = Set::maps(plain)?;
    let learned =
        if noise == Noise::Augmentation { Set::maps(&augmented(plain, &rng.fork("copies"))?)? } else { data.clone() };
    let net = net(noise, rng, data.classes)?;
    train(&net, &learned, Plan::adam(0.003, setting.many(1800))?, rng)?;
    let passes = 12u64;
    let shown = |pass: u64| -> Result<Set, GalleryError> {
        if noise != Noise::Augmentation {
            return Set::maps(val);
        }
        let all = augmented(val, &rng.fork("views").at(pass))?;
        // One of the eight of each picture.
        let images = all.images.into_iter().step_by(8).collect();
        Set::maps(&Pictures { images, labels: val.labels.clone(), classes: val.classes.clone() })
    };
    let noisy = |set: &Set, pass: u64| -> Result<Vec<Vec<f64>>, GalleryError> {
        let rng = rng.fork("passes").at(pass);
        if noise != Noise::BatchNorm {
            return net.probabilities(set, Mode::Sample(&rng));
        }
        // Batch norm is noisy by the other pictures of the batch.
        taper_nn::keep_statistics(|| {
            let mut order: Vec<usize> = (0..set.len()).collect();
            rng.fork("order").shuffle(&mut order);
            let mut all = vec![Vec::new(); set.len()];
            for part in order.chunks(32) {
                let (x, _) = set.some(part)?;
                let logits = net.forward(&x, Mode::Train(&rng))?.detach().to_dtype(candle_core::DType::F64)?;
                let rows = taper_tensor::softmax(&logits)?.to_vec2::<f64>()?;
                part.iter().zip(rows).for_each(|(&i, row)| all[i] = row);
            }
            Ok(all)
        })
    };
    let plain_val = Set::maps(val)?;
    let first = noisy(&shown(0)?, 0)?;
    let mut sum = first.clone();
    for pass in 1..passes {
        for (row, other) in sum.iter_mut().zip(noisy(&shown(pass)?, pass)?) {
            row.iter_mut().zip(other).for_each(|(a, b)| *a += b);
        }
    }
    sum.iter_mut().flatten().for_each(|value| *value /= passes as f64);
    let [loss, accuracy] = net.evaluate(&data)?;
    Ok(Row {
        train: [score(&noisy(&data, 99)?, &data.labels)[0], loss, accuracy],
        val: [score(&first, &val.labels)[1], net.evaluate(&plain_val)?[1], score(&sum, &val.labels)[1]],
    })
}

pub(super) fn run(setting: &Setting) -> Result<Vec<Claim>, GalleryError> {
    let rng = Rng::new(setting.seed).fork("pattern");
    let look = Shape { noise: 60.0, ..Shape::plain() };
    let (plain, val) = (pictures(240, look, &rng.fork("train")), pictures(800, look, &rng.fork("val")));
    let mut rows = Vec::new();
    for (_, noise, _, _) in ALL {
        rows.push(measure(noise, &plain, &val, setting, &rng)?);
    }
    Ok(std::iter::once(pattern(&rows)?).chain(gaps(&rows)?).collect())
}

fn pattern(rows: &[Row]) -> Result<Claim, GalleryError> {
    let mut table = Table::of([
        "method",
        "in training",
        "in testing",
        "one noisy pass, %",
        "expectation, %",
        "mean of 12 passes, %",
    ]);
    for ((name, _, noise, test), row) in ALL.iter().zip(rows) {
        let cells = [*name, *noise, *test].map(str::to_owned).into_iter();
        table.rows.push(cells.chain(row.val.map(|share| format!("{:.1}", 100.0 * share))).collect());
    }
    let series = ["one noisy pass", "expectation", "mean of 12 passes"].into_iter().enumerate().map(|(which, name)| {
        Series::new(name, Look::Bars, rows.iter().enumerate().map(|(i, row)| [i as f64, 100.0 * row.val[which]]))
    });
    let chart = Chart {
        title: "Validation accuracy by how noise is averaged".into(),
        x: Axis::of("", SHORT),
        y: Axis::new("%").within(0.0, 100.0),
        series: series.collect(),
    };
    // A single pass is random, the average is not: how often is it at least as good?
    let noisy = &rows[1..];
    let better = |which: usize| noisy.iter().filter(|row| row.val[which] >= row.val[0]).count() as f64;
    Ok(Claim::new(
        Slides(72, 73),
        "A common pattern: noise in training, averaged in testing",
        "Six ways to put noise into the training of one small network on 240 pictures, and what becomes of the noise \
         in testing. One pass with the noise on is compared with the expectation that the method takes, and with the \
         mean of twelve noisy passes.",
    )
    .by("taper eval run DATA --samples 12")
    .with(&chart)?
    .and(table)
    .expects(Check::at_least("methods of 6 whose expectation is as good as a noisy pass", better(1), 5.0).or(
        "at a constant rate the weights move on and batch norm's running statistics lag behind them; of DropConnect a \
         tenth of the points is a picture or two",
    ))
    .expects(
        Check::at_least("methods of 6 whose mean of passes is as good as one", better(2), 5.0)
            .or("where the noise hardly changes an answer, one pass is as good as many but for a picture or two"),
    ))
}

/// Three more ways, slide by slide.
const MORE: [(u8, Noise, &str, &str); 3] = [
    (
        83,
        Noise::DropConnect,
        "DropConnect drops weights",
        "Each weight of a layer, not each unit, is zero with probability 1/2; testing takes the mean of the weights.",
    ),
    (
        84,
        Noise::FractionalPool,
        "Fractional max pooling draws its regions",
        "Regions of one or two pixels a side, drawn anew in each step; testing takes the mean of eight draws.",
    ),
    (
        85,
        Noise::StochasticDepth,
        "Stochastic depth leaves out whole blocks",
        "Each of two residual blocks is left out of half of the steps; testing has all of them, scaled.",
    ),
];

/// Accuracy in testing on the training pictures above that on new ones, points.
fn gap(row: &Row) -> f64 {
    100.0 * (row.train[2] - row.val[1])
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::of([
        "method",
        "training loss with the noise",
        "in testing",
        "training accuracy, %",
        "validation accuracy, %",
        "gap, points",
    ]);
    for ((name, ..), row) in ALL.iter().zip(rows) {
        table.row(*name, [row.train[0], row.train[1], 100.0 * row.train[2], 100.0 * row.val[1], gap(row)]);
    }
    table
}

fn gaps(rows: &[Row]) -> Result<Vec<Claim>, GalleryError> {
    let none = &rows[0];
    let best = rows[1..].iter().map(|row| row.val[1]).fold(0.0, f64::max);
    let smaller = rows[1..].iter().filter(|row| gap(row) < gap(none)).count();
    let chart = |title: &str, which: &[usize]| Chart {
        title: title.to_owned(),
        x: Axis::of("", which.iter().map(|&i| SHORT[i])),
        y: Axis::new("accuracy in testing, %").within(0.0, 105.0),
        series: vec![
            Series::new("training pictures", Look::Bars, bars(which, |i| 100.0 * rows[i].train[2])),
            Series::new("new pictures", Look::Bars, bars(which, |i| 100.0 * rows[i].val[1])),
        ],
    };
    let all = Claim::new(
        Slides(82, 82),
        "Each of them narrows the gap between training and validation",
        "What each is worth here, on few pictures: the loss of the training pictures with the noise on and off, and \
         accuracies in testing.",
    )
    .by("taper train DATA --drop-connect 0.5 --out run")
    .with(&chart("The gap, by the noise in training", &[0, 1, 2, 3, 4, 5, 6]))?
    .and(table(rows))
    .expects(Check::at_least("methods of 6 whose gap is smaller than without noise", smaller as f64, 4.0))
    .expects(Check::at_least(
        "validation accuracy of the best above none, points",
        100.0 * (best - none.val[1]),
        1.0,
    ));
    let why = "this network is so small that it hardly overfits, and with less of it in each step it learns less";
    let mut claims = vec![all];
    for (slide, noise, title, text) in MORE {
        let at = ALL.iter().position(|(_, other, ..)| *other == noise).unwrap_or(0);
        let (row, loss) = (&rows[at], rows[at].train);
        let wider = gap(row) - gap(none);
        claims.push(
            Claim::new(Slides(slide, slide), title, text)
                .with(&chart(title, &[0, at]))?
                .expects(
                    Check::at_most("gap between training and validation beside that without noise, points", wider, 0.0)
                        .or(why),
                )
                .expects(Check::at_least(
                    "loss of training pictures with the noise above that in testing",
                    loss[0] - loss[1],
                    0.0,
                )),
        );
    }
    Ok(claims)
}

/// Bars of some rows.
fn bars(which: &[usize], value: impl Fn(usize) -> f64) -> Vec<[f64; 2]> {
    which.iter().enumerate().map(|(place, &i)| [place as f64, value(i)]).collect()
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn every_noise_has_its_network() {
        let rng = Rng::new(0);
        let x = Tensor::zeros((2, 20, 20, 3), candle_core::DType::F32, &Device::Cpu).unwrap();
        for (name, noise, ..) in ALL {
            let net = net(noise, &rng, 8).unwrap();
            assert_eq!(net.forward(&x, Mode::Eval).unwrap().dims(), [2, 8], "{name}");
        }
    }

    #[test]
    fn copies_keep_their_labels() {
        let all = augmented(&pictures(3, Shape::default(), &Rng::new(0)), &Rng::new(1)).unwrap();
        assert_eq!((all.images.len(), &all.labels[7..9]), (24, &[0, 1][..]));
    }
}
