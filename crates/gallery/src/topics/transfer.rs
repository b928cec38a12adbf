//! Slides 87 to 93: transfer learning.

use candle_core::{DType, Device, Tensor};
use taper_nn::{Mode, Params};
use taper_optim::{Adam, AdamConfig, Cosine, Group, Optimizer, OptimizerConfig, Schedule};
use taper_report::draw::{Axis, Chart, Look, Series};
use taper_tensor::{Rng, backward, cross_entropy, global_avg_pool};
use taper_trainer::evaluate::linear_probe::probe;
use taper_transfer::{Classifier, ConvHeadConfig, Head, model};

use crate::claim::{Check, Claim, Slides, Table};
use crate::error::GalleryError;
use crate::nets::{self, Net, Plan, Set, score};
use crate::pictures_of::{Kind, few_and_many};
use crate::setting::Setting;

/// The network whose weights are in every binary.
const NETWORK: &str = "squeezenet1_1";

/// Pictures of a kind, few or many, and those to test by.
struct Case {
    kind: Kind,
    /// Few and many pictures to learn from.
    train: [Set; 2],
    val: Set,
}

/// Mean and deviation of ImageNet's colors, which the pretrained weights expect.
fn normalized(set: &Set) -> Result<Set, GalleryError> {
    let row = |values: [f32; 3]| Tensor::new(&values, &Device::Cpu);
    let unit = ((&set.x + 1.0)? * 0.5)?;
    let x = unit.broadcast_sub(&row([0.485, 0.456, 0.406])?)?.broadcast_div(&row([0.229, 0.224, 0.225])?)?;
    Ok(Set { x, ..set.clone() })
}

/// A classifier on the pretrained network.
fn network(classes: usize, rng: &Rng) -> Result<(Classifier, Params), GalleryError> {
    let params = Params::new(rng.fork("init"), DType::F32, Device::Cpu);
    let head = Head::Conv(ConvHeadConfig { dropout: 0.0 });
    let net = model(NETWORK)?.classifier(&params, head, classes)?;
    Ok((net, params))
}

/// The mean of each channel at each stage.
fn features(net: &Classifier, set: &Set) -> Result<Vec<Tensor>, GalleryError> {
    let mut parts: Vec<Vec<Tensor>> = Vec::new();
    for begin in (0..set.len()).step_by(64) {
        let x = set.x.narrow(0, begin, 64.min(set.len() - begin))?;
        for (stage, map) in net.stage_outputs(&x, Mode::Eval)?.into_iter().enumerate() {
            let pooled = global_avg_pool(&map)?.flatten_from(1)?.to_dtype(DType::F64)?;
            if stage == parts.len() {
                parts.push(Vec::new());
            }
            parts[stage].push(pooled);
        }
    }
    parts.iter().map(|part| Ok(Tensor::cat(part, 0)?)).collect()
}

/// Accuracy of a linear classifier on each stage, %.
fn probes(net: &Classifier, train: &Set, val: &Set, rng: &Rng) -> Result<Vec<f64>, GalleryError> {
    let (seen, unseen) = (features(net, train)?, features(net, val)?);
    let one = |(a, b): (&Tensor, &Tensor)| {
        let found = probe((a, &train.labels), (b, &val.labels), train.classes, &rng.fork("probe"));
        found.map(|found| 100.0 * found.accuracy).map_err(|source| GalleryError::Probe { source: Box::new(source) })
    };
    seen.iter().zip(&unseen).map(one).collect()
}

