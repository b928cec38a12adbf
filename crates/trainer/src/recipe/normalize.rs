//! What the colors of pictures are normalized with.

use serde::{Deserialize, Serialize};

use super::range::Range::Real;
use super::range::Row;

/// What is taken from the colors of a picture, and by what the rest is divided: `normalize =
/// "data"`, or `normalize = { name = "values", mean = [0.5, 0.5, 0.5], std = [0.25, 0.25, 0.25] }`,
/// of values in 0..1.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum NormalizeRecipe {
    /// Those that the network's weights were trained with; random weights have none, and a mean of
    /// 0.5 and a standard deviation of 0.25 serve any pictures.
    Network {},
    /// Those of ImageNet.
    Imagenet {},
    /// Those of the training pictures, as the network sees them in testing.
    /// [`measured`](crate::build::colors::measured) puts [`Values`](Self::Values) in its place.
    Data {},
    /// These.
    Values {
        /// The mean of red, green and blue.
        mean: [f64; 3],
        /// Their standard deviation.
        std: [f64; 3],
    },
}

impl NormalizeRecipe {
    /// The names without settings, in the order of the variants.
    pub const NAMES: [&'static str; 3] = ["network", "imagenet", "data"];
}

/// What the numbers may be, as those of a model's card.
pub(super) const RANGES: &[Row] =
    &[("data.normalize.values.mean", Real(-1e6, 1e6)), ("data.normalize.values.std", Real(1e-6, 1e6))];

#[cfg(test)]
mod tests {
    use crate::chain::chain;
    use crate::recipe::{NormalizeRecipe, Recipe};

    fn read(value: &str) -> Result<Recipe, String> {
        let text = format!("[data]\nnormalize = {value}\n");
        let recipe = Recipe::parse(&text, "r.toml".as_ref()).map_err(|error| chain(&error))?;
        recipe.check().map_err(|error| chain(&error)).map(|()| recipe)
    }

    #[test]
    fn names_and_numbers_survive_their_text() {
        for name in NormalizeRecipe::NAMES {
            let recipe = read(&format!("\"{name}\"")).unwrap();
            assert_eq!(Recipe::parse(&toml::to_string(&recipe).unwrap(), "r".as_ref()).unwrap(), recipe);
        }
        let recipe = read("{ name = \"values\", mean = [0.1, 0.2, 0.3], std = [0.4, 0.5, 0.6] }").unwrap();
        let values = NormalizeRecipe::Values { mean: [0.1, 0.2, 0.3], std: [0.4, 0.5, 0.6] };
        assert_eq!(recipe.data.normalize, values);
        assert_eq!(Recipe::parse(&toml::to_string(&recipe).unwrap(), "r".as_ref()).unwrap(), recipe);
    }

    #[test]
    fn what_cannot_normalize_is_refused() {
        for (value, words) in [
            ("\"values\"", ["line 2", "mean"]),
            ("\"pictures\"", ["imagenet", "data"]),
            ("{ name = \"values\", mean = [0, 0, 0], std = [1, 0, 1] }", ["data.normalize.std[1]", "got 0"]),
        ] {
            let said = read(value).unwrap_err();
            assert!(words.iter().all(|word| said.contains(word)), "{said}");
        }
    }
}
