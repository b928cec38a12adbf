//! What is compared: recipes, as what they say beside their baseline.

use anyhow::{Result, bail};
use taper_trainer::recipe::{AugmentRecipe, HeadRecipe, NormalizeRecipe, Recipe, RegularizeRecipe};

/// One row of the table.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it is called.
    pub name: &'static str,
    /// What a recipe says of it.
    pub recipe: String,
    /// The case that it is compared with.
    pub against: &'static str,
    /// What else is tested.
    pub test: Test,
}

/// What is tested beside the plain answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// Nothing.
    Plain,
    /// The mean over the noise that the network draws.
    Noise,
    /// Several views of each picture.
    Views,
}

fn case(name: &'static str, recipe: &str) -> Case {
    Case { name, recipe: recipe.to_owned(), against: NONE, test: Test::Plain }
}

fn noisy(name: &'static str, recipe: &str) -> Case {
    Case { test: Test::Noise, ..case(name, recipe) }
}

fn residual(name: &'static str, recipe: &str) -> Case {
    let recipe = format!("model = \"resnet18_narrow\"\n{recipe}");
    Case { against: RESIDUAL, ..noisy(name, recipe.trim_end()) }
}

/// The network without any of it.
const NONE: &str = "none";
const RESIDUAL: &str = "none (residual)";

/// Every technique of `taper-regularize` alone, each with a usual strength; the last ones on a
/// residual network.
pub fn regularize() -> Vec<Case> {
    vec![
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
        Case { test: Test::Plain, ..residual(RESIDUAL, "") },
        residual("stochastic depth by batch", "regularize.stochastic_depth = 0.5"),
        residual("stochastic depth by sample", "regularize.stochastic_depth = 0.5\nregularize.drop_per = \"sample\""),
    ]
}

/// Every family of `taper-augment` alone, some together, and what `taper fine-tune` does by
/// default.
pub fn augment() -> Vec<Case> {
    const AFFINE: &str = "{ name = \"random_affine\", degrees = 25, scale = [0.8, 1.25], translate = 0.1, shear = 10, \
                          stretch = [0.8, 1.25] }";
    const WARP: &str = "{ name = \"one_of\", transforms = [\"random_perspective\", \"random_lens\", \"elastic\"] }";
    const SMALL: &str = "{ name = \"random_affine\", degrees = 10, scale = [1, 1.1] }";
    const COLOR: &str = "{ name = \"color_jitter\", brightness = 0.2, contrast = 0.2 }";
    const STRONG: &str = "{ name = \"color_jitter\", brightness = 0.4, contrast = 0.4, saturation = 0.4, hue = 0.1 }";
    const FILTERS: &str = "{ name = \"one_of\", transforms = [\"sharpness\", \"blur\", \"noise\", \"jpeg\"] }";
    let list = |name, list: &[&str]| case(name, &format!("augment.train = [{}]", list.join(", ")));
    let one_of = |names: &str| format!("{{ name = \"one_of\", transforms = [\"{}\"] }}", names.replace(' ', "\", \""));
    let usual: Vec<String> = AugmentRecipe::default().train.iter().map(ToString::to_string).collect();
    let usual: Vec<&str> = usual.iter().map(String::as_str).collect();
    vec![
        case(NONE, ""),
        list("mirror", &["\"hflip\""]),
        list("turn and zoom", &[SMALL]),
        list("strong affine", &[AFFINE]),
        list("random resized crop", &["\"random_resized_crop\""]),
        list("random scale crop", &["{ name = \"random_scale_crop\", short_side = [160, 240] }"]),
        list("perspective or lens", &[&one_of("random_perspective random_lens")]),
        list("perspective or lens or rubber", &[WARP]),
        list("color", &[COLOR]),
        list("strong color", &[STRONG]),
        list("PCA lighting", &["\"pca_lighting\""]),
        list("tones", &[&one_of("gamma posterize solarize autocontrast equalize grayscale")]),
        list("filters or noise or JPEG", &[FILTERS]),
        list("random erasing", &["\"random_erasing\""]),
        list("RandAugment", &["\"hflip\"", "\"rand_augment\""]),
        list("TrivialAugment", &["\"hflip\"", "\"trivial_augment\""]),
        list("AugMix", &["\"hflip\"", "\"aug_mix\""]),
        list("warp + turn and zoom", &[WARP, SMALL]),
        list("warp + filters", &[WARP, FILTERS]),
        list("mirror + turn and zoom + color", &["\"hflip\"", SMALL, COLOR]),
        list("mirror + affine", &["\"hflip\"", AFFINE]),
        list("mirror + affine + color", &["\"hflip\"", AFFINE, COLOR]),
        list("crop + mirror + strong color", &["\"random_resized_crop\"", "\"hflip\"", STRONG]),
        Case { test: Test::Views, ..list("default", &usual) },
    ]
}

/// The cases of these names and their baselines, in the order of the table; all where none is
/// named.
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
    Ok(cases.iter().filter(|case| wanted(case.name) || baseline(case)).cloned().collect())
}

/// The recipe that the cases of a table have in common.
#[derive(Clone, Debug)]
pub struct Base(Recipe);

impl Base {
    /// `taper train`'s for pictures of 28x28, without regularization and augmentation.
    pub fn scratch(epochs: usize) -> Self {
        let mut base = Recipe {
            augment: AugmentRecipe::none(),
            head: HeadRecipe { hidden: 128, dropout: 0.0, ..HeadRecipe::default() },
            regularize: RegularizeRecipe {
                weight_decay: 0.0,
                label_smoothing: Some(0.0),
                ..RegularizeRecipe::default()
            },
            ..Recipe::from_scratch()
        };
        base.data.batch_size = 64;
        // As the tables were made.
        base.data.normalize = NormalizeRecipe::Network {};
        base.optimize.epochs = epochs;
        Self(base)
    }

    /// `taper fine-tune`'s, without augmentation.
    pub fn fine_tune() -> Self {
        Self(Recipe { augment: AugmentRecipe::none(), ..Recipe::default() })
    }

    /// What is run: this and what the case says.
    ///
    /// # Errors
    /// When what it says is no recipe, or no good one.
    pub fn with(&self, case: &Case, seed: u64) -> Result<Recipe> {
        let base = Recipe { seed, ..self.0.clone() };
        let recipe = Recipe::parse_over(&base, &case.recipe, case.name.as_ref())?;
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
            chosen(&regularize(), &asked).map(|cases| cases.iter().map(|case| case.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["mixup", "L2"]).unwrap(), ["none", "L2", "mixup"]);
        assert_eq!(names(&[]).unwrap().len(), regularize().len());
        assert!(names(&["mixp"]).unwrap_err().to_string().contains("mixup"));
    }

    #[test]
    fn every_case_is_a_recipe_of_its_own_with_a_baseline() {
        for (base, cases) in [(Base::scratch(3), regularize()), (Base::fine_tune(), augment())] {
            for (i, case) in cases.iter().enumerate() {
                assert!(!case.name.contains(','), "--only takes names with commas between them: {}", case.name);
                let recipe = base.with(case, 1).unwrap();
                assert_eq!(recipe.seed, 1);
                let baseline = cases.iter().find(|other| other.name == case.against).unwrap();
                assert_eq!(baseline.against, baseline.name, "{}", case.name);
                assert_eq!(base.with(baseline, 1).unwrap().model, recipe.model, "{}", case.name);
                assert!(cases[..i].iter().all(|other| base.with(other, 1).unwrap() != recipe), "{}", case.name);
            }
        }
        assert_eq!(Base::fine_tune().with(augment().last().unwrap(), 0).unwrap(), Recipe::default());
    }
}
