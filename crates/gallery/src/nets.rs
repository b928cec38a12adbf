//! Small networks on numbers in memory, and their training.

use candle_core::{DType, Device, Tensor};
use taper_nn::{
    Activation, BatchNorm, BatchNormConfig, Conv2d, Conv2dConfig, GlobalAvgPool, Initialization, Layer, Linear,
    LinearConfig, MaxPool2d, Mode, ParamPath, Params,
};
use taper_optim::{
    Adam, AdamConfig, Constant, Group, Missing, Momentum, MomentumConfig, OptimError, Optimizer, OptimizerConfig,
    Schedule, UpdateRule,
};
use taper_tensor::{Rng, backward, cross_entropy};

use crate::error::GalleryError;
use crate::shapes::Pictures;

/// Inputs with their classes.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    /// Inputs, the first axis that of the samples.
    pub(crate) x: Tensor,
    /// The class of each.
    pub(crate) labels: Vec<usize>,
    /// How many classes there are.
    pub(crate) classes: usize,
}

impl Set {
    /// Pictures as maps (N,H,W,3) of numbers from -1 to 1.
    pub(crate) fn maps(pictures: &Pictures) -> Result<Self, GalleryError> {
        let side = pictures.images.first().map_or([0, 0], |image| [image.height() as usize, image.width() as usize]);
        let pixels = pictures.images.iter().flat_map(|image| image.as_raw());
        let values: Vec<f32> = pixels.map(|&value| f32::from(value) / 127.5 - 1.0).collect();
        let x = Tensor::from_vec(values, (pictures.images.len(), side[0], side[1], 3), &Device::Cpu)?;
        Ok(Self { x, labels: pictures.labels.clone(), classes: pictures.classes.len() })
    }

    /// The same inputs as rows of numbers.
    pub(crate) fn rows(&self) -> Result<Self, GalleryError> {
        Ok(Self { x: self.x.flatten_from(1)?, ..self.clone() })
    }

    /// How many samples there are.
    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    /// Some samples, by their numbers: inputs, and a row of probabilities for each.
    pub(crate) fn some(&self, which: &[usize]) -> Result<(Tensor, Tensor), GalleryError> {
        let indices: Vec<u32> = which.iter().map(|&i| i as u32).collect();
        let x = self.x.index_select(&Tensor::new(indices, &Device::Cpu)?, 0)?;
        let mut targets = vec![0f32; which.len() * self.classes];
        for (row, &i) in which.iter().enumerate() {
            targets[row * self.classes + self.labels[i]] = 1.0;
        }
        let targets = Tensor::from_vec(targets, (which.len(), self.classes), &Device::Cpu)?;
        Ok((x, targets.to_dtype(self.x.dtype())?))
    }
}

/// A network with its parameters.
pub(crate) struct Net {
    /// Its parameters.
    pub(crate) params: Params,
    /// Its layers.
    pub(crate) layers: Vec<Box<dyn Layer>>,
}

impl Net {
    /// A network without layers; its first weights follow from the stream.
    pub(crate) fn new(rng: &Rng) -> Self {
        Self { params: Params::new(rng.fork("init"), DType::F32, Device::Cpu), layers: Vec::new() }
    }

    /// Where the parameters of the next layer lie.
    pub(crate) fn next(&self) -> ParamPath {
        self.params.root().at(self.layers.len())
    }

    /// With one more layer.
    pub(crate) fn then(mut self, layer: impl Layer + 'static) -> Self {
        self.layers.push(Box::new(layer));
        self
    }

    /// With a linear layer whose weights begin as they should before an activation.
    pub(crate) fn linear(
        self,
        [inputs, outputs]: [usize; 2],
        init: Initialization,
        activation: Activation,
    ) -> Result<Self, GalleryError> {
        let config = LinearConfig { init: init.of(&[outputs, inputs], activation), ..LinearConfig::default() };
        let layer = Linear::new(&self.next(), inputs, outputs, config)?;
        Ok(self.then(layer))
    }

    /// With a convolution 3x3, a rectifier, and a pool that halves both sides.
    pub(crate) fn convolution(self, [inputs, outputs]: [usize; 2]) -> Result<Self, GalleryError> {
        let conv =
            Conv2d::new(&self.next(), inputs, outputs, 3, Conv2dConfig { padding: 1, ..Conv2dConfig::default() })?;
        Ok(self.then(conv).then(Activation::Relu).then(MaxPool2d::default()))
    }

