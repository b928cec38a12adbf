//! What the numbers of a file may be, in one table for each kind of file.
//!
//! A number is looked up by its place, such as `head.hidden`; in a table with a `name` that is part of the place
//! (`optimize.rule.lbfgs.history`), and numbers of a list are all at the place of the list. A place without a row takes any finite
//! number: those that depend on others are checked where they are used.

use std::fmt;

use taper_transfer::MOST_FEATURES;
use toml::Value;

use Range::{Fraction, Positive, Real, Whole};

/// Which numbers are taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Range {
    /// Whole numbers, both ends included.
    Whole(i64, i64),
    /// Finite and above 0.
    Positive,
    /// In [0, 1).
    Fraction,
    /// Both ends included.
    Real(f64, f64),
}

/// A place and what may stand there.
pub(crate) type Row = (&'static str, Range);

/// Longer is no training: 10⁶ epochs of a single step are 10⁶ validations.
const EPOCHS: Range = Whole(0, 1_000_000);

/// The numbers of a recipe.
pub(crate) const RECIPE: &[Row] = &[
    ("seed", Whole(0, i64::MAX)),
    ("members", Whole(1, 1000)),
    ("data.val_fraction", Fraction),
    ("data.split_seed", Whole(0, i64::MAX)),
    ("data.image_size", Whole(8, 2048)),
    ("data.batch_size", Whole(2, 65_536)),
    ("data.variants", Whole(0, 1000)),
    ("head.hidden", Whole(0, MOST_FEATURES as i64)),
    ("head.dropout", Fraction),
    ("head.drop_connect", Fraction),
    ("head.fresh", Whole(1, 100)),
    ("optimize.warmup", Fraction),
    ("optimize.head_epochs", EPOCHS),
    ("optimize.epochs", EPOCHS),
    ("optimize.rate", Positive),
    ("optimize.head_factor", Positive),
    ("optimize.backbone_factor", Positive),
    ("optimize.stage_decay", Positive),
    ("optimize.frozen_stages", Whole(0, 1000)),
    ("optimize.accumulate", Whole(1, 65_536)),
    ("optimize.clip.global_norm.limit", Positive),
    ("optimize.clip.value.limit", Positive),
    ("optimize.clip.adaptive.ratio", Positive),
    ("optimize.clip.adaptive.eps", Positive),
    ("optimize.average.ema.decay", Fraction),
    ("optimize.average.swa.every", Real(1e-6, 1e6)),
    ("optimize.rule.lbfgs.iterations", Whole(1, 1_000_000)),
    ("optimize.rule.lbfgs.history", Whole(1, 10_000)),
    ("optimize.rule.muon.iterations", Whole(1, 100)),
    ("optimize.schedule.cosine_restarts.epochs", Real(1e-6, 1e6)),
    ("optimize.schedule.cosine_restarts.t_mult", Whole(1, 1000)),
    ("optimize.schedule.step_decay.epochs", Real(1e-6, 1e6)),
    ("optimize.schedule.triangular.epochs", Real(1e-6, 1e6)),
    ("optimize.schedule.snapshot_cycles.cycles", Whole(1, 1_000_000)),
    ("optimize.schedule.reduce_on_plateau.patience", EPOCHS),
    ("optimize.schedule.reduce_on_plateau.cooldown", EPOCHS),
    ("regularize.weight_decay", Fraction),
    ("regularize.label_smoothing", Fraction),
    ("regularize.mixup", Real(0.0, 1e6)),
    ("regularize.cutmix", Real(0.0, 1e6)),
    ("regularize.l1", Real(0.0, 1e6)),
    ("regularize.l2", Real(0.0, 1e6)),
    ("regularize.max_norm", Real(0.0, 1e9)),
    ("regularize.min_delta", Real(0.0, 1e9)),
    ("regularize.stochastic_depth", Fraction),
    ("regularize.fractional_pooling", Real(0.0, 2.0)),
    ("regularize.patience", EPOCHS),
    ("augment.train.random_crop.padding", Whole(0, 8192)),
    ("augment.train.random_scale_crop.short_side", Whole(1, 8192)),
    ("augment.train.resize.short_side", Whole(1, 8192)),
    ("augment.train.posterize.bits", Whole(1, 8)),
    ("augment.train.solarize.threshold", Whole(0, 256)),
    ("augment.train.jpeg.quality", Whole(1, 100)),
    ("augment.train.cutout.side", Whole(1, 8192)),
    ("augment.train.rand_augment.operations", Whole(0, 100)),
    ("augment.train.blur.sigma", Real(0.0, 100.0)),
];

/// The numbers of a `space.toml`, without the ranges that it is there to state.
pub(crate) const SPACE: &[Row] = &[
    ("trials", Whole(1, MOST_TRIALS as i64)),
    ("seed", Whole(0, i64::MAX)),
    ("stages.trials", Whole(1, MOST_TRIALS as i64)),
    ("stages.around", Whole(1, MOST_TRIALS as i64)),
    ("halving.factor", Whole(2, 10)),
    ("halving.rungs", Whole(2, 6)),
];

/// The most settings that a search tries.
pub(crate) const MOST_TRIALS: usize = 10_000;

/// The numbers of a `model.json` that are none of its network, whose layers check their own.
pub(crate) const CARD: &[Row] =
    &[("schema", Whole(1, 1)), ("input_size", Whole(8, 2048)), ("mean", Real(-1e6, 1e6)), ("std", Real(1e-6, 1e6))];

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whole(low, i64::MAX) => write!(f, "{low} or more"),
            Whole(low, high) if low == high => write!(f, "{low}"),
            Whole(low, high) => write!(f, "from {low} to {high}"),
            Real(low, high) => write!(f, "from {low:?} to {high:?}"),
            Positive => f.write_str("a positive number"),
            Fraction => f.write_str("in [0, 1)"),
        }
    }
}

