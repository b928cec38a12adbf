//! The recipes that are compared.

use anyhow::Result;

use super::wanted::by_name;

/// A way to fine-tune.
pub(crate) struct Recipe {
    pub(crate) name: &'static str,
    /// Flags of `taper fine-tune`.
    pub(crate) flags: &'static str,
    /// Whether it is a preset; the others are candidates for one.
    pub(crate) preset: bool,
}

const fn preset(name: &'static str, flags: &'static str) -> Recipe {
    Recipe { name, flags, preset: true }
}

const fn variant(name: &'static str, flags: &'static str) -> Recipe {
    Recipe { name, flags, preset: false }
}

/// That of another program, which says in its own words what it does.
pub(super) const fn peer(name: &'static str, words: &'static str) -> Recipe {
    preset(name, words)
}

/// The presets, then one change to the default each.
pub(crate) const RECIPES: &[Recipe] = &[
    preset("quick", "--preset quick"),
    preset("default", ""),
    preset("thorough", "--preset thorough"),
    variant("whole-network", "--freeze none"),
    variant("gentle-decay", "--stage-decay 0.7"),
    variant("steep-decay", "--stage-decay 0.1"),
    variant("faster-backbone", "--backbone-lr 1e-3"),
    variant("long-head", "--head-epochs 10"),
    variant("few-epochs", "--head-epochs 3 --epochs 8"),
    variant("ema", "--average ema"),
    variant("gradual", "--plan gradual"),
    variant("trivial-augment", "--augment random_resized_crop,hflip,trivial_augment"),
    variant("plain-crops", "--augment random_resized_crop,hflip"),
    variant("mixup", "--mixup 0.2"),
    variant("cutmix", "--cutmix 1"),
    variant("smoothing", "--label-smoothing 0.1"),
    variant("balanced-loss", "--balance weights"),
    variant("larger-pictures", "--image-size 224"),
    variant("own-head", "--head own"),
];

/// The recipes of these names, in the order of the table; all where there are no names.
///
/// # Errors
/// When there is none of a name; the error has those that there are.
pub(crate) fn chosen(names: &[String]) -> Result<Vec<&'static Recipe>> {
    by_name("recipe", names, RECIPES, |recipe| recipe.name)
}

/// A recipe of the table by its name.
#[cfg(test)]
pub(super) fn named(name: &str) -> &'static Recipe {
    RECIPES.iter().find(|recipe| recipe.name == name).unwrap()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn every_recipe_is_one_that_the_binary_takes() {
        for recipe in RECIPES {
            let words = ["taper", "fine-tune", "pictures"].into_iter().chain(recipe.flags.split_whitespace());
            let taken = taper_cli::Cli::try_parse_from(words);
            assert!(taken.is_ok(), "{}: {}", recipe.name, taken.err().unwrap());
            assert_eq!(RECIPES.iter().filter(|other| other.name == recipe.name).count(), 1);
        }
        let said = chosen(&["mixed".to_owned()]).err().unwrap().to_string();
        assert!(said.contains("mixed") && said.contains("mixup"), "{said}");
    }
}
