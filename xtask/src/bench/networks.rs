//! Steps of whole networks on random pictures of 224x224.

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use taper_nn::{Layer, Mode, Params};
use taper_optim::{Group, Missing, Optimizer, OptimizerConfig, Sgd, SgdConfig, UpdateRule};
use taper_tensor::{PackedWeights, Rng, backward, cross_entropy};
use taper_transfer::{BackboneConfig, Classifier, architecture};

use super::clock;

pub(super) const CLASSES: usize = 1000;
pub(super) const SIDE: usize = 224;

/// A network with the classifier that torchvision gives it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network<'a> {
    /// As torchvision calls it.
    pub(super) name: &'a str,
    /// The probability that the last block is left out of a step.
    pub(super) stochastic_depth: f64,
}

impl<'a> Network<'a> {
    pub(super) const fn of(name: &'a str) -> Self {
        Self { name, stochastic_depth: 0.0 }
    }

    pub(super) fn build(self, params: &Params) -> Result<Classifier> {
        let Network { name, stochastic_depth } = self;
        let (network, config) = (architecture(name)?, BackboneConfig { stochastic_depth, ..BackboneConfig::default() });
        Ok(network.classifier(params, &config, &network.head(), CLASSES)?)
    }
}

pub(super) fn params() -> Params {
    Params::new(Rng::new(0).fork("init"), DType::F32, Device::Cpu)
}

/// Standard normal values.
pub(super) fn noise(shape: &[usize]) -> Result<Tensor> {
    let mut rng = Rng::new(0).fork("pictures");
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.normal() as f32).collect();
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}

/// Targets (n,classes): picture i has the class i·37 modulo the number of classes.
pub(super) fn targets(n: usize, classes: usize) -> Result<Tensor> {
    let row = |i: usize| (0..classes).map(move |class| if class == i * 37 % classes { 1f32 } else { 0.0 });
    Ok(Tensor::from_vec((0..n).flat_map(row).collect(), (n, classes), &Device::Cpu)?)
}

/// A network in training: forward, cross-entropy, backward, update.
pub(super) struct Training<'a> {
    net: &'a dyn Layer,
    optimizer: Optimizer,
    lr: f64,
    x: Tensor,
    targets: Tensor,
    noise: Rng,
    steps: u64,
}

impl<'a> Training<'a> {
    pub(super) fn new(
        net: &'a dyn Layer,
        params: &Params,
        rule: impl UpdateRule + 'static,
        lr: f64,
        (x, targets): (Tensor, Tensor),
    ) -> Result<Self> {
        let group = Group { params: params.trainables(), ..Group::default() };
        // What a block that is left out has no gradient for.
        let config = OptimizerConfig { missing: Missing::Zero, ..OptimizerConfig::default() };
        let optimizer = Optimizer::new(Box::new(rule), vec![group], config)?;
        Ok(Self { net, optimizer, lr, x, targets, noise: Rng::new(0).fork("noise"), steps: 0 })
    }

    pub(super) fn step(&mut self) -> Result<()> {
        let noise = self.noise.at(self.steps);
        self.steps += 1;
        let logits = self.net.forward(&self.x, Mode::Train(&noise))?;
        let loss = cross_entropy(&logits, &self.targets)?;
        drop(logits);
        self.optimizer.step(&backward(&loss)?, self.lr)?;
        Ok(())
    }
}

/// Pictures a second of training with SGD, momentum 0.9, rate 0.01.
pub(super) fn train(network: Network<'_>, n: usize, repeat: u32) -> Result<f64> {
    let params = params();
    let net = network.build(&params)?;
    let rule = Sgd::new(SgdConfig { momentum: 0.9, ..SgdConfig::default() })?;
    let batch = (noise(&[n, SIDE, SIDE, 3])?, targets(n, CLASSES)?);
    let mut training = Training::new(&net, &params, rule, 0.01, batch)?;
    // Where steps differ, many are a run.
    let steps = if network.stochastic_depth > 0.0 { 16 } else { 1 };
    let seconds = clock::seconds(repeat, || (0..steps).try_for_each(|_| training.step()))?;
    Ok((n * steps) as f64 / seconds)
}

/// Pictures a second of logits, without a graph, of weights that are packed once.
pub(super) fn infer(network: Network<'_>, n: usize, repeat: u32) -> Result<f64> {
    let net = network.build(&params())?;
    let x = noise(&[n, SIDE, SIDE, 3])?;
    let packed = PackedWeights::default();
    let answer = || packed.run(|| net.forward(&x, Mode::Eval)).map(drop).map_err(Into::into);
    Ok(n as f64 / clock::seconds(repeat, answer)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_makes_the_loss_smaller() {
        let params = params();
        let net = Network::of("resnet18").build(&params).unwrap();
        let batch = (noise(&[4, 32, 32, 3]).unwrap(), targets(4, CLASSES).unwrap());
        let loss = || {
            let mode = Rng::new(0);
            let logits = net.forward(&batch.0, Mode::Train(&mode)).unwrap();
            cross_entropy(&logits, &batch.1).unwrap().to_scalar::<f32>().unwrap()
        };
        let before = loss();
        let rule = Sgd::new(SgdConfig::default()).unwrap();
        let mut training = Training::new(&net, &params, rule, 0.01, batch.clone()).unwrap();
        for _ in 0..3 {
            training.step().unwrap();
        }
        assert!(loss() < before);
        assert_eq!(targets(3, 5).unwrap().sum(1).unwrap().to_vec1::<f32>().unwrap(), [1.0; 3]);
    }
}
