//! Where a value stands in a recipe.

/// Where a value stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    /// In the tables of what may stand where: the name of a table that has one is part of it
    /// (`optimize.rule.lbfgs.history`), and all of a list are at the place of the list.
    pub(super) row: String,
    /// In the file: `augment.train[1].p`.
    pub(super) said: String,
}

impl Place {
    /// A field of a table that is here, which may be one with a name. What may be done at random,
    /// one of several or one after the other is a transform like those of the list itself.
    pub(super) fn field(&self, name: Option<&str>, field: &str) -> Self {
        let below = |place: &str| if place.is_empty() { field.to_owned() } else { format!("{place}.{field}") };
        let row = match name {
            Some(_) if ["transform", "transforms"].contains(&field) => self.row.clone(),
            Some(name) => format!("{}.{name}.{field}", self.row),
            None => below(&self.row),
        };
        Self { row, said: below(&self.said) }
    }

    /// An item of a list that is here.
    pub(super) fn item(&self, number: usize) -> Self {
        Self { row: self.row.clone(), said: format!("{}[{number}]", self.said) }
    }
}