/// Trains from a stage on, and says the accuracy, %.
fn tuned(frozen: usize, case: (&Set, &Set), steps: usize, rng: &Rng) -> Result<f64, GalleryError> {
    let (train, val) = case;
    let (mut net, params) = network(train.classes, rng)?;
    net.freeze(frozen)?;
    let all = net.trainables(&params).into_iter().map(|one| (one.name, one.var)).collect();
    let group = Group { params: all, ..Group::default() };
    let mut optimizer =
        Optimizer::new(Box::new(Adam::new(AdamConfig::default())?), vec![group], OptimizerConfig::default())?;
    let (lr, schedule) = (3e-4, Cosine::new(steps as u64, 0.0)?);
    let (batch, mut order) = (32.min(train.len()), Vec::new());
    let per_epoch = (train.len() / batch).max(1);
    for step in 0..steps {
        if step % per_epoch == 0 {
            order = (0..train.len()).collect();
            rng.fork("shuffle").at(step as u64).shuffle(&mut order);
        }
        let begin = step % per_epoch * batch;
        let (x, targets) = train.some(&order[begin..begin + batch])?;
        let noise = rng.fork("noise").at(step as u64);
        let loss = cross_entropy(&net.forward(&x, Mode::Train(&noise))?, &targets)?;
        optimizer.step(&backward(&loss)?, lr * schedule.at(step as u64))?;
    }
    let mut answers = Vec::new();
    for begin in (0..val.len()).step_by(64) {
        let x = val.x.narrow(0, begin, 64.min(val.len() - begin))?;
        let logits = net.forward(&x, Mode::Eval)?.to_dtype(DType::F64)?;
        answers.extend(taper_tensor::softmax(&logits)?.to_vec2::<f64>()?);
    }
    Ok(100.0 * score(&answers, &val.labels)[1])
}

/// Trains a small network from first weights, and says the accuracy, %.
fn scratch((train, val): (&Set, &Set), steps: usize, rng: &Rng) -> Result<f64, GalleryError> {
    let net = Net::cnn(rng, 12, train.classes)?;
    let schedule = Cosine::new(steps as u64, 0.0)?;
    nets::train(&net, train, Plan { schedule: &schedule, ..Plan::adam(0.003, steps)? }, rng)?;
    Ok(100.0 * net.evaluate(val)?[1])
}

/// What four ways come to on few and on many pictures, %: a linear classifier on the last stage,
/// the last stages tuned, all of it tuned, all of it learned from first weights.
struct Ways {
    stages: [Vec<f64>; 2],
    linear: [f64; 2],
    last: [f64; 2],
    all: [f64; 2],
    scratch: [f64; 2],
}

/// Stages that stay as they are where the last ones are tuned.
const FROZEN: usize = 3;

fn ways(case: &Case, setting: &Setting, rng: &Rng) -> Result<Ways, GalleryError> {
    let (net, _) = network(case.val.classes, rng)?;
    let steps = setting.many(400);
    let both = |way: &dyn Fn(&Set) -> Result<f64, GalleryError>| -> Result<[f64; 2], GalleryError> {
        Ok([way(&case.train[0])?, way(&case.train[1])?])
    };
    let stages = [probes(&net, &case.train[0], &case.val, rng)?, probes(&net, &case.train[1], &case.val, rng)?];
    let linear = [stages[0][stages[0].len() - 1], stages[1][stages[1].len() - 1]];
    Ok(Ways {
        stages,
        linear,
        last: both(&|train| tuned(FROZEN, (train, &case.val), steps, rng))?,
        all: both(&|train| tuned(0, (train, &case.val), steps, rng))?,
        scratch: both(&|train| scratch((train, &case.val), 2 * steps, rng))?,
    })
}

pub(super) fn run(setting: &Setting) -> Result<Vec<Claim>, GalleryError> {
    let rng = Rng::new(setting.seed).fork("transfer");
    let mut done = Vec::new();
    for (kind, train, val) in few_and_many(setting, &rng)? {
        let [few, many] = train;
        let case = Case { kind, train: [normalized(&few)?, normalized(&many)?], val: normalized(&val)? };
        let ways = ways(&case, setting, &rng)?;
        done.push((case, ways));
    }
    Ok(vec![little(&done[0])?, columns(&done)?, four(&done)?])
}

