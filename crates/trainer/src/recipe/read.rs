//! From text to a recipe.

use std::path::Path;

use super::error::RecipeError;
use super::limits::check_recipe;
use super::renamed::{Renamed, modern};
use super::root::Recipe;
use crate::files;

/// A recipe, and what its text calls by names that it had before.
#[derive(Clone, Debug)]
pub struct Read {
    /// The recipe.
    pub recipe: Recipe,
    /// Old names, in their order.
    pub renamed: Vec<Renamed>,
}

impl Read {
    /// The recipe in a file.
    ///
    /// # Errors
    /// When it cannot be read or a number is out of its range, and as [`Recipe::parse`].
    pub fn file(path: &Path) -> Result<Self, RecipeError> {
        let text = files::text(path).map_err(RecipeError::Unreadable)?;
        let (text, renamed) = modern(&text, path);
        let recipe = parse(&text, path)?;
        let number = |source| RecipeError::NumberIn { path: path.into(), source };
        check_recipe(&toml::Value::try_from(&recipe)?).map_err(number)?;
        Ok(Self { recipe, renamed })
    }

    /// Reads a recipe whose missing fields are those of `usual`; a rule that it names without a
    /// rate brings its own.
    ///
    /// # Errors
    /// As [`Recipe::parse`].
    pub fn over(usual: &Recipe, text: &str, path: &Path) -> Result<Self, RecipeError> {
        let (text, renamed) = modern(text, path);
        // By itself first: errors have the lines of the text.
        parse(&text, path)?;
        let said = text.parse().map_err(|reason| RecipeError::Parse { path: path.into(), reason: Box::new(reason) })?;
        Ok(Self { recipe: usual.with(said, path)?, renamed })
    }

    /// A recipe with one setting over it, such as `optimize.lr=1e-3`; a value that is no TOML is
    /// text.
    ///
    /// # Errors
    /// When it has no value, and as [`Recipe::parse`].
    pub fn set(recipe: &Recipe, setting: &str) -> Result<Self, RecipeError> {
        let Some((place, value)) = setting.split_once('=') else {
            let wanted = "PLACE=VALUE, such as optimize.lr=1e-3";
            return Err(RecipeError::Field { field: "--set", wanted, got: setting.into() });
        };
        let is_value = format!("x = {value}").parse::<toml::Table>().is_ok();
        let value = if is_value { value.to_owned() } else { toml::Value::from(value.trim()).to_string() };
        Self::over(recipe, &format!("{place} = {value}"), Path::new("--set"))
    }
}

impl Recipe {
    /// The recipe in a file; [`Read::file`] also tells what it calls by old names.
    ///
    /// # Errors
    /// When it cannot be read or a number is out of its range, and as [`Recipe::parse`].
    pub fn read(path: &Path) -> Result<Self, RecipeError> {
        Ok(Read::file(path)?.recipe)
    }

    /// Reads a recipe.
    ///
    /// # Errors
    /// With line and column where the text is no recipe: unknown fields are refused, missing ones
    /// get their defaults.
    pub fn parse(text: &str, path: &Path) -> Result<Self, RecipeError> {
        parse(&modern(text, path).0, path)
    }

    /// Reads a recipe whose missing fields are those of `usual`: [`Read::over`].
    ///
    /// # Errors
    /// As [`Recipe::parse`].
    pub fn parse_over(usual: &Self, text: &str, path: &Path) -> Result<Self, RecipeError> {
        Ok(Read::over(usual, text, path)?.recipe)
    }

    /// This recipe with the fields of a table over it; a rule that it names without a rate brings
    /// its own.
    ///
    /// # Errors
    /// Says what in the table is no field of a recipe; `path` is what it is from.
    pub fn with(&self, said: toml::Table, path: &Path) -> Result<Self, RecipeError> {
        let mut all = toml::Table::try_from(self).map_err(|error| {
            let reason = Box::new(serde::de::Error::custom(error));
            RecipeError::Parse { path: path.into(), reason }
        })?;
        if says(&said, "optimize", "rule")
            && let Some(optimize) = all.get_mut("optimize").and_then(toml::Value::as_table_mut)
        {
            optimize.remove("lr");
        }
        merge(&mut all, said);
        parse(&all.to_string(), path)
    }