impl Range {
    fn takes(self, value: &Value) -> bool {
        let real = |value: f64| match self {
            Whole(..) => false,
            Positive => value > 0.0 && value.is_finite(),
            Fraction => (0.0..1.0).contains(&value),
            Real(low, high) => (low..=high).contains(&value),
        };
        match (value, self) {
            (Value::Integer(value), Whole(low, high)) => (low..=high).contains(value),
            (Value::Integer(value), _) => real(*value as f64),
            (Value::Float(value), _) => real(*value),
            _ => true,
        }
    }
}

/// A number that is none of those that its place takes.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{place} must be {wanted}; got {got}")]
pub struct OutOfRange {
    /// Where it stands in its file.
    pub place: String,
    /// What may stand there.
    pub wanted: String,
    /// What does.
    pub got: String,
}

/// Refuses the first number of a file that lies outside its row, or is not finite.
///
/// # Errors
/// Names the place, what may stand there, and what does.
pub(crate) fn check(file: &Value, rows: &[Row]) -> Result<(), OutOfRange> {
    walk(file, &Place::default(), &mut |place, number| {
        let wanted = match rows.iter().find(|(row, _)| *row == place.row) {
            Some((_, range)) if !range.takes(number) => range.to_string(),
            None if number.as_float().is_some_and(|number| !number.is_finite()) => "a finite number".into(),
            _ => return Ok(()),
        };
        Err(OutOfRange { place: place.said.clone(), wanted, got: number.to_string() })
    })
}

/// Where a number stands.
#[derive(Clone, Default)]
struct Place {
    /// In the tables above.
    row: String,
    /// In the file.
    said: String,
}

impl Place {
    /// A field of a table that is here, which may be one with a name. What may be done at random, one of several or one after the other is
    /// a transform like those of the list itself.
    fn field(&self, name: Option<&str>, field: &str) -> Self {
        let below = |place: &str| if place.is_empty() { field.to_owned() } else { format!("{place}.{field}") };
        let row = match name {
            Some(_) if ["transform", "transforms"].contains(&field) => self.row.clone(),
            Some(name) => format!("{}.{name}.{field}", self.row),
            None => below(&self.row),
        };
        Self { row, said: below(&self.said) }
    }

    fn item(&self, number: usize) -> Self {
        Self { row: self.row.clone(), said: format!("{}[{number}]", self.said) }
    }
}

/// Shows every number below a value, in order.
fn walk(
    value: &Value,
    place: &Place,
    see: &mut impl FnMut(&Place, &Value) -> Result<(), OutOfRange>,
) -> Result<(), OutOfRange> {
    match value {
        Value::Table(table) => {
            let name = table.get("name").and_then(Value::as_str);
            table.iter().try_for_each(|(field, value)| walk(value, &place.field(name, field), see))
        }
        Value::Array(list) => list.iter().enumerate().try_for_each(|(i, value)| walk(value, &place.item(i), see)),
        Value::Integer(_) | Value::Float(_) => see(place, value),
        _ => Ok(()),
    }
}