fn little((case, ways): &(Case, Ways)) -> Result<Claim, GalleryError> {
    let names = [
        "a linear classifier on the last stage",
        "last stages tuned",
        "all tuned",
        "a small network from first weights",
    ];
    let all = [ways.linear, ways.last, ways.all, ways.scratch];
    let mut table = Table::of(["way", "few pictures, %", "many pictures, %"]);
    names.iter().zip(all).for_each(|(name, both)| table.row(*name, both));
    let chart = Chart {
        title: format!("{} and {} pictures", case.train[0].len(), case.train[1].len()),
        x: Axis::of("", ["linear", "last stages\ntuned", "all tuned", "from first\nweights"]),
        y: Axis::new("validation accuracy, %").within(0.0, 100.0),
        series: vec![
            Series::new("few", Look::Bars, all.iter().enumerate().map(|(i, both)| [i as f64, both[0]])),
            Series::new("many", Look::Bars, all.iter().enumerate().map(|(i, both)| [i as f64, both[1]])),
        ],
    };
    let best =
        |which: usize| [ways.linear, ways.last, ways.all].map(|both| both[which]).into_iter().fold(0.0, f64::max);
    let gain = [best(0) - ways.scratch[0], best(1) - ways.scratch[1]];
    Ok(Claim::new(
        Slides(87, 89),
        "A lot of data is not needed where a network has learned on other data",
        "SqueezeNet 1.1, whose ImageNet weights are in the binary, learns generated shapes from a few pictures of each \
         class and from many: by a linear classifier on its last stage, by tuning; and beside it a small convolutional \
         network from first weights, in twice as many steps.",
    )
    .by("taper fine-tune DATA --plan auto")
    .with(&chart)?
    .and(table)
    .expects(Check::at_least("best of the pretrained above first weights, few pictures, points", gain[0], 5.0))
    .expects(
        Check::at_least("what the weights are worth with few pictures beside many", gain[0] / gain[1].max(0.1), 1.0)
            .or("with many pictures both gain, the pretrained network more"),
    ))
}

fn columns(done: &[(Case, Ways)]) -> Result<Claim, GalleryError> {
    let names: Vec<&str> = model(NETWORK)?
        .backbone(&Params::new(Rng::new(0), DType::F32, Device::Cpu).root())?
        .stages()
        .iter()
        .map(|stage| stage.name)
        .collect();
    let mut table = Table::of(["stage", "pictures", "few, %", "many, %"]);
    let mut series = Vec::new();
    for (case, ways) in done {
        for (stage, name) in names.iter().enumerate() {
            table.rows.push(vec![
                (*name).to_owned(),
                case.kind.name().to_owned(),
                format!("{:.1}", ways.stages[0][stage]),
                format!("{:.1}", ways.stages[1][stage]),
            ]);
        }
        for (which, size) in ["few", "many"].into_iter().enumerate() {
            let points = ways.stages[which].iter().enumerate().map(|(stage, &accuracy)| [stage as f64, accuracy]);
            series.push(Series::new(format!("{}, {size}", case.kind.name()), Look::Both, points));
        }
    }
    let chart = Chart {
        title: "A linear classifier on each stage".into(),
        x: Axis::new("stage, from the picture on"),
        y: Axis::new("validation accuracy, %").within(0.0, 100.0),
        series,
    };
    let (_, ways) = &done[0];
    let stages = &ways.stages[1];
    let best = (0..stages.len()).max_by(|&i, &j| stages[i].total_cmp(&stages[j])).unwrap_or(0);
    let more = ways.all[1] - ways.linear[1];
    Ok(Claim::new(
        Slides(90, 91),
        "Few pictures: the last layer. More: more layers",
        "What each stage of the pretrained network knows of the classes, by a linear classifier on it. The first stages \
         are generic, the last are made for ImageNet. With more pictures it pays to train more of them.",
    )
    .by("taper probe DATA --model vgg16")
    .with(&chart)?
    .and(table)
    .expects(Check::at_least("best stage beside the first, many pictures, points", stages[best] - stages[0], 5.0))
    .expects(Check::at_least("all tuned above the linear classifier, many pictures, points", more, 2.0)))
}

