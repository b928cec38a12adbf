//! From a recipe and its training pictures to what a network is to say of them.

use taper_data::{Dataset, LabelKind};

use crate::build::class_counts::class_counts;
use crate::error::Result;
use crate::objective::Objective;
use crate::recipe::{Balance, NumberLoss, Recipe, RecipeError};

/// The threshold of a class of which nothing is known.
pub(crate) const EVEN: f32 = 0.5;

/// What a network is trained to say of these pictures.
///
/// # Errors
/// When the pictures have other labels than the recipe says, or it has a setting that is for
/// others; when a picture has no label.
pub fn objective(recipe: &Recipe, pictures: &dyn Dataset) -> Result<Objective> {
    let kind = pictures.label_kind();
    require_kind(recipe, kind)?;
    require_settings(recipe, kind)?;
    Ok(match kind {
        LabelKind::One => Objective::One,
        LabelKind::Many => Objective::Many { thresholds: vec![EVEN; pictures.classes().len()] },
        LabelKind::Number => numbers(pictures, recipe.optimize.number_loss)?,
    })
}

/// Refuses pictures whose labels are not those that a recipe says.
fn require_kind(recipe: &Recipe, kind: LabelKind) -> Result<(), RecipeError> {
    if recipe.data.labels.kind().is_none_or(|said| said == kind) {
        return Ok(());
    }
    let wanted = match kind {
        LabelKind::One => "auto or one: the pictures have one class each",
        LabelKind::Many => "auto or many: the pictures have several labels each",
        LabelKind::Number => "auto or number: the pictures have numbers",
    };
    Err(RecipeError::Field { field: "data.labels", wanted, got: recipe.data.labels.name().into() })
}

/// Refuses settings that say nothing to labels of this kind.
fn require_settings(recipe: &Recipe, kind: LabelKind) -> Result<(), RecipeError> {
    let refuse = |field, wanted, got: String| Err(RecipeError::Field { field, wanted, got });
    let (balance, smoothing) = (recipe.data.balance, recipe.label_smoothing(kind));
    match (kind, balance) {
        (LabelKind::Many, Balance::Sampling) => {
            let wanted = "none or weights where pictures have several labels: none can be drawn for one of them alone";
            return refuse("data.balance", wanted, balance.name().into());
        }
        (LabelKind::Number, Balance::Sampling | Balance::Weights) => {
            return refuse("data.balance", "none where pictures have numbers, not classes", balance.name().into());
        }
        _ => {}
    }
    if kind == LabelKind::Number && smoothing != 0.0 {
        let wanted = "0 or left out where pictures have numbers: there are no classes to spread a target over";
        return refuse("regularize.label_smoothing", wanted, smoothing.to_string());
    }
    if kind != LabelKind::Number && recipe.optimize.number_loss != NumberLoss::default() {
        let wanted = "left out where pictures have classes, not numbers";
        return refuse("optimize.number_loss", wanted, format!("{:?}", recipe.optimize.number_loss));
    }
    Ok(())
}

/// Numbers with their mean and deviation over the pictures, one that is the same everywhere with a
/// deviation of 1.
fn numbers(pictures: &dyn Dataset, loss: NumberLoss) -> Result<Objective> {
    let (count, columns) = (pictures.len().max(1) as f64, pictures.classes().len());
    let rows = (0..pictures.len()).map(|i| target(pictures, i)).collect::<Result<Vec<_>>>()?;
    let mean_of = |value: &dyn Fn(usize, f64) -> f64| -> Vec<f64> {
        (0..columns).map(|c| rows.iter().map(|row| value(c, f64::from(row[c]))).sum::<f64>() / count).collect()
    };
    let mean = mean_of(&|_, number| number);
    let variance = mean_of(&|c, number| (number - mean[c]).powi(2));
    // Of equal numbers the variance is that of their rounding.
    let std = |(mean, variance): (&f64, &f64)| {
        let std = variance.sqrt();
        if std > 1e-6 * mean.abs().max(f64::from(f32::MIN_POSITIVE)) { std as f32 } else { 1.0 }
    };
    let deviation = mean.iter().zip(&variance).map(std).collect();
    Ok(Objective::Number { mean: mean.into_iter().map(|mean| mean as f32).collect(), deviation, loss })
}