    /// With a batch norm.
    pub(crate) fn norm(self, channels: usize) -> Result<Self, GalleryError> {
        let norm = BatchNorm::new(&self.next(), channels, BatchNormConfig::default())?;
        Ok(self.then(norm))
    }

    /// Hidden layers of equal width with rectifiers, and a last one.
    pub(crate) fn mlp(rng: &Rng, inputs: usize, hidden: &[usize], outputs: usize) -> Result<Self, GalleryError> {
        let (mut net, mut width) = (Self::new(rng), inputs);
        for &units in hidden {
            net = net.linear([width, units], Initialization::HeFanIn, Activation::Relu)?.then(Activation::Relu);
            width = units;
        }
        net.linear([width, outputs], Initialization::Normal(0.01), Activation::Relu)
    }

    /// Three convolutions with pools, the mean of each channel, and a linear layer.
    pub(crate) fn cnn(rng: &Rng, channels: usize, outputs: usize) -> Result<Self, GalleryError> {
        Self::new(rng)
            .convolution([3, channels])?
            .convolution([channels, 2 * channels])?
            .convolution([2 * channels, 2 * channels])?
            .then(GlobalAvgPool)
            .linear([2 * channels, outputs], Initialization::Normal(0.01), Activation::Relu)
    }

    /// What it says of inputs.
    pub(crate) fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor, GalleryError> {
        Ok(self.layers.forward(x, mode)?)
    }

    /// Mean loss and share of right answers, without noise.
    pub(crate) fn evaluate(&self, set: &Set) -> Result<[f64; 2], GalleryError> {
        let probabilities = self.probabilities(set, Mode::Eval)?;
        Ok(score(&probabilities, &set.labels))
    }

    /// The probability of each class for each sample.
    pub(crate) fn probabilities(&self, set: &Set, mode: Mode<'_>) -> Result<Vec<Vec<f64>>, GalleryError> {
        let mut all = Vec::with_capacity(set.len());
        for begin in (0..set.len()).step_by(256) {
            let x = set.x.narrow(0, begin, 256.min(set.len() - begin))?;
            let logits = self.forward(&x, mode)?.to_dtype(DType::F64)?;
            all.extend(taper_tensor::softmax(&logits)?.to_vec2::<f64>()?);
        }
        Ok(all)
    }
}

/// Mean loss and share of right answers of probabilities.
pub(crate) fn score(probabilities: &[Vec<f64>], labels: &[usize]) -> [f64; 2] {
    let (mut loss, mut right) = (0.0, 0.0);
    for (row, &label) in probabilities.iter().zip(labels) {
        loss -= row[label].max(1e-12).ln();
        let best = (0..row.len()).max_by(|&i, &j| row[i].total_cmp(&row[j]).then(j.cmp(&i)));
        right += if best == Some(label) { 1.0 } else { 0.0 };
    }
    [loss / labels.len() as f64, right / labels.len() as f64]
}

/// How a network is trained.
pub(crate) struct Plan<'a> {
    /// The update rule.
    pub(crate) rule: Box<dyn UpdateRule>,
    /// The learning rate.
    pub(crate) lr: f64,
    /// The factor of the rate at each step.
    pub(crate) schedule: &'a dyn Schedule,
    /// How many updates.
    pub(crate) steps: usize,
    /// Samples in a batch.
    pub(crate) batch: usize,
    /// The strength of the penalty on weights.
    pub(crate) weight_decay: f64,
}

impl Plan<'_> {
    /// Momentum of 0.9 at a constant rate, batches of 32.
    pub(crate) fn momentum(lr: f64, steps: usize) -> Result<Self, GalleryError> {
        Self::by(Momentum::new(MomentumConfig::default())?, lr, steps)
    }

    /// Adam at a constant rate, batches of 32.
    pub(crate) fn adam(lr: f64, steps: usize) -> Result<Self, GalleryError> {
        Self::by(Adam::new(AdamConfig::default())?, lr, steps)
    }

    /// A rule at a constant rate, batches of 32.
    pub(crate) fn by(rule: impl UpdateRule + 'static, lr: f64, steps: usize) -> Result<Self, GalleryError> {
        Ok(Self { rule: Box::new(rule), lr, schedule: &Constant, steps, batch: 32, weight_decay: 0.0 })
    }
}