/// The table of little and much, different and similar.
fn cells(done: &[(Case, Ways)]) -> Table {
    let mut table = Table::of([
        "pictures",
        "number",
        "linear on the last stage, %",
        "best stage, %",
        "last stages tuned, %",
        "all tuned, %",
    ]);
    for (case, ways) in done {
        for which in 0..2 {
            let best = ways.stages[which].iter().copied().fold(0.0, f64::max);
            let number = case.train[which].len().to_string();
            let cells = [ways.linear[which], best, ways.last[which], ways.all[which]].map(|x| format!("{x:.1}"));
            table.rows.push([case.kind.name().to_owned(), number].into_iter().chain(cells).collect());
        }
    }
    table
}

/// The same as bars.
fn bars(done: &[(Case, Ways)]) -> Chart {
    let cells: Vec<(&Case, &Ways, usize)> =
        done.iter().flat_map(|(case, ways)| [(case, ways, 0), (case, ways, 1)]).collect();
    let series = |name: &str, value: fn(&Ways, usize) -> f64| {
        let points = cells.iter().enumerate().map(|(place, (_, ways, which))| [place as f64, value(ways, *which)]);
        Series::new(name, Look::Bars, points)
    };
    Chart {
        title: "Little and much, different and similar".into(),
        x: Axis::of(
            "",
            cells.iter().map(|(case, _, which)| format!("{}\n{}", case.kind.name(), case.train[*which].len())),
        ),
        y: Axis::new("validation accuracy, %").within(0.0, 105.0),
        series: vec![
            series("linear", |ways, which| ways.linear[which]),
            series("last stages tuned", |ways, which| ways.last[which]),
            series("all tuned", |ways, which| ways.all[which]),
        ],
    }
}

fn four(done: &[(Case, Ways)]) -> Result<Claim, GalleryError> {
    let (_, different) = &done[0];
    let best = different.stages[0].iter().copied().fold(0.0, f64::max);
    let similar = done.iter().find(|(case, _)| case.kind == Kind::Given).map(|(_, ways)| ways);
    let of = |value: fn(&Ways) -> f64| similar.map_or(f64::NAN, value);
    let given = "the binary has no photographs with it; --data FOLDER gives pictures that are more like ImageNet's";
    Ok(Claim::new(
        Slides(92, 93),
        "Little or much, similar or different",
        "Very different pictures are the generated shapes. For little of it the lecture advises to try other stages, \
         for much to train many layers. Similar pictures are those given by --data; for little the last layer is \
         enough, for much a few layers are trained. The same on four data sets, measured at length, is in \
         crates/transfer/EXPERIMENTS.md.",
    )
    .by("taper advise DATA")
    .with(&bars(done))?
    .and(cells(done))
    .expects(Check::at_least(
        "different, little: the best stage above the last, points",
        best - different.linear[0],
        0.0,
    ))
    .expects(Check::at_least(
        "different, much: all tuned above the last stages tuned, points",
        different.all[1] - different.last[1],
        0.0,
    ))
    .expects(
        Check::at_least(
            "similar, little: linear above first weights, points",
            of(|ways| ways.linear[0] - ways.scratch[0]),
            5.0,
        )
        .or(given),
    )
    .expects(
        Check::at_least(
            "similar, much: last stages tuned above linear, points",
            of(|ways| ways.last[1] - ways.linear[1]),
            0.0,
        )
        .or(given),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_give_features_of_every_picture() {
        let rng = Rng::new(0);
        let look = crate::shapes::Look { side: 64, ..crate::shapes::Look::default() };
        let set = normalized(&Set::maps(&crate::shapes::pictures(3, look, &rng)).unwrap()).unwrap();
        let (net, _) = network(8, &rng).unwrap();
        let all = features(&net, &set).unwrap();
        assert!(all.len() > FROZEN && all.iter().all(|stage| stage.dim(0).unwrap() == 3));
    }
}
