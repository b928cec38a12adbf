//! The flags of a recipe's settings, made of their declarations: [`fields`].

use std::path::Path;

use anyhow::Result;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser, ValueParser};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use toml::{Table, Value};

use super::conflicts;
use taper_trainer::recipe::{
    AugmentRecipe, Choice, ClipRecipe, Field, Heading, OLD_FLAGS, Preset, Range, Recipe, RecipeError, Shown, Takes,
    fields,
};

/// What the flags of a recipe's settings say.
#[derive(Clone, Debug)]
pub(super) struct Flags(Vec<(&'static Field, Value)>);

/// The plan that the pictures ask for.
pub(super) const AUTO: Choice = Choice { name: "auto", help: "As `taper advise` says." };

/// The setting whose flag also takes [`AUTO`].
const PLAN: &str = "plan";

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        // The defaults of help are those of the verb.
        let usual = if command.get_name() == "train" { Recipe::from_scratch() } else { Recipe::default() };
        let usual = Value::try_from(usual).unwrap_or(Value::Boolean(false));
        let under = |heading: Heading| fields().filter(move |field| field.heading == heading);
        let args = Heading::ALL.into_iter().flat_map(under).filter_map(|field| arg(field, &usual));
        command.args(args)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let said = |field: &'static Field| {
            let flag = field.flag()?;
            match field.takes {
                Takes::Switch => matches.get_flag(flag).then_some((field, Value::Boolean(true))),
                _ => matches.get_one(flag).map(|value: &Value| (field, value.clone())),
            }
        };
        Ok(Self(fields().filter_map(said).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Flags {
    /// What the flag of a setting says.
    pub(super) fn said(&self, place: &str) -> Option<&Value> {
        self.0.iter().find(|(field, _)| field.place == place).map(|(_, value)| value)
    }

    /// The name that the flag of a setting says.
    pub(super) fn name(&self, place: &str) -> Option<&str> {
        self.said(place).and_then(Value::as_str)
    }

    /// Whether the pictures are to say which layers are trained.
    pub(super) fn auto(&self) -> bool {
        self.name(PLAN) == Some(AUTO.name)
    }

    /// The recipe with these flags over it.
    ///
    /// # Errors
    /// When a flag has an invalid value.
    pub(super) fn over(&self, recipe: &Recipe) -> Result<Recipe, RecipeError> {
        let has = Value::try_from(recipe)?;
        let (mut plain, mut rates) = (Table::new(), Vec::new());
        for (field, value) in &self.0 {
            match field.takes {
                Takes::LrScale => rates.push((field.place, value.as_float().unwrap_or(f64::NAN))),
                // What the recipe has already, it may have with settings.
                Takes::Named(_) if name(at(&has, field.place)) == value.as_str() => {}
                _ if field.place == PLAN && self.auto() => {}
                _ => put(&mut plain, field.place, value.clone()),
            }
        }
        let recipe = recipe.with(plain, Path::new("a flag"))?;
        let mut scales = Table::new();
        rates.into_iter().for_each(|(place, lr)| put(&mut scales, place, Value::Float(lr / recipe.optimize.lr)));
        recipe.with(scales, Path::new("a flag"))
    }
}

/// The flag of a setting; none where it has none.
fn arg(field: &'static Field, usual: &Value) -> Option<Arg> {
    let flag = field.flag()?;
    let old = OLD_FLAGS.iter().filter(|(_, new)| *new == flag).map(|(old, _)| *old);
    let default = default(field, usual).map_or(String::new(), |default| format!(" [default: {default}]"));
    let names = match field.takes {
        Takes::Named(names) => format!(": {}", names.join(", ")),
        _ => String::new(),
    };
    let arg = Arg::new(flag)
        .long(flag)
        .aliases(old)
        .help_heading(field.heading.name())
        .help(field.summary() + &default)
        .long_help(field.help() + &names + &default)
        .hide_short_help(field.shown == Shown::Long)
        .conflicts_with_all(conflicts::with(flag));
    if let Takes::Switch = field.takes {
        return Some(arg.action(ArgAction::SetTrue));
    }
    Some(arg.value_name(field.value()).value_parser(parser(field)).hide_possible_values(!names.is_empty()))
}

/// What is there where a flag says nothing, in its words.
fn default(field: &Field, usual: &Value) -> Option<String> {
    let value = at(usual, field.place)?;
    match (field.takes, value) {
        (Takes::Stages(_), Value::Integer(0)) => Some("none".into()),
        (Takes::Stages(_), Value::Integer(1)) => Some("the first".into()),
        (Takes::LrScale, Value::Float(scale)) => {
            let lr = at(usual, "optimize.lr").and_then(Value::as_float)?;
            Some(format!("{}", scale * lr))
        }
        (Takes::Clip, Value::Table(clip)) => clip.get("limit").and_then(Value::as_float).map(|limit| limit.to_string()),
        (_, Value::Float(number)) => Some(number.to_string()),
        (Takes::Transforms | Takes::Switch, _) => None,
        (_, value) => Some(name(Some(value)).map_or_else(|| value.to_string(), str::to_owned)),
    }
}

/// How what stands behind a flag becomes a value of the recipe.
fn parser(field: &'static Field) -> ValueParser {
    match field.takes {
        Takes::Number(range) => number(field.place, range),
        Takes::LrScale => number(field.place, Range::Positive),
        Takes::Choice(choices) => {
            let auto = if field.place == PLAN { names(&[AUTO]) } else { Vec::new() };
            PossibleValuesParser::new([auto, names(choices)].concat()).map(Value::String).into()
        }
        Takes::Named(names) => PossibleValuesParser::new(names.iter().copied()).map(Value::String).into(),
        Takes::Clip => ValueParser::new(|text: &str| {
            let clip: ClipRecipe = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
            Value::try_from(clip).map_err(|error| error.to_string())
        }),
        Takes::Transforms => ValueParser::new(|text: &str| {
            text.parse::<AugmentRecipe>()
                .map(|recipe| Value::try_from(recipe.train).unwrap_or(Value::Array(Vec::new())))
        }),
        Takes::Text | Takes::Path | Takes::Stages(_) | Takes::Switch => {
            ValueParser::new(|text: &str| Ok::<_, clap::Error>(Value::String(text.to_owned())))
        }
    }
}

/// The names of presets.
pub(in crate::commands) fn preset() -> impl TypedValueParser<Value = Preset> {
    PossibleValuesParser::new(names(Preset::CHOICES)).map(|name| Preset::named(&name).unwrap_or_default())
}

fn names(choices: &[Choice]) -> Vec<PossibleValue> {
    let named = |choice: &Choice| {
        let help = choice.help.split_whitespace().collect::<Vec<_>>().join(" ");
        PossibleValue::new(choice.name).help(help.trim_end_matches('.').to_owned())
    };
    choices.iter().map(named).collect()
}

/// A number in its range.
fn number(place: &'static str, range: Range) -> ValueParser {
    let must = move |wanted: &dyn std::fmt::Display| format!("{place} must be {wanted}");
    ValueParser::new(move |text: &str| {
        let value = match range {
            Range::Whole(..) => {
                let number: i128 = text.parse().map_err(|_| "it is no whole number".to_owned())?;
                Value::Integer(i64::try_from(number).map_err(|_| must(&format_args!("from 0 to {}", i64::MAX)))?)
            }
            _ => Value::Float(text.parse().map_err(|_| "it is no number".to_owned())?),
        };
        if range.takes(&value) { Ok(value) } else { Err(must(&range)) }
    })
}

/// The name of what has settings of its own, or of a choice.
fn name(value: Option<&Value>) -> Option<&str> {
    let value = value?;
    value.as_str().or_else(|| value.get("name").and_then(Value::as_str))
}

/// What stands at a place.
fn at<'a>(table: &'a Value, place: &str) -> Option<&'a Value> {
    place.split('.').try_fold(table, |table, word| table.get(word))
}

/// Puts a value at a place.
fn put(table: &mut Table, place: &str, value: Value) {
    match place.split_once('.') {
        None => drop(table.insert(place.to_owned(), value)),
        Some((section, below)) => {
            let section = table.entry(section.to_owned()).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(section) = section {
                put(section, below, value);
            }
        }
    }
}
