//! A transform as it is written.

use std::fmt;

use super::TransformRecipe;

impl fmt::Display for TransformRecipe {
    /// As in a recipe, without settings that are the usual ones.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |all: &[Self]| all.iter().map(Self::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Self::Maybe { p, transform } => {
                return write!(f, "{{ name = \"maybe\", p = {p:?}, transform = {transform} }}");
            }
            Self::OneOf { transforms } => {
                return write!(f, "{{ name = \"one_of\", transforms = [{}] }}", list(transforms));
            }
            Self::Sequence { transforms } => {
                return write!(f, "{{ name = \"sequence\", transforms = [{}] }}", list(transforms));
            }
            _ => {}
        }
        let mut settings = toml::Table::try_from(self).map_err(|_| fmt::Error)?;
        let name = settings.remove("name").ok_or(fmt::Error)?;
        let usual = name.as_str().and_then(|name| Self::named(name).ok()).map(toml::Table::try_from);
        let usual = usual.transpose().map_err(|_| fmt::Error)?.unwrap_or_default();
        settings.retain(|field, value| usual.get(field) != Some(value));
        if settings.is_empty() {
            return name.fmt(f);
        }
        write!(f, "{{ name = {name}")?;
        settings.iter().try_for_each(|(field, value)| write!(f, ", {field} = {value}"))?;
        f.write_str(" }")
    }
}