/// Trains a network; after each step `each` is told its number, from 1 on. The loss of every step;
/// it ends early where a loss is no longer finite.
pub(crate) fn fit(
    net: &Net,
    set: &Set,
    plan: Plan<'_>,
    rng: &Rng,
    each: &mut dyn FnMut(usize) -> Result<(), GalleryError>,
) -> Result<Vec<f64>, GalleryError> {
    let Plan { rule, lr, schedule, steps, batch, weight_decay } = plan;
    let (weights, others) = net.params.trainables().into_iter().partition(|(_, var)| var.rank() > 1);
    let groups =
        vec![Group { params: weights, weight_decay, ..Group::default() }, Group { params: others, ..Group::default() }];
    let groups = groups.into_iter().filter(|group| !group.params.is_empty()).collect();
    // A block that is left out of a step has no gradient in it.
    let config = OptimizerConfig { missing: Missing::Zero, ..OptimizerConfig::default() };
    let mut optimizer = Optimizer::new(rule, groups, config)?;
    let (batch, mut losses) = (batch.min(set.len()), Vec::with_capacity(steps));
    let per_epoch = (set.len() / batch).max(1);
    let mut order: Vec<usize> = Vec::new();
    for step in 0..steps {
        if step % per_epoch == 0 {
            order = (0..set.len()).collect();
            rng.fork("shuffle").at((step / per_epoch) as u64).shuffle(&mut order);
        }
        let begin = step % per_epoch * batch;
        let (x, targets) = set.some(&order[begin..begin + batch])?;
        let noise = rng.fork("noise").at(step as u64);
        let loss = cross_entropy(&net.forward(&x, Mode::Train(&noise))?, &targets)?;
        let value = loss.to_dtype(DType::F64)?.to_scalar::<f64>()?;
        losses.push(value);
        if !value.is_finite() || value > 1e6 {
            break;
        }
        match optimizer.step(&backward(&loss)?, lr * schedule.at(step as u64)) {
            Err(OptimError::NonFiniteGradient { .. }) => {
                losses.push(f64::INFINITY);
                break;
            }
            stepped => stepped?,
        };
        each(step + 1)?;
    }
    Ok(losses)
}

/// [`fit`] that nobody looks at.
pub(crate) fn train(net: &Net, set: &Set, plan: Plan<'_>, rng: &Rng) -> Result<Vec<f64>, GalleryError> {
    fit(net, set, plan, rng, &mut |_| Ok(()))
}

/// The mean of the losses around each, which shows where they go: about 60 points of them.
pub(crate) fn smooth(losses: &[f64]) -> Vec<[f64; 2]> {
    let width = (losses.len() / 60).max(1);
    let point = |(i, part): (usize, &[f64])| [(i * width + part.len() / 2) as f64, crate::math::mean(part)];
    losses.chunks(width).enumerate().map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes::{Look, pictures};

    #[test]
    fn a_small_network_learns_its_few_pictures() {
        let rng = Rng::new(0);
        let set = Set::maps(&pictures(16, Look::plain(), &rng)).unwrap().rows().unwrap();
        let net = Net::mlp(&rng, 1200, &[16], 8).unwrap();
        let [before, _] = net.evaluate(&set).unwrap();
        assert!((before - 8f64.ln()).abs() < 0.2, "{before}");
        train(&net, &set, Plan::adam(0.01, 60).unwrap(), &rng).unwrap();
        let [loss, accuracy] = net.evaluate(&set).unwrap();
        assert!(loss < 0.2 && accuracy == 1.0, "{loss} {accuracy}");
    }

    #[test]
    fn a_rate_without_bounds_ends_early_and_is_no_error() {
        let rng = Rng::new(0);
        let set = Set::maps(&pictures(16, Look::plain(), &rng)).unwrap().rows().unwrap();
        let net = Net::mlp(&rng, 1200, &[16, 16], 8).unwrap();
        let losses = train(&net, &set, Plan::momentum(1e9, 50).unwrap(), &rng).unwrap();
        assert!(losses.len() < 50);
    }

    #[test]
    fn scores_are_those_of_the_rows() {
        let [loss, accuracy] = score(&[vec![0.5, 0.5], vec![0.25, 0.75]], &[0, 1]);
        assert!((loss - (2f64.ln() - 0.75f64.ln()) / 2.0).abs() < 1e-12 && accuracy == 1.0);
    }
}
