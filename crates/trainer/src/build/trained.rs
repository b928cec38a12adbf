//! What each phase of a training changes, for whoever wants to know before it begins.

use std::fmt;

use taper_nn::Params;
use taper_transfer::{Classifier, Part};

use crate::build::optimize::lr_scale_of;
use crate::build::phases::Phase;
use crate::recipe::{Recipe, Rule};

/// What a phase trains, and what it leaves as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// What the phase is called in tables.
    pub phase: &'static str,
    /// The stages that keep their weights, from the picture.
    pub frozen: Vec<&'static str>,
    /// What is trained, from the picture to the head.
    pub parts: Vec<TrainedPart>,
}

/// A part of a network that is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainedPart {
    /// The name of the stage; `head`.
    pub name: &'static str,
    /// How many numbers its weights are.
    pub parameters: usize,
    /// Its peak learning rate; none for a rule that finds the length of its steps.
    pub lr: Option<f64>,
}

/// What each of these phases trains.
pub fn trained(recipe: &Recipe, (classifier, params): (&Classifier, &Params), phases: &[Phase]) -> Vec<Trained> {
    let (stages, all) = (classifier.backbone().stages(), params.trainables());
    let count = |part: Part| {
        let own = all.iter().filter(|(name, _)| classifier.part(name) == part);
        own.map(|(_, var)| var.elem_count()).sum::<usize>()
    };
    let parts = (0..stages.len()).map(Part::Stage).chain([Part::Head]);
    let counts: Vec<(Part, usize)> = parts.map(|part| (part, count(part))).collect();
    let lr = |phase: &Phase, part| match recipe.optimize.rule {
        Rule::Lbfgs(_) => None,
        _ => Some(recipe.optimize.lr * lr_scale_of(recipe, (phase.frozen, stages.len()), part)),
    };
    let of = |phase: &Phase| {
        let changed = counts.iter().filter(|(part, _)| *part >= Part::Stage(phase.frozen));
        let part = |&(part, parameters): &(Part, usize)| {
            let name = if let Part::Stage(i) = part { stages[i].name } else { "head" };
            TrainedPart { name, parameters, lr: lr(phase, part) }
        };
        let frozen = stages.iter().take(phase.frozen).map(|stage| stage.name).collect();
        Trained { phase: phase.name, frozen, parts: changed.map(part).collect() }
    };
    phases.iter().map(of).collect()
}

impl fmt::Display for Trained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { phase, frozen, parts } = self;
        write!(f, "{phase}: trained ")?;
        for (i, TrainedPart { name, parameters, lr }) in parts.iter().enumerate() {
            write!(f, "{}{name} ({parameters}", if i == 0 { "" } else { ", " })?;
            lr.map_or(Ok(()), |lr| write!(f, " at {lr:.1e}"))?;
            f.write_str(")")?;
        }
        match &frozen[..] {
            [] => Ok(()),
            frozen => write!(f, "; as it is: {}", frozen.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use taper_tensor::Rng;
    use taper_transfer::{BackboneConfig, Head, VggHeadConfig, architecture};

    use super::*;
    use crate::build::phases::phases;
    use crate::recipe::{Frozen, Plan};

    /// The three columns of the figure in every course on transfer: few pictures, more, and many.
    #[test]
    fn the_new_layer_the_fully_connected_ones_or_everything() {
        let params = Params::new(Rng::new(0), DType::F32, Device::Cpu);
        let head = Head::AlexNet(VggHeadConfig { hidden: 8, ..VggHeadConfig::default() });
        let network = architecture("alexnet").unwrap();
        let net = network.classifier(&params, &BackboneConfig::default(), &head, 3).unwrap();
        let last = |plan, frozen: &str, decay| {
            let mut recipe = Recipe { plan, model: "alexnet".into(), ..Recipe::default() };
            (recipe.optimize.lr, recipe.optimize.stage_decay) = (1.0, decay);
            recipe.optimize.frozen_stages = Frozen::Through(frozen.into());
            let phases = phases(&recipe, net.backbone().stages()).unwrap();
            trained(&recipe, (&net, &params), &phases).pop().unwrap().to_string()
        };
        let fc6 = 256 * 36 * 8 + 8;
        assert_eq!(
            last(Plan::Probe, "conv1", 0.3),
            "head: trained head (27 at 1.0e0); as it is: conv1, conv2, conv3-5, fc6, fc7"
        );
        assert_eq!(
            last(Plan::Full, "conv5", 1.0),
            format!(
                "all: trained fc6 ({fc6} at 5.0e-2), fc7 (72 at 5.0e-2), head (27 at 5.0e-1); as it is: conv1, conv2, conv3-5"
            )
        );
        let all = last(Plan::Full, "none", 0.3);
        assert!(
            all.starts_with("all: trained conv1 (23296 at 4.0e-4), conv2 (307392 at 1.4e-3), ")
                && !all.contains("as it is")
        );
    }
}
