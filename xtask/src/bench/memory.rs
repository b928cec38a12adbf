//! What a training step of a network holds, operation by operation.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use candle_core::Tensor;
use candle_core::backprop::GradStore;
use taper_nn::Mode;
use taper_tensor::{Pass, Recycler, Rng, Traced, backward, cross_entropy, trace};
use taper_transfer::Classifier;

use super::args::MemoryArgs;
use super::networks::{CLASSES, Network, SIDE, noise, params, targets};
use super::table::table;
use crate::output::line;

/// As in `taper`, so that what is measured is what is used.
#[global_allocator]
static ALLOCATOR: Recycler<mimalloc::MiMalloc> = Recycler::new(mimalloc::MiMalloc);

/// Operations in the table of those that leave the most.
const SHOWN: usize = 12;

/// Runs a step twice, the second time as one of many, and prints what was in use after each
/// operation of the second.
pub(super) fn run(asked: &MemoryArgs) -> Result<()> {
    let params = params();
    let net = Network::of(&asked.network).build(&params)?;
    let n = asked.batch as usize;
    let batch = (noise(&[n, SIDE, SIDE, 3])?, targets(n, CLASSES)?);
    drop(step(&net, &batch, asked.checkpoint_activations)?);
    let before = ALLOCATOR.in_use();
    let (grads, traced) = trace(|| ALLOCATOR.in_use(), || step(&net, &batch, asked.checkpoint_activations));
    drop(grads?);
    line(timeline(&traced, before).context("no operation was recorded")?.trim_end());
    Ok(())
}

fn step(net: &Classifier, (x, targets): &(Tensor, Tensor), checkpointed: bool) -> Result<GradStore> {
    let rng = Rng::new(0);
    let mode = Mode::Train(&rng);
    if checkpointed {
        let (logits, checkpoints) = net.forward_checkpointed(0, x, mode)?;
        return Ok(net.backward_checkpointed(checkpoints, &cross_entropy(&logits, targets)?, mode)?);
    }
    Ok(backward(&cross_entropy(&net.forward(x, mode)?, targets)?)?)
}

/// Each operation with the bytes in use after it and what it added, and those that leave the most.
fn timeline(traced: &[Traced], before: usize) -> Option<String> {
    let mut added = Vec::with_capacity(traced.len());
    let mut last = before;
    for operation in traced {
        added.push(operation.measured as f64 - last as f64);
        last = operation.measured;
    }
    let rows = traced.iter().zip(&added).map(|(operation, added)| {
        let Traced { operation, pass, shape, measured } = operation;
        [
            way(*pass).to_owned(),
            (*operation).to_owned(),
            sides(shape.dims()),
            megabytes(*measured as f64),
            megabytes(*added),
        ]
    });
    let all = table(["pass", "operation", "of the shape", "MB in use", "MB more"], rows);
    let most = traced.iter().max_by_key(|operation| operation.measured)?;
    let mut left: BTreeMap<(&str, String), (usize, f64)> = BTreeMap::new();
    for (operation, added) in traced.iter().zip(&added).filter(|(operation, _)| operation.pass == Pass::Forward) {
        let (times, sum) = left.entry((operation.operation, sides(operation.shape.dims()))).or_default();
        (*times, *sum) = (*times + 1, *sum + added);
    }
    let mut left: Vec<_> = left.into_iter().collect();
    left.sort_by(|(_, (_, a)), (_, (_, b))| b.total_cmp(a));
    let rows = left
        .into_iter()
        .take(SHOWN)
        .map(|((operation, shape), (times, sum))| [operation.to_owned(), shape, times.to_string(), megabytes(sum)]);
    let largest = table(["operation", "of the shape", "times", "MB left by the forward pass"], rows);
    Some(format!(
        "{all}\n{largest}\nthe most in use: {} MB, {} behind {} of the shape {}; before the step {} MB\n",
        megabytes(most.measured as f64),
        way(most.pass),
        most.operation,
        sides(most.shape.dims()),
        megabytes(before as f64)
    ))
}

fn way(pass: Pass) -> &'static str {
    match pass {
        Pass::Forward => "forward",
        Pass::Backward => "backward",
    }
}

fn sides(dims: &[usize]) -> String {
    dims.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

/// MB of 2²⁰ bytes.
fn megabytes(bytes: f64) -> String {
    format!("{:.1}", bytes / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use candle_core::Shape;

    use super::*;

    #[test]
    fn the_most_and_what_is_left_are_told() {
        let traced = |operation, pass, measured| Traced { operation, pass, shape: Shape::from((2, 3)), measured };
        let mb = 1 << 20;
        let all = [
            traced("conv", Pass::Forward, 3 * mb),
            traced("conv", Pass::Forward, 7 * mb),
            traced("linear", Pass::Forward, 8 * mb),
            traced("conv", Pass::Backward, 9 * mb),
            traced("conv", Pass::Backward, 2 * mb),
        ];
        let text = timeline(&all, mb).unwrap();
        let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
        let has = |row: &[&str]| text.lines().any(|line| cells(line).windows(row.len()).any(|cells| cells == row));
        assert!(has(&["backward", "conv", "2x3", "9.0", "1.0"]), "{text}");
        assert!(has(&["conv", "2x3", "2", "6.0"]), "{text}");
        assert!(
            text.contains("the most in use: 9.0 MB, backward behind conv of the shape 2x3; before the step 1.0 MB")
        );
        assert!(timeline(&[], 0).is_none());
    }
}
