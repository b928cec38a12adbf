//! How many stages keep their weights.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// The first stages of a network, which keep their weights: `frozen_stages = "conv5"` for all up to
/// the one of that name, `"none"`, or how many, `frozen_stages = 1`. Which stages there are is the
/// network's matter: [`frozen_stages`](crate::build::phases::frozen_stages) counts them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Frozen {
    /// So many, from the picture.
    Count(usize),
    /// Those up to the stage of this name, and that; none of them where it is [`NONE`](Self::NONE).
    Through(String),
}

impl Frozen {
    /// What stands for no stage.
    pub const NONE: &'static str = "none";
}

impl fmt::Display for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Through(name) => f.write_str(name),
        }
    }
}

impl<'de> Deserialize<'de> for Frozen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameOrCount)
    }
}

struct NameOrCount;

impl Visitor<'_> for NameOrCount {
    type Value = Frozen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a stage, none, or how many stages")
    }

    fn visit_u64<E: Error>(self, count: u64) -> Result<Frozen, E> {
        usize::try_from(count).map(Frozen::Count).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, count: i64) -> Result<Frozen, E> {
        let negative = || E::invalid_value(serde::de::Unexpected::Signed(count), &self);
        usize::try_from(count).map(Frozen::Count).map_err(|_| negative())
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Frozen, E> {
        Ok(Frozen::Through(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use crate::recipe::{Frozen, Recipe};

    #[test]
    fn a_name_and_a_number_survive_their_text() {
        let read = |value: &str| {
            Recipe::parse(&format!("[optimize]\nfrozen_stages = {value}\n"), "r.toml".as_ref())
                .map(|recipe| recipe.optimize.frozen_stages)
        };
        assert_eq!(read("3").unwrap(), Frozen::Count(3));
        assert_eq!(read("\"conv5\"").unwrap(), Frozen::Through("conv5".into()));
        for frozen in [Frozen::Count(0), Frozen::Through("none".into())] {
            let mut recipe = Recipe::default();
            recipe.optimize.frozen_stages = frozen;
            let text = toml::to_string(&recipe).unwrap();
            assert_eq!(Recipe::parse(&text, "r.toml".as_ref()).unwrap(), recipe);
        }
        for wrong in ["-1", "1.5", "true"] {
            let said = read(wrong).unwrap_err().to_string();
            assert!(
                said.contains("line 2") && said.contains("the name of a stage, none, or how many stages"),
                "{said}"
            );
        }
    }
}
