//! The crate from outside: values from PyTorch, and what every rule and the optimizer promise.

#[cfg(test)]
mod accumulate;
#[cfg(test)]
mod average;
#[cfg(test)]
mod clip;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod one_pass;
#[cfg(test)]
mod own_rules;
#[cfg(test)]
mod papers;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod plateau;
#[cfg(test)]
mod pytorch;
#[cfg(test)]
mod second_order;
#[cfg(test)]
mod skip;
#[cfg(test)]
mod state;
#[cfg(test)]
mod trajectories;

/// Helpers of the tests.
#[cfg(test)]
mod given {
    use candle_core::{Device, Tensor, Var, backprop::GradStore};
    use taper_optim::{Clip, Group, Optimizer, OptimizerConfig, Sgd, SgdConfig};

    /// A variable of float32.
    pub(crate) fn var(values: &[f32]) -> Var {
        Var::new(values, &Device::Cpu).unwrap()
    }

    /// Gradients for the variables, through a loss that is linear in them.
    pub(crate) fn grads(pairs: &[(&Var, &[f32])]) -> GradStore {
        let term = |(var, grad): &(&Var, &[f32])| {
            let grad = Tensor::new(*grad, &Device::Cpu)?;
            (var.as_tensor() * grad)?.sum_all()
        };
        let terms: Vec<_> = pairs.iter().map(|pair| term(pair).unwrap()).collect();
        let loss = Tensor::stack(&terms, 0).unwrap().sum_all().unwrap();
        loss.backward().unwrap()
    }

    /// A group with nothing but parameters.
    pub(crate) fn group(params: &[(&str, &Var)]) -> Group {
        let own = |(name, var): &(&str, &Var)| ((*name).to_owned(), (*var).clone());
        Group { params: params.iter().map(own).collect(), ..Group::default() }
    }

    /// An optimizer with momentum 0.9.
    pub(crate) fn momentum(groups: Vec<Group>, clip: Clip) -> Optimizer {
        let config = SgdConfig { momentum: 0.9, ..SgdConfig::default() };
        Optimizer::new(Box::new(Sgd::new(config).unwrap()), groups, clipping(clip)).unwrap()
    }

    /// The configuration that clips and is the default otherwise.
    pub(crate) fn clipping(clip: Clip) -> OptimizerConfig {
        OptimizerConfig { clip, ..OptimizerConfig::default() }
    }

    /// The bits of a variable.
    pub(crate) fn bits(tensor: &Tensor) -> Vec<u32> {
        let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        values.into_iter().map(f32::to_bits).collect()
    }
}
