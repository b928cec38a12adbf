//! How much memory a training takes, known before it begins, and how much there is.

mod machine;

use std::fmt;

use taper_data::Loader;
use taper_nn::{Graph, GraphOp, Node, Params, Value};
use taper_transfer::Classifier;

pub use self::machine::{Machine, allow};
use crate::build::phases::phases;
use crate::finding::{Finding, Verdict};
use crate::recipe::{AverageRecipe, OptimizeRecipe, Recipe, RecipeError};

/// What a step of training takes beside the weights that are there already, bytes; from the
/// network's graph. It counts what cannot be done without: a training takes more, so that one which
/// is refused by it could not have run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Gradients, and what the optimizer remembers.
    pub fixed: u64,
    /// The maps that the backward pass comes back to, and the picture itself, of each picture of a
    /// batch.
    pub a_picture: u64,
    /// Pictures in a batch, or in a shard of it: one after the other is computed.
    pub pictures: u64,
    /// Shards of a batch; 1 where it is in one piece.
    pub shards: u64,
    /// The fewest that it can have.
    pub least: u64,
    /// Side of a picture, pixels.
    pub side: u64,
}

/// Bytes of a number.
const NUMBER: u64 = 4;

impl Need {
    /// Of the phase of a recipe that trains the most; none where the network cannot tell what it
    /// computes.
    ///
    /// # Errors
    /// As [`phases`].
    pub fn of(
        classifier: &Classifier,
        params: &Params,
        train: &Loader,
        recipe: &Recipe,
    ) -> Result<Option<Self>, RecipeError> {
        let phases = phases(recipe, classifier.backbone().stages())?;
        let frozen = phases.iter().map(|phase| phase.frozen).min();
        Ok(frozen.and_then(|frozen| Self::above(frozen, (classifier, params), train, recipe)))
    }

    /// Of a training of all above the first `frozen` stages.
    fn above(
        frozen: usize,
        (classifier, params): (&Classifier, &Params),
        train: &Loader,
        recipe: &Recipe,
    ) -> Option<Self> {
        let side = recipe.data.image_size as usize;
        let parts = maps(classifier, params, side)?;
        let below = parts.iter().take(frozen).map(|part| part.most).max().unwrap_or(0);
        let trained = || parts.iter().skip(frozen);
        let sum = |bytes: fn(&Part) -> u64| trained().map(bytes).fold(0, u64::saturating_add);
        let kept = match recipe.optimize.checkpoint_activations {
            false => sum(|part| part.kept),
            true => sum(|part| part.begins).saturating_add(trained().map(|part| part.kept).max().unwrap_or(0)),
        };
        let moves = |name: &str| stage_of(classifier, name) >= frozen;
        let weights: usize =
            params.trainables().iter().filter(|(name, _)| moves(name)).map(|(_, var)| var.elem_count()).sum();
        let average = u64::from(recipe.averaged() != AverageRecipe::None {});
        Some(Self {
            fixed: weights as u64 * NUMBER * (1 + average + slots(&recipe.optimize)),
            a_picture: picture(side).saturating_add(kept.max(below)),
            pictures: batch(train).div_ceil(recipe.optimize.shards.max(1)) as u64,
            shards: recipe.optimize.shards.max(1) as u64,
            least: 2,
            side: side as u64,
        })
    }

    /// Of the first `stages` stages of a network that only looks at a batch of `pictures`, each of
    /// `side` pixels; none where it cannot tell what it computes.
    pub fn to_look(
        classifier: &Classifier,
        params: &Params,
        (side, pictures): (usize, usize),
        stages: usize,
    ) -> Option<Self> {
        let most = maps(classifier, params, side)?.iter().take(stages).map(|part| part.most).max()?;
        let (a_picture, pictures, side) = (picture(side).saturating_add(most), pictures as u64, side as u64);
        Some(Self { fixed: 0, a_picture, pictures, shards: 1, least: pictures, side })
    }

    /// All of it, bytes.
    pub fn bytes(&self) -> u64 {
        self.fixed.saturating_add(self.a_picture.saturating_mul(self.pictures))
    }

    /// Refuses what this machine cannot have; says where it is more than what is free now.
    ///
    /// # Errors
    /// Names what is needed, what there is, and a size of batches or pictures that fits.
    pub fn on(&self, machine: &Machine) -> Result<Option<String>, RecipeError> {
        let said = |have| {
            let remedy = self.remedy(have);
            format!("{self}, more than the {} that are free: {remedy}", gigabytes(have))
        };
        if self.bytes() > machine.most {
            let got = format!("{self}, and this machine has {}", gigabytes(machine.most));
            return Err(RecipeError::Memory { got, remedy: self.remedy(machine.most) });
        }
        Ok((self.bytes() > machine.free).then(|| said(machine.free)))
    }

