//! What makes a recipe one that cannot be run.

use super::error::RecipeError;
use super::head::HeadKind;
use super::limits::check_recipe;
use super::must::Must;
use super::root::{MOST_SEED, Recipe};

/// What must hold before a recipe can be written: TOML has no larger numbers, and text in UTF-8
/// alone.
const WRITABLE: &[Must] = &[
    Must {
        field: "data.path",
        wanted: "a path in UTF-8, which a recipe can hold",
        broken: |r| r.data.path.to_str().is_none().then(|| format!("{:?}", r.data.path)),
    },
    Must {
        field: "seed",
        wanted: "so that the last member's is at most 9223372036854775807, the largest number of a recipe's file",
        broken: |r| {
            let last = r.seed.saturating_add(r.members.saturating_sub(1) as u64);
            (last > MOST_SEED).then(|| r.seed.to_string())
        },
    },
    Must {
        field: "data.split_seed",
        wanted: "at most 9223372036854775807",
        broken: |r| (r.split_seed() > MOST_SEED).then(|| r.split_seed().to_string()),
    },
];

/// What must hold of settings that depend on each other.
const TOGETHER: &[Must] = &[
    Must {
        field: "optimize.epochs",
        wanted: "at least 1 with optimize.head_epochs",
        broken: |r| (r.optimize.head_epochs + r.optimize.epochs == 0).then(|| "0".into()),
    },
    Must {
        field: "data.image_size",
        wanted: "from 32 to 2048 pixels with pretrained weights",
        broken: |r| (r.pretrained && r.data.image_size < 32).then(|| r.data.image_size.to_string()),
    },
    Must {
        field: "weights",
        wanted: "left out with pretrained = false, which begins with random ones",
        broken: |r| (!r.pretrained && r.weights.is_some()).then(|| "a file".into()),
    },
    Must {
        field: "partial",
        wanted: "false without a file of weights",
        broken: |r| (r.partial && r.weights.is_none()).then(|| "true".into()),
    },
    Must {
        field: "data.variants",
        wanted: "0 with mixup or cutmix, which make new pictures of every batch",
        broken: |r| (r.variants() > 0 && r.regularize.mixes()).then(|| r.variants().to_string()),
    },
    Must {
        field: "head.dropout",
        wanted: "0 with head.hidden = 0, a linear head, which has none",
        broken: |r| (r.head.hidden == 0 && r.head.dropout != 0.0).then(|| r.head.dropout.to_string()),
    },
    Must {
        field: "head.drop_connect",
        wanted: "0 with head.hidden = 0, a linear head, which has none",
        broken: |r| (r.head.hidden == 0 && r.head.drop_connect != 0.0).then(|| r.head.drop_connect.to_string()),
    },
    Must {
        field: "cut",
        wanted: "left out with kind = \"own\": that head belongs to the last stage",
        broken: |r| r.cut.clone().filter(|_| r.head.kind == HeadKind::Own),
    },
    Must {
        field: "head.drop_connect",
        wanted: "0 with a head that is not concat_pool",
        broken: |r| {
            let other = r.head.kind != HeadKind::ConcatPool && r.head.drop_connect != 0.0;
            other.then(|| r.head.drop_connect.to_string())
        },
    },
    Must {
        field: "head.hidden",
        wanted: "at least 1 with kind = \"mlp\"",
        broken: |r| (r.head.kind == HeadKind::Mlp && r.head.hidden == 0).then(|| "0".into()),
    },
];

impl Recipe {
    /// Looks at every number: those that may be said by themselves, then those that depend on
    /// others.
    pub(crate) fn check_settings(&self) -> Result<(), RecipeError> {
        self.must(WRITABLE)?;
        check_recipe(&toml::Value::try_from(self)?)?;
        self.must(TOGETHER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_name_line_and_field() {
        let message = Recipe::parse("seed = 1\n[optimize]\nrat = 1\n", "r.toml".as_ref()).unwrap_err().to_string();
        assert!(message.contains("r.toml") && message.contains("line 3") && message.contains("rat"), "{message}");
        let mut recipe = Recipe::default();
        recipe.optimize.lr = f64::NAN;
        assert!(recipe.check().unwrap_err().to_string().contains("optimize.lr"));
    }
}