    /// What follows from words that `table` has or lacks.
    fn settled(mut self, table: &toml::Table) -> Result<Self, RecipeError> {
        self.optimize.hand_on_momentum()?;
        if !says(table, "optimize", "lr") {
            self.optimize.lr = self.optimize.rule.usual_lr();
        }
        Ok(self)
    }
}

/// Puts values over those of a table. Sections are merged; what has a name is one value.
fn merge(all: &mut toml::Table, said: toml::Table) {
    for (name, value) in said {
        match (all.get_mut(&name).and_then(toml::Value::as_table_mut), value) {
            (Some(section), toml::Value::Table(fields)) if !section.contains_key("name") => merge(section, fields),
            (_, value) => drop(all.insert(name, value)),
        }
    }
}

/// Reads a recipe in the names that there are now.
fn parse(text: &str, path: &Path) -> Result<Recipe, RecipeError> {
    let parse = |reason| RecipeError::Parse { path: path.into(), reason: Box::new(reason) };
    toml::from_str::<Recipe>(text).map_err(parse)?.settled(&text.parse().map_err(parse)?)
}

/// Every value of a recipe by its place, such as `optimize.lr`; tables with a name, such as a rule
/// with its settings, are one value.
pub fn settings(recipe: &toml::Table) -> Vec<(String, String)> {
    fn add(place: &str, table: &toml::Table, settings: &mut Vec<(String, String)>) {
        for (name, value) in table {
            let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
            match value {
                toml::Value::Table(inner) if !inner.contains_key("name") => add(&place, inner, settings),
                value => settings.push((place, value.to_string())),
            }
        }
    }
    let mut all = Vec::new();
    add("", recipe, &mut all);
    all
}

/// Whether a recipe's text has this field.
fn says(table: &toml::Table, section: &str, field: &str) -> bool {
    table.get(section).and_then(toml::Value::as_table).is_some_and(|section| section.contains_key(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_survives_its_file() {
        let recipe = Recipe { seed: 3, weights: Some("w.safetensors".into()), ..Recipe::default() };
        let text = toml::to_string(&recipe).unwrap();
        assert_eq!(Recipe::parse(&text, "r.toml".as_ref()).unwrap(), recipe);
        assert_eq!(Recipe::parse("", "r.toml".as_ref()).unwrap(), Recipe::default());
    }

    #[test]
    fn settings_within_a_section_keep_their_neighbors_and_those_of_a_name_do_not() {
        let recipe = Recipe::parse("[optimize]\nlookahead = { k = 3, alpha = 0.25 }\n", "r.toml".as_ref()).unwrap();
        let set = |setting| Read::set(&recipe, setting).unwrap().recipe.optimize;
        assert_eq!(
            (set("optimize.lookahead.k=7").lookahead.k, set("optimize.lookahead.k=7").lookahead.alpha),
            (7, 0.25)
        );
        assert_eq!(set("optimize.lookahead={k=7}").lookahead.alpha, 0.25);
        let recipe = Recipe::parse("[optimize]\nrule = { name = \"lion\", beta2 = 0.5 }\n", "r.toml".as_ref()).unwrap();
        let rule = Read::set(&recipe, "optimize.rule={name=\"lion\", beta1=0.5}").unwrap().recipe.optimize.rule;
        assert_eq!(rule, crate::recipe::Rule::Lion(taper_optim::LionConfig { beta1: 0.5, ..Default::default() }));
    }

    #[test]
    fn a_rule_that_is_named_brings_its_rate_whatever_is_usual() {
        for usual in [Recipe::default(), Recipe::from_scratch()] {
            let over = |text: &str| Recipe::parse_over(&usual, text, "r.toml".as_ref()).unwrap();
            let lion = over("[optimize]\nrule = \"lion\"\n").optimize;
            assert_eq!(lion.lr, lion.rule.usual_lr());
            assert_eq!(over("[optimize]\nrule = \"lion\"\nlr = 0.25\n").optimize.lr, 0.25);
            assert_eq!(over("seed = 3\n"), Recipe { seed: 3, ..usual.clone() });
        }
    }
}
