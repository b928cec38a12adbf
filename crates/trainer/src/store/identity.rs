//! What a run is a training of: what has to be the same when it goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use taper_data::LabelKind;
use taper_transfer::{architecture, sha256};

use crate::build::model::weights_bytes;
use crate::build::network::{Network, stages};
use crate::build::phases::frozen_stages;
use crate::error::Result;
use crate::recipe::{Frozen, Recipe, settings};
use crate::store::error::StoreError;
use crate::store::pictures::Pictures;

/// All that the end of a training depends on; threads, paths and how it is told are not among it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The recipe, as TOML.
    pub recipe: String,
    /// SHA-256 of the weights that were read for it; empty where all begin at random, by the seed.
    pub weights: String,
    /// [`Ledger::sum`](crate::store::ledger::Ledger::sum) of the pictures.
    pub pictures: String,
}

impl Identity {
    /// Of a run before its first step.
    ///
    /// # Errors
    /// None that is known.
    pub fn new(recipe: &Recipe, network: &Network, pictures: &Pictures) -> Result<Self> {
        let weights = match &network.loaded {
            None => String::new(),
            Some(report) => {
                let mut tensors = network.params.tensors();
                tensors.retain(|name, _| report.fit.loaded.contains(name));
                sha256(&weights_bytes(&tensors)?)
            }
        };
        Ok(Self { recipe: toml::to_string(recipe)?, weights, pictures: pictures.ledger.sum().to_owned() })
    }

    /// In what another differs, a line each; `pictures` says in what its pictures do, where they
    /// do.
    ///
    /// # Errors
    /// When one of the recipes is invalid.
    pub fn differences(&self, now: &Self, pictures: impl FnOnce() -> Vec<String>) -> Result<Vec<String>> {
        let recipe = |text| Recipe::parse(text, Path::new("recipe.toml"));
        let then = recipe(&self.recipe).map_err(|source| StoreError::BegunByOther { source })?;
        let mut lines = changed(&then, &recipe(&now.recipe)?)?;
        if self.weights != now.weights {
            lines.push("other weights to begin with".to_owned());
        }
        if self.pictures != now.pictures {
            let said = pictures();
            let said = if said.is_empty() { "in names, classes or content".to_owned() } else { said.join("; ") };
            lines.push(format!("other pictures than those that it was begun on: {said}"));
        }
        Ok(lines)
    }
}

/// Settings that name where something lies: it is known by its content.
const PLACES: [&str; 2] = ["data.path", "weights"];

/// The settings in which recipes differ that make a difference, by their places.
///
/// # Errors
/// When a recipe is invalid.
pub fn changed(then: &Recipe, now: &Recipe) -> Result<Vec<String>> {
    let of = |recipe: &Recipe| -> Result<BTreeMap<String, String>> {
        // Said or left to its default, it is the same.
        let mut recipe = recipe.clone();
        (recipe.data.split_seed, recipe.data.variants) = (Some(recipe.split_seed()), Some(recipe.variants()));
        recipe.regularize.label_smoothing = Some(recipe.label_smoothing(LabelKind::One));
        by_name(&mut recipe);
        Ok(settings(&toml::Table::try_from(recipe)?).into_iter().collect())
    };
    let (then, now) = (of(then)?, of(now)?);
    let places: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    let value =
        |all: &BTreeMap<String, String>, place: &String| all.get(place).map_or("nothing".to_owned(), String::clone);
    let line = |place: &String| format!("{place}: was {}, is {}", value(&then, place), value(&now, place));
    let differ = |place: &&String| !PLACES.contains(&place.as_str()) && then.get(*place) != now.get(*place);
    Ok(places.into_iter().filter(differ).map(line).collect())
}

