//! What the shards of a batch give, added up: gradients, running statistics and the loss, as one
//! row of numbers.
//!
//! ```text
//! gradient        = sum over shards of share * gradient of the shard's mean loss
//! running mean    = sum over shards of share * what the shard would have made of it
//! ```
//!
//! with *share* the part of the batch's pictures that the shard has. The sum is that of a fixed
//! tree (`ranks::add_up`). Where that is shared by processes, a power of two of them, gradients of
//! the last layers are sent while those of the first are still computed (`overlap`), in parts that
//! all have agreed on (`course`): each number is added up as before, so the bits are the same.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::mpsc::channel;

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};
use taper_nn::Params;
use taper_tensor::{backward, backward_told};
use taper_transfer::Classifier;

use super::course::Course;
use super::error::FitError;
use super::loss_graph::LossGraph;
use super::overlap::Overlap;
use super::shards::Shards;
use crate::error::{Error, Result};
use crate::ranks::{Ranks, add, add_halves, add_up, lefts};

/// What is added up over shards, in one order.
pub(crate) struct ShardSum {
    /// What is trained, in the order of names.
    trained: Vec<Var>,
    /// Running statistics, in the order of names.
    statistics: Vec<Var>,
    /// Where each of these, and the loss behind them, begins in a row, and where the row ends.
    begins: Vec<usize>,
    /// The order in which gradients come, once it is known.
    course: OnceCell<Course>,
}

/// The loss and the gradients of a batch.
pub(crate) struct Summed {
    /// The mean loss over its pictures, nats.
    pub(crate) loss: f64,
    /// Its gradients.
    pub(crate) grads: GradStore,
}

/// How the loss of a shard is found, and its gradients where its graph is cut at the stages.
pub(super) trait ShardLoss {
    /// Whether it is: then [`backward_checkpointed`](Self::backward_checkpointed) finds them.
    fn is_checkpointed(&self) -> bool;

    /// The mean loss over the shard of a number.
    fn forward(&self, number: usize) -> Result<LossGraph>;

    /// Its gradients.
    fn backward_checkpointed(&self, graph: LossGraph, number: usize) -> Result<GradStore>;
}

/// A batch that is added up.
struct Adding<'a> {
    shards: &'a Shards<'a>,
    /// Its pictures.
    of: usize,
    loss: &'a dyn ShardLoss,
    /// Running statistics as they were before it.
    before: Vec<Tensor>,
}

impl ShardSum {
    /// For what `classifier` trains now.
    pub(crate) fn new(classifier: &Classifier, params: &Params) -> Self {
        let trained: Vec<Var> = classifier.trainables(params).into_iter().map(|trained| trained.var).collect();
        let statistics: Vec<Var> = params.buffers().into_iter().map(|(_, var)| var).collect();
        // Behind the elements of each: whether there are any.
        let lengths = trained.iter().chain(&statistics).map(|var| var.elem_count() + 1).chain([1]);
        let begins = std::iter::once(0).chain(lengths.scan(0, |end, length| {
            *end += length;
            Some(*end)
        }));
        Self { begins: begins.collect(), trained, statistics, course: OnceCell::new() }
    }

