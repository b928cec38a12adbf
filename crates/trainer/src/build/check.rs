//! What is wrong with a recipe is found before a picture is read: what can be built of it is built
//! once.

use taper_tensor::Precision;

use crate::build::network::stages;
use crate::build::phases::frozen_stages;
use crate::build::transforms::train_transform;
use crate::build::{optimize, regularize};
use crate::recipe::{Frozen, Recipe, RecipeError, Rule};

impl Recipe {
    /// Looks at every number: those that may be said by themselves, those that depend on others,
    /// and those that only what is built of them refuses.
    ///
    /// # Errors
    /// Names the first field that is out of range.
    pub fn check(&self) -> Result<(), RecipeError> {
        self.check_settings()?;
        Precision::from(self.optimize.precision).check()?;
        train_transform(&self.augment, self.data.image_size)?;
        optimize::check(&self.optimize)?;
        regularize::check(&self.regularize)?;
        self.check_stages()?;
        if let Rule::Lbfgs(_) = self.optimize.rule { self.require_quiet() } else { Ok(()) }
    }

    /// Refuses to freeze a stage that there is not. A network that there is not is refused where it
    /// is built.
    fn check_stages(&self) -> Result<(), RecipeError> {
        match self.optimize.frozen_stages {
            Frozen::Count(0 | 1) => Ok(()),
            _ => stages(self).map_or(Ok(()), |stages| frozen_stages(self, &stages).map(drop)),
        }
    }
}
