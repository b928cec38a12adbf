//! What the numbers of a file may be, in one table for each kind of file.
//!
//! A number is looked up by its [`Place`]. A place without a row takes any finite number: those
//! that depend on others are checked where they are used.

use toml::Value;

use super::fields::fields;
use super::place::Place;
use super::range::Range::{Real, Whole};
use super::range::{OutOfRange, Range, Row};
use super::{average, clip, normalize, number_loss, rule, schedule, transform};

/// What the numbers of a recipe may be: those of its settings, and of what has settings of its own.
fn recipe() -> Vec<Row> {
    let named = [
        clip::RANGES,
        average::RANGES,
        normalize::RANGES,
        number_loss::RANGES,
        rule::RANGES,
        schedule::RANGES,
        transform::RANGES,
    ];
    let fields = fields().filter_map(|field| Some((field.place, field.range()?)));
    fields.chain(named.into_iter().flatten().copied()).collect()
}

/// Refuses the first number of a recipe that lies outside its range, or is not finite.
///
/// # Errors
/// As [`check`].
pub(super) fn check_recipe(recipe: &Value) -> Result<(), OutOfRange> {
    check(recipe, &self::recipe())
}

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

/// Range checks for the numbers of a `model.json` that no layer of the network checks.
pub(crate) const CARD: &[Row] = &[
    ("schema", Whole(1, 1)),
    ("input_size", Whole(8, 2048)),
    ("framing.crop", Real(0.1, 1.0)),
    ("mean", Real(-1e6, 1e6)),
    ("std", Real(1e-6, 1e6)),
];

/// Refuses the first number of a file that lies outside its row, or is not finite.
///
/// # Errors
/// Names the place, what may stand there, and what does.
pub(crate) fn check(file: &Value, rows: &[Row]) -> Result<(), OutOfRange> {
    walk(file, &Place::default(), &mut |place, number| {
        let wanted = match rows.iter().find(|(row, _)| *row == place.row) {
            Some((_, range)) if !range.takes(number) => Range::to_string(range),
            None if number.as_float().is_some_and(|number| !number.is_finite()) => "a finite number".into(),
            _ => return Ok(()),
        };
        Err(OutOfRange { place: place.said.clone(), wanted, got: number.to_string() })
    })
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
    use crate::chain::chain;
    use crate::recipe::{AverageRecipe, Recipe, RecipeError, Rule, ScheduleRecipe};

    fn recipe(text: &str) -> Result<(), RecipeError> {
        Ok(check_recipe(&Value::try_from(Recipe::parse(text, "r.toml".as_ref())?).unwrap())?)
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
            ("[optimize]\nlr = nan", "recipe: optimize.lr must be a positive number; got nan"),
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
            assert_eq!(chain(&recipe(text).unwrap_err()), said);
        }
        assert!(recipe("").is_ok() && recipe("[optimize]\nhead_lr_scale = 1e300").is_ok());
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
        let said = chain(&crate::recipe::TransformRecipe::named("nothing").unwrap_err());
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
        let (mut seen, rows) = (0, super::recipe());
        for recipe in recipes {
            walk(&Value::try_from(&recipe).unwrap(), &Place::default(), &mut |place, number| {
                let row = rows.iter().find(|(row, _)| *row == place.row);
                // A color is three bytes, to which serde holds it.
                if number.is_integer() && !["border.fill", "fill.color"].iter().any(|end| place.row.ends_with(end)) {
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
