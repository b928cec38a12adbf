//! What is wrong with a recipe is found before a picture is read: what can be built of it is built once.

use taper_tensor::Precision;

use crate::build::transforms::train_transform;
use crate::build::{optimize, regularize};
use crate::recipe::{HeadKind, MOST_SEED, Recipe, RecipeError, Rule, limits};

impl Recipe {
    /// Looks at every number: those that may be said by themselves as `limits` has them, then those that depend on others.
    ///
    /// # Errors
    /// Names the first field that is out of range.
    pub fn check(&self) -> Result<(), RecipeError> {
        let fail = |field, wanted, got: String| Err(RecipeError::Field { field, wanted, got });
        if self.data.path.to_str().is_none() {
            return fail("data.path", "a path in UTF-8, which a recipe can hold", format!("{:?}", self.data.path));
        }
        // Before the recipe becomes TOML, which has no larger numbers.
        let last = self.seed.saturating_add(self.members.saturating_sub(1) as u64);
        if last > MOST_SEED {
            let wanted =
                "so that the last member's is at most 9223372036854775807, the largest number of a recipe's file";
            return fail("seed", wanted, self.seed.to_string());
        }
        if self.split_seed() > MOST_SEED {
            return fail("data.split_seed", "at most 9223372036854775807", self.split_seed().to_string());
        }
        limits::check(&toml::Value::try_from(self)?, limits::RECIPE)?;
        let o = &self.optimize;
        if o.head_epochs + o.epochs == 0 {
            return fail("optimize.epochs", "at least 1 with optimize.head_epochs", "0".into());
        }
        if self.pretrained && self.data.image_size < 32 {
            let got = self.data.image_size.to_string();
            return fail("data.image_size", "from 32 to 2048 pixels with pretrained weights", got);
        }
        if !self.pretrained && self.weights.is_some() {
            return fail("weights", "left out with pretrained = false, which begins with random ones", "a file".into());
        }
        if self.partial && self.weights.is_none() {
            return fail("partial", "false without a file of weights", "true".into());
        }
        if self.variants() > 0 && self.regularize.mixes() {
            let got = self.variants().to_string();
            return fail("data.variants", "0 with mixup or cutmix, which make new pictures of every batch", got);
        }
        for (field, value) in [("head.dropout", self.head.dropout), ("head.drop_connect", self.head.drop_connect)] {
            if self.head.hidden == 0 && value != 0.0 {
                return fail(field, "0 with head.hidden = 0, a linear head, which has none", value.to_string());
            }
        }
        let h = &self.head;
        if let Some(stage) = self.cut.as_ref().filter(|_| h.kind == HeadKind::Own) {
            return fail("cut", "left out with kind = \"own\": that head belongs to the last stage", stage.clone());
        }
        if h.kind != HeadKind::ConcatPool && h.drop_connect != 0.0 {
            return fail("head.drop_connect", "0 with a head that is not concat_pool", h.drop_connect.to_string());
        }
        if h.kind == HeadKind::Mlp && h.hidden == 0 {
            return fail("head.hidden", "at least 1 with kind = \"mlp\"", "0".into());
        }
        Precision::from(o.precision).check()?;
        train_transform(&self.augment, self.data.image_size)?;
        optimize::check(o)?;
        regularize::check(&self.regularize)?;
        if let Rule::Lbfgs(_) = o.rule { self.require_quiet() } else { Ok(()) }
    }
}
