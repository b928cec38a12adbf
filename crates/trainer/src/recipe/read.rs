//! From text to a recipe.

use std::path::Path;

use super::{Recipe, RecipeError, limits};
use crate::files;

impl Recipe {
    /// The recipe in a file.
    ///
    /// # Errors
    /// When it cannot be read or a number is out of its range, and as [`Recipe::parse`].
    pub fn read(path: &Path) -> Result<Self, RecipeError> {
        let recipe = Self::parse(&files::text(path).map_err(RecipeError::Unreadable)?, path)?;
        let number = |source| RecipeError::NumberIn { path: path.into(), source };
        limits::check(&toml::Value::try_from(&recipe)?, limits::RECIPE).map_err(number)?;
        Ok(recipe)
    }

    /// Reads a recipe.
    ///
    /// # Errors
    /// With line and column where the text is no recipe: unknown fields are refused, missing ones get their defaults.
    pub fn parse(text: &str, path: &Path) -> Result<Self, RecipeError> {
        let parse = |source| RecipeError::Parse { path: path.into(), source: Box::new(source) };
        Self::settled(toml::from_str(text).map_err(parse)?, &text.parse().map_err(parse)?)
    }

    /// Reads a recipe whose missing fields are those of `usual`; a rule that it names without a rate brings its own.
    ///
    /// # Errors
    /// As [`Recipe::parse`].
    pub fn parse_over(usual: &Self, text: &str, path: &Path) -> Result<Self, RecipeError> {
        // By itself first: errors have the lines of the text.
        Self::parse(text, path)?;
        let parse = |source| RecipeError::Parse { path: path.into(), source: Box::new(source) };
        let said: toml::Table = text.parse().map_err(parse)?;
        let all = toml::Table::try_from(usual);
        let mut all = all.map_err(|error| parse(serde::de::Error::custom(error)))?;
        if says(&said, "optimize", "rule")
            && let Some(optimize) = all.get_mut("optimize").and_then(toml::Value::as_table_mut)
        {
            optimize.remove("rate");
        }
        for (name, value) in said {
            match (all.get_mut(&name).and_then(toml::Value::as_table_mut), value) {
                (Some(section), toml::Value::Table(fields)) => section.extend(fields),
                (_, value) => drop(all.insert(name, value)),
            }
        }
        Self::parse(&all.to_string(), path)
    }

    /// What follows from words that `table` has or lacks.
    fn settled(mut self, table: &toml::Table) -> Result<Self, RecipeError> {
        self.optimize.hand_on_momentum()?;
        if !says(table, "optimize", "rate") {
            self.optimize.rate = self.optimize.rule.usual_rate();
        }
        Ok(self)
    }
}

/// Every value of a recipe by its place, such as `optimize.rate`; tables with a name, such as a rule with its settings, are one value.
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
    fn a_rule_that_is_named_brings_its_rate_whatever_is_usual() {
        for usual in [Recipe::default(), Recipe::from_scratch()] {
            let over = |text: &str| Recipe::parse_over(&usual, text, "r.toml".as_ref()).unwrap();
            let lion = over("[optimize]\nrule = \"lion\"\n").optimize;
            assert_eq!(lion.rate, lion.rule.usual_rate());
            assert_eq!(over("[optimize]\nrule = \"lion\"\nrate = 0.25\n").optimize.rate, 0.25);
            assert_eq!(over("seed = 3\n"), Recipe { seed: 3, ..usual.clone() });
        }
    }
}
