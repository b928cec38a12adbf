//! The recipes that are compared.

use anyhow::Result;

use super::wanted::by_name;

/// A way to fine-tune.
pub(crate) struct Recipe {
    pub(crate) name: &'static str,
    /// Flags of `taper fine-tune`, or what another program does in its own words.
    pub(crate) flags: &'static str,
    pub(crate) kind: Kind,
}

/// What a recipe is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Preset,
    /// A candidate for a preset.
    Variant,
    /// That of another program, by a script `NAME_fine_tune.py` that says at its top what it does.
    Peer,
}

const fn preset(name: &'static str, flags: &'static str) -> Recipe {
    Recipe { name, flags, kind: Kind::Preset }
}

const fn variant(name: &'static str, flags: &'static str) -> Recipe {
    Recipe { name, flags, kind: Kind::Variant }
}

const fn peer(name: &'static str, flags: &'static str) -> Recipe {
    Recipe { name, flags, kind: Kind::Peer }
}

/// The presets, one change to the default each, and other programs.
pub(crate) const RECIPES: &[Recipe] = &[
    preset("quick", "--preset quick"),
    preset("default", ""),
    preset("thorough", "--preset thorough"),
    variant("f32", "--precision f32"),
    variant("one-pass", "--passes 1"),
    variant("no-average", "--average none"),
    variant("whole-network", "--freeze none"),
    variant("gentle-decay", "--stage-decay 0.5"),
    variant("steep-decay", "--stage-decay 0.1"),
    variant("twice-backbone", "--backbone-lr 2e-4"),
    variant("faster-backbone", "--backbone-lr 1e-3"),
    variant("long-head", "--head-epochs 8"),
    variant("few-epochs", "--head-epochs 3 --epochs 8"),
    variant("gradual", "--plan gradual"),
    variant("trivial-augment", "--augment random_resized_crop,hflip,trivial_augment"),
    variant("plain-crops", "--augment random_resized_crop,hflip"),
    variant("mixup", "--mixup 0.2"),
    variant("cutmix", "--cutmix 1"),
    variant("no-smoothing", "--label-smoothing 0"),
    variant("balanced-loss", "--balance weights"),
    variant("larger-pictures", "--image-size 224"),
    variant("own-head", "--head own"),
    variant("efficientnet-lite0", "--model tf_efficientnet_lite0"),
    peer("fastai", "fine_tune(8, base_lr=2e-3, freeze_epochs=3)"),
    peer("pytorch", "SGD(lr=0.001, momentum=0.9), StepLR(7, 0.1), 25 epochs"),
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
        for recipe in RECIPES.iter().filter(|recipe| recipe.kind != Kind::Peer) {
            let words = ["taper", "fine-tune", "pictures"].into_iter().chain(recipe.flags.split_whitespace());
            let taken = taper_cli::Cli::try_parse_from(words);
            assert!(taken.is_ok(), "{}: {}", recipe.name, taken.err().unwrap());
            assert_eq!(RECIPES.iter().filter(|other| other.name == recipe.name).count(), 1);
        }
        let said = chosen(&["mixed".to_owned()]).err().unwrap().to_string();
        assert!(said.contains("mixed") && said.contains("mixup"), "{said}");
    }
}