    /// What fits into so much.
    fn remedy(&self, have: u64) -> String {
        let Self { fixed, a_picture, pictures, shards, least, side } = *self;
        let room = have.saturating_sub(fixed);
        let batch = room / a_picture.max(1);
        if batch >= least && least < pictures {
            let (batch, parts) = (batch.min(pictures - 1), (shards * pictures).div_ceil(batch));
            let size = batch * shards;
            return format!(
                "data.batch_size = {size} would fit, or the same batch in parts, optimize.shards = {parts}"
            );
        }
        let share = room as f64 / a_picture.saturating_mul(least).max(1) as f64;
        let smaller = (side as f64 * share.min(1.0).sqrt()) as u64 / 32 * 32;
        match (smaller, least < pictures) {
            (..32, _) => "a smaller model takes less".into(),
            (_, true) => format!("data.image_size = {smaller} with data.batch_size = {} would fit", least * shards),
            (_, false) => format!("data.image_size = {smaller} would fit"),
        }
    }
}

/// Pictures in a batch of a loader, at most all.
pub(crate) fn batch(loader: &Loader) -> usize {
    loader.config().batch_size.min(loader.dataset().len())
}

/// Bytes of a picture.
fn picture(side: usize) -> u64 {
    (side as u64).saturating_mul(side as u64).saturating_mul(3 * NUMBER)
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pictures, side, .. } = self;
        write!(f, "a batch of {pictures} pictures of {side}x{side} pixels takes {} of memory", gigabytes(self.bytes()))
    }
}

fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}

/// The maps of a stage, bytes for one picture.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    /// What the stage begins with.
    begins: u64,
    /// Those that a backward pass needs for sure: what a convolution has read, and what a norm has.
    kept: u64,
    /// The largest together with what it is computed from: what there is at once where nothing is
    /// kept.
    most: u64,
}

/// The stages of a network. What a head computes is small beside them.
fn maps(classifier: &Classifier, params: &Params, side: usize) -> Option<Vec<Part>> {
    let (mut graph, mut x) = Graph::new(params, [3, side, side]);
    let mut ends = Vec::new();
    for i in 0..classifier.backbone().stages().len() {
        x = classifier.backbone().graph(i, &mut graph, x).ok()?;
        ends.push(graph.nodes().len());
    }
    let nodes = graph.nodes();
    let read = kept(nodes);
    let bytes = |node: &Node| node.shape.iter().fold(NUMBER, |all, &side| all.saturating_mul(side as u64));
    let mut first = 1;
    let part = |end| {
        let own = std::mem::replace(&mut first, end)..end;
        let begun = Part { begins: bytes(&nodes[own.start - 1]), ..Part::default() };
        own.fold(begun, |part, i| {
            let from = |input: &Value| bytes(&nodes[input.node()]);
            Part {
                kept: part.kept.saturating_add(if read[i] { bytes(&nodes[i]) } else { 0 }),
                begins: part.begins,
                most: part.most.max(bytes(&nodes[i]).saturating_add(nodes[i].inputs.iter().map(from).sum())),
            }
        })
    };
    Some(ends.into_iter().map(part).collect())
}

/// Whether each result is kept for the backward pass: what convolutions and norms have read, but
/// for what is computed again: a norm, alone or with the activation behind it, a map scaled by
/// channel, and maps side by side that a norm reads, of which the parts are kept.
fn kept(nodes: &[Node]) -> Vec<bool> {
    let mut read = vec![false; nodes.len()];
    for node in nodes {
        for input in &node.inputs {
            let by = &nodes[input.node()].operation;
            read[input.node()] |= match node.operation {
                GraphOp::Conv(_) | GraphOp::BatchNorm(_) => true,
                GraphOp::LayerNorm(_) | GraphOp::SelfAttention { .. } | GraphOp::Attention { .. } => true,
                // Of tokens; a head's features are few.
                GraphOp::Linear => nodes[input.node()].shape.len() > 1,
                GraphOp::Concat => !matches!(by, GraphOp::Concat),
                _ => false,
            };
        }
    }
    let norm = |value: &Value| matches!(nodes[value.node()].operation, GraphOp::BatchNorm(_));
    for (node, read) in nodes.iter().zip(&mut read) {
        *read &= match node.operation {
            GraphOp::BatchNorm(_) | GraphOp::LayerNorm(_) | GraphOp::Multiply | GraphOp::Concat => false,
            GraphOp::Activation(_) => !node.inputs.iter().any(norm),
            _ => true,
        };
    }
    read
}

