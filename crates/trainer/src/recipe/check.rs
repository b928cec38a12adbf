//! What makes a recipe one that cannot be run.

use super::error::RecipeError;
use super::head::HeadKind;
use super::limits::check_recipe;
use super::must::Must;
use super::root::{MOST_SEED, Recipe};
use super::wrappers::{LookaheadRecipe, SamRecipe};

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
        field: "optimize.lookahead.alpha",
        wanted: "left out where optimize.lookahead.k is 0, which is no lookahead",
        broken: |r| {
            let LookaheadRecipe { k, alpha } = r.optimize.lookahead;
            (k == 0 && alpha != LookaheadRecipe::default().alpha).then(|| alpha.to_string())
        },
    },
    Must {
        field: "optimize.average",
        wanted: "none with schedule_free_adamw or lookahead, which have weights of their own to be validated",
        broken: |r| {
            let averaged = r.optimize.average.is_asked_for() && r.optimize.evaluates().is_some();
            averaged.then(|| r.optimize.average.name().into())
        },
    },
    Must { field: "regularize.l1", wanted: EVALUATED, broken: |r| beside(r, r.regularize.l1) },
    Must { field: "regularize.max_norm", wanted: EVALUATED, broken: |r| beside(r, r.regularize.max_norm) },
    Must {
        field: "optimize.sam.rho",
        wanted: "0 with optimize.accumulate above 1: both gradients are those of one batch",
        broken: |r| {
            let SamRecipe { rho } = r.optimize.sam;
            (rho != 0.0 && r.optimize.accumulate > 1).then(|| rho.to_string())
        },
    },
    Must {
        field: "optimize.shards",
        wanted: "at most half of data.batch_size: a shard has two pictures or more, for the variance of batch norm",
        broken: |r| {
            let few = r.optimize.shards > 1 && 2 * r.optimize.shards > r.data.batch_size;
            few.then(|| format!("{}, with batches of {}", r.optimize.shards, r.data.batch_size))
        },
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

/// Of settings that act on the weights that are trained.
const EVALUATED: &str =
    "0 with schedule_free_adamw or lookahead: it acts on the weights that are trained, not on those that are validated";

/// A number that is not 0, where other weights are validated than those that are trained.
fn beside(recipe: &Recipe, value: f64) -> Option<String> {
    recipe.optimize.evaluates().filter(|_| value != 0.0).map(|_| value.to_string())
}

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
    use crate::chain::chain;

    #[test]
    fn mistakes_name_line_and_field() {
        let message = chain(&Recipe::parse("seed = 1\n[optimize]\nrat = 1\n", "r.toml".as_ref()).unwrap_err());
        assert!(message.contains("r.toml") && message.contains("line 3") && message.contains("rat"), "{message}");
        let mut recipe = Recipe::default();
        recipe.optimize.lr = f64::NAN;
        assert!(chain(&recipe.check().unwrap_err()).contains("optimize.lr"));
    }
}
