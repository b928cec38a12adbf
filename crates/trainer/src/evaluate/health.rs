//! Signs of how a training fares.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor, Var};
use taper_nn::Params;
use taper_regularize::decays;
use taper_tensor::global_max_pool;
use taper_transfer::{Classifier, Part};

use crate::error::Result;

/// What was seen at the last step of an epoch, and in its validation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// The length of all gradients taken as one vector, before clipping.
    pub gradient_norm: f64,
    /// Of the head and of each stage that is trained: the length of what the step added to its
    /// weights over the length of its weights. About 1e-3 is usual where a rate is well chosen.
    pub updates: Vec<(String, f64)>,
    /// Of each stage: the share of its channels that are 0 on every place of every picture of a
    /// batch.
    pub dead: Vec<(String, f64)>,
}

/// A step that changes weights by more than this fraction is worth a word, and so are as many dead
/// channels, if there are as many more than at first.
const LARGE: f64 = 0.1;
const DEAD: f64 = 0.3;
const MORE: f64 = 0.2;

impl Health {
    /// What is worth a word, `first` being the health of the first epoch: the part, and what is
    /// said of it.
    pub fn doubts(&self, first: &Self) -> Vec<(String, String)> {
        let large =
            self.updates.iter().filter(|(_, ratio)| *ratio > LARGE && ratio.is_finite()).map(|(part, ratio)| {
                let percent = 100.0 * ratio;
                (
                    part.clone(),
                    format!("a step changes the weights of {part} by {percent:.0} %, 0.1 % is usual: the rate is high"),
                )
            });
        let before = |part: &str| first.dead.iter().find(|(name, _)| name == part).map_or(0.0, |(_, share)| *share);
        let dead = self.dead.iter().filter(|(part, share)| *share > DEAD && *share > before(part) + MORE);
        let dead = dead.map(|(part, share)| {
            let said = format!(
                "{:.0} % of the channels of {part} are 0 everywhere, {:.0} % after the first epoch: units die where the rate is too high",
                100.0 * share,
                100.0 * before(part)
            );
            (format!("dead {part}"), said)
        });
        large.chain(dead).collect()
    }
}

/// The share of channels of a map (N,H,W,C) that are nowhere above 0.
///
/// # Errors
/// When the tensor is on a device that fails.
pub fn dead(map: &Tensor) -> Result<f64> {
    let most = global_max_pool(map)?.max(0)?;
    let dead = most.le(0.0)?.to_dtype(DType::F32)?;
    Ok(f64::from(dead.mean_all()?.to_scalar::<f32>()?))
}

/// The weights before a step, by the part of the network that they are in.
pub(crate) struct Before(BTreeMap<Part, Vec<(Var, Tensor)>>);

impl Before {
    /// Copies what a classifier trains, biases and norm scales left out.
    pub(crate) fn of(classifier: &Classifier, params: &Params) -> Result<Self> {
        let mut parts: BTreeMap<Part, Vec<(Var, Tensor)>> = BTreeMap::new();
        for taper_transfer::Trainable { name, var, part } in classifier.trainables(params) {
            if decays(&name, var.dims()) {
                let copy = var.as_detached_tensor().copy()?;
                parts.entry(part).or_default().push((var, copy));
            }
        }
        Ok(Self(parts))
    }

    /// How far each part has moved, from the picture to the head.
    pub(crate) fn updates(&self, classifier: &Classifier) -> Result<Vec<(String, f64)>> {
        let length = |tensor: &Tensor| -> Result<f64> { Ok(f64::from(tensor.sqr()?.sum_all()?.to_scalar::<f32>()?)) };
        let mut updates = Vec::new();
        for (part, weights) in &self.0 {
            let (mut moved, mut whole) = (0.0, 0.0);
            for (var, before) in weights {
                moved += length(&(var.as_detached_tensor() - before)?)?;
                whole += length(before)?;
            }
            let name = match part {
                Part::Stage(i) => classifier.backbone().stages()[*i].name,
                Part::Head => "head",
            };
            // Of weights that were all 0 no step is a fraction.
            updates.push((name.to_owned(), if whole > 0.0 { (moved / whole).sqrt() } else { f64::INFINITY }));
        }
        Ok(updates)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn a_channel_is_dead_that_is_nowhere_above_zero() -> Result<(), Box<dyn std::error::Error>> {
        // (1,1,2,3): the second channel never, the third once.
        let map = Tensor::new(&[1f32, 0.0, -1.0, 2.0, -0.5, 3.0], &Device::Cpu)?.reshape((1, 1, 2, 3))?;
        assert!((dead(&map)? - 1.0 / 3.0).abs() < 1e-6);
        Ok(())
    }

    #[test]
    fn large_steps_and_dying_units_are_said() {
        let health = |update: f64, dead: f64| Health {
            gradient_norm: 1.0,
            updates: vec![("head".into(), update)],
            dead: vec![("fire1".into(), dead)],
        };
        let first = health(1e-3, 0.25);
        assert!(health(1e-2, 0.4).doubts(&first).is_empty() && first.doubts(&first).is_empty());
        assert!(health(f64::INFINITY, f64::NAN).doubts(&first).is_empty());
        let said = health(0.5, 0.6).doubts(&first);
        assert_eq!(said.len(), 2);
        assert!(said[0].1.contains("head by 50 %") && said[1].1.contains("60 %") && said[1].1.contains("25 % after"));
    }
}