/// The stage of a parameter; behind the last the head.
fn stage_of(classifier: &Classifier, name: &str) -> usize {
    match classifier.part(name) {
        taper_transfer::Part::Stage(stage) => stage,
        taper_transfer::Part::Head => classifier.backbone().stages().len(),
    }
}

/// How many numbers are remembered of each weight, at least: those of the rule, slow weights, and
/// where weights were before they were moved for a second gradient.
fn slots(o: &OptimizeRecipe) -> u64 {
    o.rule.slots() + u64::from(o.lookahead.k > 0) + u64::from(o.sam.rho > 0.0)
}

/// Refuses a training that this machine has no memory for; what to say of one that has more than is
/// free.
///
/// # Errors
/// As [`Need::on`].
pub fn enough(
    (classifier, params): (&Classifier, &Params),
    train: &Loader,
    recipe: &Recipe,
) -> Result<Option<String>, RecipeError> {
    let found = finding((classifier, params), train, recipe)?;
    Ok((found.verdict == Verdict::Doubtful).then_some(found.said))
}

/// Refuses to look at a batch of pictures that this machine has no memory for: their side, pixels,
/// and how many.
///
/// # Errors
/// As [`Need::on`].
pub fn enough_to_look(
    (classifier, params): (&Classifier, &Params),
    pictures: (usize, usize),
    stages: usize,
) -> Result<(), RecipeError> {
    let need = Need::to_look(classifier, params, pictures, stages);
    need.map_or(Ok(()), |need| need.on(&Machine::here()).map(drop))
}

/// The same as one of the findings of `taper check`.
///
/// # Errors
/// As [`Need::on`].
pub fn finding(
    (classifier, params): (&Classifier, &Params),
    train: &Loader,
    recipe: &Recipe,
) -> Result<Finding, RecipeError> {
    let about = "memory";
    let Some(need) = Need::of(classifier, params, train, recipe)? else {
        let said = "the network cannot tell what it computes".into();
        return Ok(Finding { about, verdict: Verdict::Fine, said });
    };
    Ok(match need.on(&Machine::here())? {
        Some(said) => Finding { about, verdict: Verdict::Doubtful, said },
        None => Finding { about, verdict: Verdict::Fine, said: need.to_string() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_is_only_looked_at_has_smaller_pictures() {
        let need = Need { fixed: 0, a_picture: 1 << 28, pictures: 32, shards: 1, least: 32, side: 4096 };
        let said = need.on(&Machine { most: 2 << 30, free: 0 }).unwrap_err().to_string();
        assert!(said.ends_with("data.image_size = 2048 would fit"), "{said}");
    }

    #[test]
    fn what_does_not_fit_is_refused_with_what_would() {
        let need = Need { fixed: 1 << 30, a_picture: 1 << 28, pictures: 32, shards: 1, least: 2, side: 2048 };
        let on = |most: u64, free: u64| need.on(&Machine { most: most << 30, free: free << 30 });
        assert_eq!(on(16, 10).unwrap(), None);
        let said = on(16, 5).unwrap().unwrap();
        assert!(said.contains("32 pictures of 2048x2048") && said.contains("9.7 GB"), "{said}");
        assert!(said.contains("data.batch_size = 16 would fit"), "{said}");
        let said = on(2, 2).unwrap_err().to_string();
        assert!(said.contains("this machine has 2.1 GB") && said.contains("data.batch_size = 4 would fit"), "{said}");
        assert!(said.ends_with("optimize.shards = 8"), "{said}");
        let sharded = Need { pictures: 16, shards: 8, ..need };
        assert!(sharded.remedy(4 << 30).contains("data.batch_size = 96"), "{}", sharded.remedy(4 << 30));
        let large = Need { a_picture: 3 << 30, ..need };
        let said = large.on(&Machine { most: 4 << 30, free: 0 }).unwrap_err().to_string();
        assert!(said.contains("data.image_size = 1440 with data.batch_size = 2"), "{said}");
        let huge = Need { fixed: u64::MAX, a_picture: u64::MAX, ..need };
        assert!(huge.on(&Machine { most: 1, free: 1 }).unwrap_err().to_string().contains("a smaller model"));
    }
}
