//! What is compared: recipes, as what they say beside their baseline.

use anyhow::{Result, bail};
use taper::recipe::{AugmentRecipe, HeadRecipe, Recipe, RegularizeRecipe};

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What it is called.
    pub name: &'static str,
    /// What a recipe says of it.
    pub recipe: &'static str,
    /// The case that it is compared with.
    pub against: &'static str,
    /// Whether the network draws noise that a test can take the mean over.
    pub noise: bool,
}

const fn case(name: &'static str, recipe: &'static str) -> Case {
    Case { name, recipe, against: NONE, noise: false }
}

const fn noisy(name: &'static str, recipe: &'static str) -> Case {
    Case { noise: true, ..case(name, recipe) }
}

const fn residual(name: &'static str, recipe: &'static str) -> Case {
    Case { against: RESIDUAL, noise: true, ..case(name, recipe) }
}

/// The network without any of it.
const NONE: &str = "none";
const RESIDUAL: &str = "none, residual";

/// Every technique alone, each with a usual strength; the last ones on a residual network.
pub const REGULARIZE: &[Case] = &[
    case(NONE, ""),
    case("decoupled decay", "regularize.weight_decay = 0.1"),
    case("L2", "regularize.l2 = 1e-3"),
    case("L1", "regularize.l1 = 1e-4"),
    case("elastic net", "regularize.l1 = 5e-5\nregularize.l2 = 5e-4"),
    case("max-norm", "regularize.max_norm = 2.0"),
    noisy("dropout", "head.dropout = 0.5"),
    noisy("DropConnect", "head.drop_connect = 0.5"),
    noisy("fractional pooling", "regularize.fractional_pooling = 1.5"),
    case("label smoothing", "regularize.label_smoothing = 0.1"),
    case("mixup", "regularize.mixup = 0.2"),
    case("CutMix", "regularize.cutmix = 1.0"),
    case("mixup or CutMix", "regularize.mixup = 0.2\nregularize.cutmix = 1.0"),
    case("random erasing", "augment.train = [\"random_erasing\"]"),
    case("cutout", "augment.train = [{ name = \"cutout\", side = 8 }]"),
    case("early stopping", "regularize.patience = 3"),
    noisy(
        "several together",
        "regularize.weight_decay = 0.1\nhead.dropout = 0.5\naugment.train = [\"hflip\", \"random_erasing\"]",
    ),
    Case { noise: false, ..residual(RESIDUAL, "model = \"resnet18_narrow\"") },
    residual("stochastic depth, batch", "model = \"resnet18_narrow\"\nregularize.stochastic_depth = 0.5"),
    residual(
        "stochastic depth, sample",
        "model = \"resnet18_narrow\"\nregularize.stochastic_depth = 0.5\nregularize.drop_per = \"sample\"",
    ),
];

/// The cases of these names and their baselines, in the order of the table; all where none is named.
///
/// # Errors
/// When there is no case of a name.
pub fn chosen(cases: &[Case], names: &[String]) -> Result<Vec<Case>> {
    if let Some(name) = names.iter().find(|name| cases.iter().all(|case| case.name != **name)) {
        let known: Vec<_> = cases.iter().map(|case| case.name).collect();
        bail!("there is no case {name:?}; there are {}", known.join(", "));
    }
    let wanted = |name: &str| names.is_empty() || names.iter().any(|other| other == name);
    let baseline = |case: &Case| cases.iter().any(|other| other.against == case.name && wanted(other.name));
    Ok(cases.iter().filter(|case| wanted(case.name) || baseline(case)).copied().collect())
}

impl Case {
    /// The recipe that is run: `taper train`'s without regularization and augmentation, and what the case says.
    ///
    /// # Errors
    /// When what it says is no recipe, or no good one.
    pub fn recipe(&self, epochs: usize, seed: u64) -> Result<Recipe> {
        let mut base = Recipe {
            augment: AugmentRecipe::none(),
            head: HeadRecipe { hidden: 128, dropout: 0.0, drop_connect: 0.0 },
            regularize: RegularizeRecipe { weight_decay: 0.0, label_smoothing: 0.0, ..RegularizeRecipe::default() },
            seed,
            ..Recipe::from_scratch()
        };
        base.data.batch_size = 64;
        base.optimize.epochs = epochs;
        let recipe = Recipe::parse_over(&base, self.recipe, self.name.as_ref())?;
        recipe.check()?;
        Ok(recipe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_cases_bring_their_baselines() {
        let names = |asked: &[&str]| {
            let asked: Vec<String> = asked.iter().map(|&name| name.to_owned()).collect();
            chosen(REGULARIZE, &asked).map(|cases| cases.iter().map(|case| case.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["mixup", "L2"]).unwrap(), ["none", "L2", "mixup"]);
        assert_eq!(names(&[]).unwrap().len(), REGULARIZE.len());
        assert!(names(&["mixp"]).unwrap_err().to_string().contains("mixup"));
    }

    #[test]
    fn every_case_is_a_recipe_of_its_own_with_a_baseline() {
        for (i, case) in REGULARIZE.iter().enumerate() {
            let recipe = case.recipe(3, 1).unwrap();
            assert_eq!((recipe.optimize.epochs, recipe.seed), (3, 1));
            let baseline = REGULARIZE.iter().find(|other| other.name == case.against).unwrap();
            assert_eq!(baseline.against, baseline.name, "{}", case.name);
            assert_eq!(baseline.recipe(3, 1).unwrap().model, recipe.model, "{}", case.name);
            assert!(REGULARIZE[..i].iter().all(|other| other.recipe(3, 1).unwrap() != recipe), "{}", case.name);
        }
    }
}
