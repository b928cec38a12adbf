//! A model of `candle_nn` alone, trained with this crate: two spirals, told apart by their points.
//!
//! What is needed of a model is a list of its variables and their names. A `VarMap` has it.

use std::f32::consts::TAU;

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{Linear, Module, VarBuilder, VarMap, linear};
use taper_optim::{AdamW, AdamWConfig, Clip, Cosine, Group, Optimizer, OptimizerConfig, Schedule, Warmup};

const POINTS: usize = 400; // of each spiral
const STEPS: u64 = 600;

/// Three layers with a tanh after the first two.
struct Network(Linear, Linear, Linear);

impl Network {
    fn new(vb: &VarBuilder) -> Result<Self> {
        Ok(Self(linear(2, 32, vb.pp("first"))?, linear(32, 32, vb.pp("second"))?, linear(32, 2, vb.pp("head"))?))
    }
}

impl Module for Network {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.2.forward(&self.1.forward(&self.0.forward(x)?.tanh()?)?.tanh()?)
    }
}

/// The points of both spirals, one half a turn behind the other, and which one each is from.
fn spirals() -> Result<(Tensor, Tensor)> {
    let (mut points, mut labels) = (Vec::new(), Vec::new());
    for i in 0..2 * POINTS {
        let (along, label) = ((i / 2) as f32 / POINTS as f32, (i % 2) as u32);
        let (radius, angle) = (0.1 + 0.9 * along, TAU * (1.5 * along + 0.5 * label as f32));
        points.extend([radius * angle.cos(), radius * angle.sin()]);
        labels.push(label);
    }
    Ok((Tensor::from_vec(points, (2 * POINTS, 2), &Device::Cpu)?, Tensor::new(labels, &Device::Cpu)?))
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let varmap = VarMap::new();
    let network = Network::new(&VarBuilder::from_varmap(&varmap, DType::F32, &Device::Cpu))?;
    let (points, labels) = spirals()?;

    // Weights decay, biases do not.
    let vars = varmap.data().lock().map_err(|_| "the variables are locked for good")?.clone();
    let (biases, weights) = vars.into_iter().partition(|(name, _)| name.ends_with("bias"));
    let groups = vec![
        Group { params: weights, weight_decay: 0.01, ..Group::default() },
        Group { params: biases, ..Group::default() },
    ];
    let config = OptimizerConfig { clip: Clip::GlobalNorm(1.0), ..OptimizerConfig::default() };
    let mut optimizer = Optimizer::new(Box::new(AdamW::new(AdamWConfig::default())?), groups, config)?;
    let schedule = Warmup::new(STEPS / 20, 0.1, Cosine::new(STEPS - STEPS / 20, 0.0)?)?;

    for step in 0..STEPS {
        let loss = candle_nn::loss::cross_entropy(&network.forward(&points)?, &labels)?;
        let rate = 0.02 * schedule.at(step);
        let stats = optimizer.step(&loss.backward()?, rate)?;
        if step % 100 == 0 || step + 1 == STEPS {
            let (loss, norm) = (loss.to_scalar::<f32>()?, stats.gradient_norm);
            println!("step {step:3}: loss {loss:.4}, rate {rate:.5}, gradient norm {norm:.3}");
        }
    }
    let right = network.forward(&points)?.argmax(1)?.eq(&labels)?;
    let right = right.to_dtype(DType::U32)?.sum_all()?.to_scalar::<u32>()?;
    println!("{right} of {} points on the right spiral", 2 * POINTS);
    Ok(())
}