/// Calls stages by the names that they have now, where the network of the recipe has them: a number
/// or a name of before says the same.
fn by_name(recipe: &mut Recipe) {
    let Ok(network) = architecture(&recipe.model) else { return };
    recipe.cut = recipe.cut.take().map(|name| network.stage_name(&name).to_owned());
    let Ok(stages) = stages(recipe) else { return };
    let last = |count: usize| count.checked_sub(1).map_or(Frozen::NONE, |last| stages[last].name);
    if let Ok(count) = frozen_stages(recipe, &stages) {
        recipe.optimize.frozen_stages = Frozen::Through(last(count).to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Changed, WayOut};

    #[test]
    fn settings_that_differ_are_named_with_both_values() {
        let then = Recipe::default();
        let mut now = then.clone();
        (now.data.path, now.weights) = ("elsewhere".into(), Some("w".into()));
        (now.data.split_seed, now.data.variants) = (Some(0), Some(0));
        assert_eq!(changed(&then, &now).unwrap(), Vec::<String>::new());
        (now.seed, now.cut, now.optimize.lr) = (5, Some("fire4".into()), 0.5);
        now.optimize.rule = crate::recipe::Rule::named("lion").unwrap();
        let said = changed(&then, &now).unwrap();
        let rate = format!("optimize.lr: was {}, is 0.5", then.optimize.lr);
        assert!(said.contains(&rate) && said.contains(&"cut: was nothing, is \"fire4\"".to_owned()), "{said:?}");
        assert!(said.contains(&"seed: was 0, is 5".to_owned()), "{said:?}");
        // The split is drawn by it, as it was.
        assert!(!said.iter().any(|line| line.contains("split_seed")), "{said:?}");
        assert!(said.iter().any(|line| line.starts_with("optimize.rule") && line.contains("lion")), "{said:?}");
    }

    #[test]
    fn a_stage_is_the_same_by_its_number_and_by_each_of_its_names() {
        let recipe = |cut: &str, frozen| {
            let mut recipe = Recipe { model: "vgg11".into(), cut: Some(cut.into()), ..Recipe::default() };
            recipe.optimize.frozen_stages = frozen;
            recipe
        };
        let then = recipe("block4", Frozen::Count(2));
        assert_eq!(changed(&then, &recipe("conv4", Frozen::Through("conv2".into()))).unwrap(), Vec::<String>::new());
        let said = changed(&then, &recipe("conv4", Frozen::Through("none".into()))).unwrap();
        assert_eq!(said, ["optimize.frozen_stages: was \"conv2\", is \"none\""]);
    }

    #[test]
    fn weights_and_pictures_count_and_the_way_out_is_a_new_run() {
        let recipe = toml::to_string(&Recipe::from_scratch()).unwrap();
        let then = Identity { recipe, weights: "a".into(), pictures: "a".into() };
        assert!(then.differences(&then, || unreachable!()).unwrap().is_empty());
        let now = Identity { weights: "b".into(), pictures: "b".into(), ..then.clone() };
        let said = then.differences(&now, || vec!["1 gone: a.png".into()]).unwrap();
        assert_eq!(said[0], "other weights to begin with");
        assert_eq!(said[1], "other pictures than those that it was begun on: 1 gone: a.png");
        let anew =
            |recipe: &str, out: String| WayOut::Anew { recipe: recipe.into(), pretrained: false, out: out.into() };
        let changed = Changed::new(Path::new("runs/x/"), &Recipe::from_scratch(), said);
        assert_eq!(changed.way_out, anew("runs/x/recipe.toml", "runs/x-2".into()));
        let here = std::env::current_dir().unwrap();
        let here = here.to_str().unwrap();
        let changed = Changed::new(Path::new("."), &Recipe::from_scratch(), Vec::new());
        assert_eq!(changed.way_out, anew(&format!("{here}/recipe.toml"), format!("{here}-2")));
        // Of the version before, under other names.
        let old = then.recipe.replace("\nlr = ", "\nrate = ").replace("head_lr_scale", "head_factor");
        assert!(old != then.recipe && old.contains("rate = "), "{old}");
        let old = Identity { recipe: old, ..then.clone() };
        assert!(old.differences(&then, || unreachable!()).unwrap().is_empty());
        let other = Identity { recipe: "color = 1".into(), ..then.clone() };
        assert!(other.differences(&then, Vec::new).unwrap_err().to_string().contains("another version of taper"));
    }
}
