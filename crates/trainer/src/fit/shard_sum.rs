//! What the shards of a batch give, added up: gradients, running statistics and the loss, as one
//! row of numbers.
//!
//! ```text
//! gradient        = sum over shards of share * gradient of the shard's mean loss
//! running mean    = sum over shards of share * what the shard would have made of it
//! ```
//!
//! with *share* the part of the batch's pictures that the shard has. The sum is that of a fixed
//! tree (`ranks::add_up`).

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};
use taper_nn::Params;
use taper_transfer::Classifier;

use super::shards::Shards;
use crate::error::{Error, Result};
use crate::ranks::add_up;

/// What is added up over shards, in one order.
pub(crate) struct ShardSum {
    /// What is trained, in the order of names.
    trained: Vec<Var>,
    /// Running statistics, in the order of names.
    statistics: Vec<Var>,
}

/// The loss and the gradients of a batch.
pub(crate) struct Summed {
    /// The mean loss over its pictures, nats.
    pub(crate) loss: f64,
    /// Its gradients.
    pub(crate) grads: GradStore,
}

impl ShardSum {
    /// For what `classifier` trains now.
    pub(crate) fn new(classifier: &Classifier, params: &Params) -> Self {
        Self {
            trained: classifier.trainables(params).into_iter().map(|trained| trained.var).collect(),
            statistics: params.buffers().into_iter().map(|(_, var)| var).collect(),
        }
    }

    /// The sum over a batch of `of` pictures. `shard` has the mean loss over one of its shards, by
    /// number, and its gradients; running statistics begin each as they were before the batch, and
    /// are then the sum of what came of them.
    pub(crate) fn over(
        &self,
        (shards, of): (&Shards<'_>, usize),
        shard: &mut dyn FnMut(usize) -> Result<Summed>,
    ) -> Result<Summed> {
        let before = self
            .statistics
            .iter()
            .map(|var| var.as_detached_tensor().copy())
            .collect::<candle_core::Result<Vec<_>>>()?;
        let sum = add_up::<Error>(shards.count, shards.ranks, &mut |number| {
            let rows = shards.rows(of, number);
            if rows.is_empty() {
                return Ok(vec![0.0; self.length()]);
            }
            let summed = shard(number)?;
            let row = self.row(&summed, &before, rows.len() as f32 / of as f32)?;
            self.statistics.iter().zip(&before).try_for_each(|(var, before)| var.set(before))?;
            Ok(row)
        })?;
        self.read(&sum)
    }

    /// How many numbers there are: of each tensor its elements and whether there are any, and the
    /// loss.
    fn length(&self) -> usize {
        self.trained.iter().chain(&self.statistics).map(|var| var.elem_count() + 1).sum::<usize>() + 1
    }

    /// What a shard with this share of the batch gives.
    fn row(&self, summed: &Summed, before: &[Tensor], share: f32) -> Result<Vec<f32>> {
        let mut row = Vec::with_capacity(self.length());
        for var in &self.trained {
            match summed.grads.get(var) {
                Some(grad) => put(&mut row, grad, share)?,
                None => row.resize(row.len() + var.elem_count() + 1, 0.0),
            }
        }
        for (var, before) in self.statistics.iter().zip(before) {
            let begin = row.len();
            put(&mut row, var.as_tensor(), share)?;
            // Layers that are not trained leave theirs as they are, to the bit.
            let same = numbers(var.as_tensor())? == numbers(before)?;
            if let (true, Some(there)) = (same, row[begin..].last_mut()) {
                *there = 0.0;
            }
        }
        row.push(summed.loss as f32 * share);
        Ok(row)
    }

    /// Takes the sum apart, and puts the running statistics where they belong.
    fn read(&self, sum: &[f32]) -> Result<Summed> {
        let mut rest = sum;
        // candle lets nobody make an empty store.
        let nothing = Var::new(0f32, &Device::Cpu)?;
        let mut grads = nothing.as_tensor().backward()?;
        for (number, var) in self.trained.iter().chain(&self.statistics).enumerate() {
            let (values, behind) = rest.split_at(var.elem_count());
            let (there, behind) = behind.split_at(1);
            rest = behind;
            if there[0] == 0.0 {
                continue;
            }
            let tensor = Tensor::from_slice(values, var.dims(), &Device::Cpu)?;
            let tensor = tensor.to_device(var.device())?.to_dtype(var.dtype())?;
            match number < self.trained.len() {
                true => drop(grads.insert(var, tensor)),
                false => var.set(&tensor)?,
            }
        }
        Ok(Summed { loss: rest.first().copied().map_or(0.0, f64::from), grads })
    }
}

/// Appends the elements of a tensor, each times `share`, and that they are there.
fn put(row: &mut Vec<f32>, tensor: &Tensor, share: f32) -> Result<()> {
    row.extend(numbers(tensor)?.into_iter().map(|value| value * share));
    row.push(share);
    Ok(())
}

fn numbers(tensor: &Tensor) -> candle_core::Result<Vec<f32>> {
    tensor.detach().flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()
}
