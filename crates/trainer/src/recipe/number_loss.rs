//! How far a number is from what it should be.

use serde::{Deserialize, Serialize};

use super::range::Range::Positive;
use super::range::Row;

/// The loss of a network that answers with numbers, in standard deviations of the training
/// pictures' numbers: `number_loss = "l1"`, or `number_loss = { name = "huber", delta = 0.5 }`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum NumberLoss {
    /// The distance: a mistake twice as large counts twice. The median is its best answer.
    L1 {},
    /// Its square. The mean is its best answer.
    L2 {},
    /// The square up to `delta`, the distance beyond: rare numbers far off do not rule the rest.
    Huber {
        /// Where one becomes the other, standard deviations.
        #[serde(default = "one")]
        delta: f64,
    },
}

impl Default for NumberLoss {
    fn default() -> Self {
        Self::L2 {}
    }
}

impl NumberLoss {
    /// The names, in the order of the variants.
    pub const NAMES: [&'static str; 3] = ["l1", "l2", "huber"];

    /// Of a distance, standard deviations.
    pub fn of(self, distance: f64) -> f64 {
        let d = distance.abs();
        match self {
            Self::L1 {} => d,
            Self::L2 {} => d * d,
            Self::Huber { delta } if d > delta => delta * (d - 0.5 * delta),
            Self::Huber { .. } => 0.5 * d * d,
        }
    }
}

fn one() -> f64 {
    1.0
}

/// What the numbers may be.
pub(super) const RANGES: &[Row] = &[("optimize.number_loss.huber.delta", Positive)];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::chain;
    use crate::recipe::Recipe;

    #[test]
    fn names_and_settings_survive_their_text() {
        let read = |value: &str| {
            let text = format!("[optimize]\nnumber_loss = {value}\n");
            let recipe = Recipe::parse(&text, "r.toml".as_ref()).map_err(|error| chain(&error))?;
            recipe.check().map_err(|error| chain(&error)).map(|()| recipe)
        };
        for name in NumberLoss::NAMES {
            let recipe = read(&format!("\"{name}\"")).unwrap();
            assert_eq!(Recipe::parse(&toml::to_string(&recipe).unwrap(), "r".as_ref()).unwrap(), recipe);
        }
        let huber = read("{ name = \"huber\", delta = 0.5 }").unwrap().optimize.number_loss;
        assert_eq!(huber, NumberLoss::Huber { delta: 0.5 });
        assert_eq!([huber.of(-0.4), huber.of(2.0)], [0.08000000000000002, 0.875]);
        assert!(read("{ name = \"huber\", delta = 0 }").unwrap_err().contains("number_loss.delta must be a positive"));
    }
}