/// The same value of JSON, whole numbers beyond 64 bits with a sign as floats.
pub(crate) fn of_json(value: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match value {
        Json::Null => Value::String(String::new()),
        Json::Bool(value) => Value::Boolean(*value),
        Json::String(text) => Value::String(text.clone()),
        Json::Array(list) => Value::Array(list.iter().map(of_json).collect()),
        Json::Object(table) => Value::Table(table.iter().map(|(name, value)| (name.clone(), of_json(value))).collect()),
        Json::Number(number) => {
            number.as_i64().map_or_else(|| Value::Float(number.as_f64().unwrap_or(f64::NAN)), Value::Integer)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{AverageRecipe, Recipe, RecipeError, Rule, ScheduleRecipe};

    fn recipe(text: &str) -> Result<(), RecipeError> {
        Ok(check(&Value::try_from(Recipe::parse(text, "r.toml".as_ref())?).unwrap(), RECIPE)?)
    }

    #[test]
    fn numbers_are_named_by_their_place() {
        for (text, said) in [
            ("members = 0", "recipe: members must be from 1 to 1000; got 0"),
            ("[optimize]\naccumulate = 0", "recipe: optimize.accumulate must be from 1 to 65536; got 0"),
            (
                "[optimize]\nclip = { name = \"value\", limit = 0 }",
                "recipe: optimize.clip.limit must be a positive number; got 0.0",
            ),
            (
                "[optimize]\naverage = { name = \"ema\", decay = 1 }",
                "recipe: optimize.average.decay must be in [0, 1); got 1.0",
            ),
            ("[head]\nhidden = 9000000000000", "recipe: head.hidden must be from 0 to 65536; got 9000000000000"),
            ("[optimize]\nrate = nan", "recipe: optimize.rate must be a positive number; got nan"),
            (
                "[optimize]\nschedule = { name = \"linear\", floor = inf }",
                "recipe: optimize.schedule.floor must be a finite number; got inf",
            ),
            (
                "[optimize]\nrule = { name = \"lbfgs\", history = 1000000000 }",
                "recipe: optimize.rule.history must be from 1 to 10000; got 1000000000",
            ),
            (
                "[augment]\ntrain = [\"hflip\", { name = \"one_of\", transforms = [{ name = \"blur\", sigma = [1, 1e9] }] }]",
                "recipe: augment.train[1].transforms[0].sigma[1] must be from 0.0 to 100.0; got 1000000000.0",
            ),
        ] {
            assert_eq!(recipe(text).unwrap_err().to_string(), said);
        }
        assert!(recipe("").is_ok() && recipe("[optimize]\nhead_factor = 1e300").is_ok());
    }

    /// Every whole number may be a size: each has a row, in whatever table.
    #[test]
    fn no_whole_number_is_without_a_range() {
        let mut recipes = vec![Recipe::default(), Recipe::from_scratch()];
        recipes[0].data.split_seed = Some(1);
        recipes[0].data.variants = Some(1);
        let mut with = |change: &dyn Fn(&mut Recipe)| {
            let mut recipe = Recipe::default();
            change(&mut recipe);
            recipes.push(recipe);
        };
        Rule::NAMES.iter().for_each(|name| with(&|r| r.optimize.rule = Rule::named(name).unwrap()));
        ScheduleRecipe::NAMES
            .iter()
            .for_each(|name| with(&|r| r.optimize.schedule = ScheduleRecipe::named(name).unwrap()));
        AverageRecipe::NAMES
            .iter()
            .for_each(|name| with(&|r| r.optimize.average = AverageRecipe::named(name).unwrap()));
        let said = crate::recipe::TransformRecipe::named("nothing").unwrap_err().to_string();
        for name in said.split('`').skip(3).step_by(2) {
            let needs = match name {
                "resize" => ", short_side = 20",
                "cutout" => ", side = 5",
                "maybe" => ", transform = \"jpeg\"",
                "one_of" | "sequence" => ", transforms = [\"posterize\"]",
                _ => "",
            };
            let text = format!("[augment]\ntrain = [{{ name = \"{name}\"{needs} }}]");
            recipes.push(Recipe::parse(&text, "r.toml".as_ref()).unwrap());
        }
        let mut seen = 0;
        for recipe in recipes {
            walk(&Value::try_from(&recipe).unwrap(), &Place::default(), &mut |place, number| {
                let row = RECIPE.iter().find(|(row, _)| *row == place.row);
                // A color is three bytes, to which serde holds it.
                if number.is_integer() && !["border.fill", "fill.colour"].iter().any(|end| place.row.ends_with(end)) {
                    seen += 1;
                    assert!(matches!(row, Some((_, Whole(..)))), "{} has no range", place.row);
                }
                Ok(())
            })
            .unwrap();
        }
        assert!(seen > 500, "{seen}");
    }

    #[test]
    fn json_has_the_same_numbers() {
        let json = serde_json::json!({"schema": 2, "mean": [0.5, 18446744073709551615u64], "std": null});
        let said = |rows| check(&of_json(&json), rows).map_err(|error| error.to_string());
        assert!(said(CARD).unwrap_err().contains("mean[1] must be from -1000000.0 to 1000000.0; got 1"));
        assert!(said(&[("schema", Whole(1, 1))]).unwrap_err().ends_with("schema must be 1; got 2"));
    }
}