/// What a network should say of a picture.
pub(crate) fn target(pictures: &dyn Dataset, index: usize) -> Result<Vec<f32>> {
    let mut row = vec![0.0; pictures.classes().len()];
    pictures.target(index, &mut row)?;
    Ok(row)
}

/// How much more a picture counts that is of a class than one that is not, so that both weigh alike
/// in all: (N - n)/n for each class of n of N pictures, 1 for one of none or of all.
pub(crate) fn positive_weights(pictures: &dyn Dataset) -> Vec<f32> {
    let (counts, all) = (class_counts(pictures), pictures.len());
    let weight = |n: usize| if n == 0 || n == all { 1.0 } else { (all - n) as f32 / n as f32 };
    counts.into_iter().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::labeled::{Labeled, labeled};
    use crate::chain::chain;

    fn refused(recipe: &str, pictures: &Labeled) -> String {
        let recipe = Recipe::parse(recipe, "r.toml".as_ref()).unwrap();
        chain(&objective(&recipe, pictures).unwrap_err())
    }

    #[test]
    fn labels_that_a_recipe_does_not_say_are_refused() {
        let (many, numbers) = (labeled(LabelKind::Many, 6), labeled(LabelKind::Number, 6));
        let said = refused("[data]\nlabels = \"one\"", &many);
        assert_eq!(said, "recipe: data.labels must be auto or many: the pictures have several labels each; got one");
        assert!(refused("[data]\nlabels = \"many\"", &numbers).contains("auto or number"));
        assert!(refused("[data]\nlabels = \"number\"", &labeled(LabelKind::One, 6)).contains("one class each"));
        for labels in ["auto", "many"] {
            let recipe = Recipe::parse(&format!("[data]\nlabels = \"{labels}\""), "r.toml".as_ref()).unwrap();
            assert_eq!(objective(&recipe, &many).unwrap(), Objective::Many { thresholds: vec![0.5; 2] });
        }
    }

    #[test]
    fn settings_for_other_labels_are_refused() {
        let (many, numbers) = (labeled(LabelKind::Many, 6), labeled(LabelKind::Number, 6));
        assert!(refused("[data]\nbalance = \"sampling\"", &many).contains("none or weights where pictures"));
        assert!(refused("[data]\nbalance = \"weights\"", &numbers).contains("none where pictures have numbers"));
        assert!(refused("[regularize]\nlabel_smoothing = 0.1", &numbers).contains("0 or left out"));
        assert!(refused("[optimize]\nnumber_loss = \"l1\"", &many).contains("left out where pictures have classes"));
    }

    #[test]
    fn numbers_are_measured_and_classes_weighed() {
        let numbers = labeled(LabelKind::Number, 4);
        let Objective::Number { mean, deviation, .. } = objective(&Recipe::default(), &numbers).unwrap() else {
            panic!("numbers")
        };
        let of = |column: usize| (0..4).map(|i| target(&numbers, i).unwrap()[column]).collect::<Vec<_>>();
        for column in 0..2 {
            let values = of(column);
            let wanted = values.iter().sum::<f32>() / 4.0;
            let variance = values.iter().map(|value| (value - wanted).powi(2)).sum::<f32>() / 4.0;
            assert!((mean[column] - wanted).abs() < 1e-4 && (deviation[column] - variance.sqrt()).abs() < 1e-4);
        }
        let many = labeled(LabelKind::Many, 8);
        let counts = class_counts(&many);
        assert_eq!(positive_weights(&many), counts.iter().map(|n| (8 - n) as f32 / *n as f32).collect::<Vec<_>>());
    }
}