    /// The sum over a batch of `of` pictures. Running statistics begin each of its shards as they
    /// were before the batch, and are then the sum of what came of them.
    pub(super) fn over(&self, (shards, of): (&Shards<'_>, usize), loss: &dyn ShardLoss) -> Result<Summed> {
        let before = self.statistics.iter().map(|var| var.as_detached_tensor().copy());
        let before = before.collect::<candle_core::Result<Vec<_>>>()?;
        let adding = Adding { shards, of, loss, before };
        let ranks = shards.ranks;
        if let Some(course) = self.course.get() {
            return self.read(&self.overlapped(&adding, course)?);
        }
        let overlaps = ranks.size() > 1 && ranks.size().is_power_of_two() && !loss.is_checkpointed();
        let (learns, mut seen) = (overlaps && ranks.rank() == 0, None);
        let sum = add_up::<Error>(shards.count, ranks, &mut |number| {
            self.leaf(&adding, number, &mut |loss| {
                if !learns || seen.is_some() {
                    return backward(loss);
                }
                let (tell, told) = channel();
                let grads = backward_told(loss, tell)?;
                seen = Some(Course::seen(told, &grads, &self.trained));
                Ok(grads)
            })
        })?;
        if overlaps && let Some(course) = Course::agreed(seen, &self.trained, ranks)? {
            self.course.get_or_init(|| course);
        }
        self.read(&sum)
    }

    /// The row of a shard. `gradients` computes those of a loss whose graph is whole.
    fn leaf(
        &self,
        adding: &Adding<'_>,
        number: usize,
        gradients: &mut dyn FnMut(&Tensor) -> candle_core::Result<GradStore>,
    ) -> Result<Vec<f32>> {
        let rows = adding.shards.rows(adding.of, number);
        if rows.is_empty() {
            return Ok(vec![0.0; self.length()]);
        }
        let graph = adding.loss.forward(number)?;
        let loss = f64::from(graph.loss.to_scalar::<f32>()?);
        let grads = match graph.checkpoints {
            Some(_) => adding.loss.backward_checkpointed(graph, number)?,
            None => gradients(&graph.loss)?,
        };
        let mut row = Vec::with_capacity(self.length());
        let summed = Summed { loss, grads };
        (0..self.pieces())
            .try_for_each(|piece| self.put(piece, (&summed, &adding.before), adding.share(number), &mut row))?;
        self.reset(adding)?;
        Ok(row)
    }

    /// The sum of all where several processes have it, parts of it sent in the course of the
    /// backward pass of this one's last shard.
    fn overlapped(&self, adding: &Adding<'_>, course: &Course) -> Result<Vec<f32>> {
        let ranks = adding.shards.ranks;
        let each = adding.shards.count / ranks.size();
        let own = ranks.rank() * each..(ranks.rank() + 1) * each;
        let last = own.end - 1;
        let lefts = lefts::<Error>(own, &mut |number| self.leaf(adding, number, &mut backward))?;
        let mut sum = vec![0.0; self.length()];
        let mut part = Vec::new();
        let filled = !adding.shards.rows(adding.of, last).is_empty();
        let graph = filled.then(|| adding.loss.forward(last)).transpose()?;
        let loss = graph.as_ref().map(|graph| graph.loss.to_scalar::<f32>()).transpose()?.map_or(0.0, f64::from);
        let mut pass = graph.map(|graph| Overlap::begin(&graph.loss));
        let mut sent = Vec::new();
        for pieces in course.parts() {
            part.clear();
            for &(piece, terms) in pieces {
                let var = &self.trained[piece];
                let grad = pass.as_mut().map(|pass| pass.gradient(var.id(), terms)).transpose()?.flatten();
                scaled(&mut part, (grad.as_ref(), var.elem_count()), adding.share(last))?;
                sent.push((piece, grad.map(|grad| grad.id())));
            }
            let places: Vec<_> = pieces.iter().map(|&(piece, _)| self.place(piece)).collect();
            self.exchange((&mut part, &places), &lefts, &mut sum, ranks)?;
        }
        let grads = pass.map(Overlap::end).transpose()?;
        let summed = Summed { loss, grads: grads.map_or_else(nothing, Ok)? };
        if sent.iter().any(|(piece, sent)| summed.grads.get(&self.trained[*piece]).map(|grad| grad.id()) != *sent) {
            return Err(FitError::OtherGraph.into());
        }
        let rest: Vec<usize> = (0..self.pieces()).filter(|&piece| !course.has(piece)).collect();
        part.clear();
        for &piece in &rest {
            match filled {
                true => self.put(piece, (&summed, &adding.before), adding.share(last), &mut part)?,
                false => part.resize(part.len() + self.place(piece).len(), 0.0),
            }
        }
        let places: Vec<_> = rest.iter().map(|&piece| self.place(piece)).collect();
        self.exchange((&mut part, &places), &lefts, &mut sum, ranks)?;
        self.reset(adding)?;
        Ok(sum)
    }

    /// Adds up what all processes have of a part of a row, which has these places in the whole.
    fn exchange(
        &self,
        (part, places): (&mut [f32], &[Range<usize>]),
        lefts: &[Vec<f32>],
        sum: &mut [f32],
        ranks: &dyn Ranks,
    ) -> Result<()> {
        for left in lefts.iter().rev() {
            let mut rest = &mut *part;
            for place in places {
                let (own, behind) = rest.split_at_mut(place.len());
                // Which of two numbers is the first makes no difference to the bits of their sum.
                add(own, &left[place.clone()]);
                rest = behind;
            }
        }
        add_halves(part, ranks)?;
        let mut rest = &*part;
        for place in places {
            let (own, behind) = rest.split_at(place.len());
            sum[place.clone()].copy_from_slice(own);
            rest = behind;
        }
        Ok(())
    }

    /// Puts the running statistics back.
    fn reset(&self, adding: &Adding<'_>) -> Result<()> {
        Ok(self.statistics.iter().zip(&adding.before).try_for_each(|(var, before)| var.set(before))?)
    }

    /// Numbers of a row.
    fn length(&self) -> usize {
        self.begins.last().copied().unwrap_or(0)
    }

    /// Pieces of a row: what is trained, statistics, the loss.
    fn pieces(&self) -> usize {
        self.begins.len() - 1
    }

    /// The place of a piece in a row.
    fn place(&self, piece: usize) -> Range<usize> {
        self.begins[piece]..self.begins[piece + 1]
    }

    /// Appends a piece of what a shard with this share of the batch gives.
    fn put(&self, piece: usize, (summed, before): (&Summed, &[Tensor]), share: f32, row: &mut Vec<f32>) -> Result<()> {
        if let Some(var) = self.trained.get(piece) {
            return scaled(row, (summed.grads.get(var), var.elem_count()), share);
        }
        let statistic = piece - self.trained.len();
        let Some((var, before)) = self.statistics.get(statistic).zip(before.get(statistic)) else {
            row.push(summed.loss as f32 * share);
            return Ok(());
        };
        // Layers that are not trained leave theirs as they are, to the bit.
        let same = numbers(var.as_tensor())? == numbers(before)?;
        scaled(row, (Some(var.as_tensor()), var.elem_count()), share)?;
        if let (true, Some(there)) = (same, row.last_mut()) {
            *there = 0.0;
        }
        Ok(())
    }

    /// Takes the sum apart, and puts the running statistics where they belong.
    fn read(&self, sum: &[f32]) -> Result<Summed> {
        let mut grads = nothing()?;
        for (number, var) in self.trained.iter().chain(&self.statistics).enumerate() {
            let (values, there) = sum[self.place(number)].split_at(var.elem_count());
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
        Ok(Summed { loss: sum.last().copied().map_or(0.0, f64::from), grads })
    }
}

impl Adding<'_> {
    /// The part of the batch that a shard has.
    fn share(&self, number: usize) -> f32 {
        self.shards.rows(self.of, number).len() as f32 / self.of as f32
    }
}

/// An empty store, which candle lets nobody make.
fn nothing() -> candle_core::Result<GradStore> {
    Var::new(0f32, &Device::Cpu)?.as_tensor().backward()
}

/// Appends the elements of a tensor, each times `share`, and that they are there; where there is no
/// tensor, as many zeros.
fn scaled(row: &mut Vec<f32>, (tensor, length): (Option<&Tensor>, usize), share: f32) -> Result<()> {
    let Some(tensor) = tensor else {
        row.resize(row.len() + length + 1, 0.0);
        return Ok(());
    };
    row.extend(numbers(tensor)?.into_iter().map(|value| value * share));
    row.push(share);
    Ok(())
}

fn numbers(tensor: &Tensor) -> candle_core::Result<Vec<f32>> {
    tensor.detach().flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()
}
