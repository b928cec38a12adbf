//! The settings of a recipe, in the order of its file.

use super::augment::AugmentRecipe;
use super::data::DataRecipe;
use super::field::Field;
use super::head::HeadRecipe;
use super::optimize::OptimizeRecipe;
use super::regularize::RegularizeRecipe;
use super::root::Recipe;
use super::wrappers::{LookaheadRecipe, SamRecipe};

/// All settings of a recipe, in the order of its file.
pub fn fields() -> impl Iterator<Item = &'static Field> {
    let sections = [
        Recipe::ROWS,
        DataRecipe::ROWS,
        AugmentRecipe::ROWS,
        HeadRecipe::ROWS,
        OptimizeRecipe::ROWS,
        LookaheadRecipe::ROWS,
        SamRecipe::ROWS,
        RegularizeRecipe::ROWS,
    ];
    sections.into_iter().flatten().flatten()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use toml::Value;

    use super::*;
    use crate::recipe::{Heading, Takes};

    const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    const BEGIN: &str = "<!-- settings: made by TAPER_WRITE=1 cargo test -- the_readme_has_every_setting -->\n";
    const END: &str = "<!-- end of settings -->\n";

    /// What a setting takes, in a cell.
    fn takes(field: &Field) -> String {
        match field.takes {
            Takes::Number(range) => range.to_string(),
            Takes::LrScale => "a positive number".into(),
            Takes::Stages(_) => "the name of a stage, none, or how many".into(),
            Takes::Text => "text".into(),
            Takes::Path => "a path".into(),
            Takes::Switch => "true, false".into(),
            Takes::Choice(choices) => choices.iter().map(|choice| choice.name).collect::<Vec<_>>().join(", "),
            Takes::Named(_) => "a name, or a name with settings".into(),
            Takes::Clip => "a number, or a name with settings".into(),
            Takes::Transforms => "names, with settings or without".into(),
        }
    }

    /// A table of Markdown with a row for each setting.
    fn table() -> String {
        let usual = Value::try_from(Recipe::default()).unwrap();
        let at = |place: &str| place.split('.').try_fold(&usual, |table, word| table.get(word));
        let mut table = "| setting | default | takes | flag | what it is |\n|---|---|---|---|---|\n".to_owned();
        for field in fields() {
            let default = match at(field.place) {
                Some(Value::Table(named)) if named.contains_key("limit") => format!("`{}`", named["limit"]),
                Some(Value::Table(named)) => format!("`{}`", named["name"]),
                Some(Value::Array(_)) => "see the example".into(),
                Some(value) if value.as_str() != Some("") => format!("`{value}`"),
                _ => String::new(),
            };
            let usage = if field.usage.is_empty() { String::new() } else { format!("`{}`", field.usage) };
            let (takes, help) = (takes(field), field.help().replace('|', "\\|"));
            table += &format!("| `{}` | {default} | {takes} | {usage} | {help} |\n", field.place);
        }
        table
    }

    #[test]
    fn the_readme_has_every_setting() {
        let text = std::fs::read_to_string(README).unwrap();
        let (before, rest) = text.split_once(BEGIN).unwrap();
        let (there, after) = rest.split_once(END).unwrap();
        if std::env::var_os("TAPER_WRITE").is_some() {
            std::fs::write(README, format!("{before}{BEGIN}{}{END}{after}", table())).unwrap();
            return;
        }
        assert_eq!(there, table(), "README.md is another: TAPER_WRITE=1 cargo test -- the_readme_has_every_setting");
    }

    /// The examples of the documentation are recipes, in the names of now.
    #[test]
    fn the_readme_has_recipes() {
        let text = std::fs::read_to_string(README).unwrap();
        let recipe = text.split("```toml\n").skip(1).filter_map(|block| block.split("```").next());
        for text in recipe.filter(|text| text.contains("[optimize]")) {
            let read = crate::recipe::Read::over(&Recipe::default(), text, Path::new("README.md")).unwrap();
            assert!(read.renamed.is_empty(), "{:?}", read.renamed);
        }
    }

    #[test]
    fn settings_are_those_of_a_recipe() {
        let mut full = Recipe { weights: Some("w".into()), cut: Some("c".into()), ..Recipe::default() };
        (full.data.split_seed, full.data.variants, full.data.passes) = (Some(1), Some(1), Some(1));
        full.regularize.label_smoothing = Some(0.1);
        let columns = &mut full.data;
        (columns.image_column, columns.label_columns, columns.split_column) =
            (Some("i".into()), Some("l".into()), Some("s".into()));
        let told = crate::recipe::settings(&toml::Table::try_from(full).unwrap());
        let mut places: Vec<&str> = told.iter().map(|(place, _)| place.as_str()).collect();
        let mut known: Vec<&str> = fields().map(|field| field.place).collect();
        places.sort_unstable();
        known.sort_unstable();
        assert_eq!(places, known);
        for heading in Heading::ALL.iter().filter(|heading| **heading != Heading::Output) {
            assert!(fields().any(|field| field.heading == *heading), "{}", heading.name());
        }
    }
}
