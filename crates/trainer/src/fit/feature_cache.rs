//! Features that several trainings in one process have in common.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use taper_tensor::Precision;
use taper_transfer::Classifier;

use super::feature_store::Variant;
use crate::build::regularize::backbone_config;
use crate::error::Result;
use crate::recipe::Recipe;

/// Features of frozen stages, for trainings in one process whose recipes agree in all that these
/// depend on. Those of a recipe whose frozen stages see anything else take the place of the ones
/// before.
#[derive(Debug, Default)]
pub struct FeatureCache(Mutex<Cached>);

/// Features, and what they depend on.
#[derive(Debug, Default)]
struct Cached {
    key: String,
    /// By the pictures that they are of, the precision, and the stages that are frozen.
    variants: BTreeMap<String, Arc<Vec<Variant>>>,
}

impl FeatureCache {
    /// The features of one side of the data (`train`, `val`), computed in a precision by `compute`
    /// where they are not there yet.
    pub(super) fn get(
        &self,
        (recipe, side, precision): (&Recipe, &str, Precision),
        classifier: &Classifier,
        compute: impl FnOnce() -> Result<Vec<Variant>>,
    ) -> Result<Arc<Vec<Variant>>> {
        let (key, side) = (key(recipe)?, format!("{side} in {precision:?} behind {}", classifier.frozen()));
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.key != key {
            *cached = Cached { key, variants: BTreeMap::new() };
        }
        if let Some(variants) = cached.variants.get(&side) {
            return Ok(Arc::clone(variants));
        }
        let variants = Arc::new(compute()?);
        cached.variants.insert(side, Arc::clone(&variants));
        Ok(variants)
    }
}

/// What the features of stages depend on that are frozen from the first step on, and the shape that
/// they are kept in.
fn key(recipe: &Recipe) -> Result<String> {
    let Recipe { model, pretrained, weights, partial, cut, seed, data, head, .. } = recipe;
    // Random weights, and the draws of augmentation, are those of the seed.
    let drawn = (recipe.variants() > 1 || !pretrained || *partial).then_some((seed, &recipe.augment));
    let (kind, backbone) = ((head.kind, head.hidden == 0), backbone_config(&recipe.regularize));
    let network = (model, pretrained, weights, partial, cut, kind, backbone);
    Ok(serde_json::to_string(&(network, recipe.split_seed(), data, drawn, recipe.variants()))?)
}
