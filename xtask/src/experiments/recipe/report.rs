//! What came out, as tables.

use std::fmt::Write as _;

use taper_trainer::evaluate::metrics::interval;

use super::outcome::{Measured, Trained};
use super::recipes::Recipe;
use super::sets::Set;
use super::trainings::PRECISIONS;
use crate::experiments::table::{deviation, mean};

/// A recipe, and what came of it on each set with each seed.
pub(super) struct Row<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) trained: Vec<Vec<Trained>>,
}

impl<'a> Row<'a> {
    pub(super) fn of(recipe: &'a Recipe, trained: Vec<Vec<Trained>>) -> Self {
        Self { recipe, trained }
    }

    /// The mean over the seeds on the validation part of each set.
    pub(super) fn accuracies(&self) -> Vec<f64> {
        let of = |trained: &Vec<Trained>| mean(&trained.iter().map(|one| one.val.accuracy).collect::<Vec<_>>());
        self.trained.iter().map(of).collect()
    }

    /// The mean over the seeds of the seconds on each set.
    fn seconds(&self) -> Vec<f64> {
        let of = |trained: &Vec<Trained>| mean(&trained.iter().map(|one| one.seconds).collect::<Vec<_>>());
        self.trained.iter().map(of).collect()
    }
}

/// What the tables are of.
pub(super) fn setting(sets: &[&Set], seeds: u64) -> String {
    let seeds = if seeds == 1 { "one seed".to_owned() } else { format!("the mean over {seeds} seeds") };
    let mut text = format!(
        "SqueezeNet 1.1 fine-tuned by each recipe (`taper fine-tune DATA FLAGS`), {seeds}. Accuracies in percent. Each set has three parts: \
         to train on,\nto choose by, to test with; no choice looks at the last. `xtask/src/experiments/recipe/data_sets.py` makes \
         them.\n\n| set | side, pixels | what it is |\n|---|--:|---|\n",
    );
    for set in sets {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "| {} | {} | {} |", set.name, set.side, set.about);
    }
    text
}

/// Every recipe on the validation parts.
pub(super) fn validated(sets: &[&Set], rows: &[Row<'_>], chosen: Option<usize>) -> String {
    let names: Vec<&str> = sets.iter().map(|set| set.name).collect();
    let said = chosen.map_or_else(String::new, |i| {
        format!(" Of what is no preset `{}` has the best mean, and goes to the test.", rows[i].recipe.name)
    });
    let mut text = format!(
        "\n## Validation parts\n\nMean ± standard deviation over the seeds; seconds: of a training, the mean over the sets.{said}\n\n\
         | recipe | flags | {} | mean | seconds |\n|---|---|{}--:|--:|\n",
        names.join(" | "),
        "--:|".repeat(sets.len()),
    );
    for row in rows {
        let cell = |trained: &Vec<Trained>| {
            let all: Vec<f64> = trained.iter().map(|one| 100.0 * one.val.accuracy).collect();
            format!("{:.1} ± {:.1}", mean(&all), deviation(&all))
        };
        let cells: Vec<String> = row.trained.iter().map(cell).collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.1} | {:.0} |",
            row.recipe.name,
            if row.recipe.flags.is_empty() { String::new() } else { format!("`{}`", row.recipe.flags) },
            cells.join(" | "),
            100.0 * mean(&row.accuracies()),
            mean(&row.seconds()),
        );
    }
    text
}

/// The presets, and what was chosen, on the test parts: of each recipe the tests of each set by
/// seed.
pub(super) fn tested(sets: &[&Set], rows: &[Row<'_>], shown: &[(&Recipe, Vec<Vec<Measured>>)]) -> String {
    let mut text = "\n## Test parts\n\nLooked at once, when all choices had been made. Interval: Wilson's 95 % of the mean share on so many \
                    pictures, which says how far\nother pictures of the same kind may lie; ±: the standard deviation over the seeds. Balanced: the \
                    mean recall of the classes.\n\n| set | recipe | accuracy | interval | balanced | pictures | seconds |\n|---|---|--:|---|--:|--:|--:|\n"
        .to_owned();
    let seconds = |recipe: &Recipe, set: usize| {
        let row = rows.iter().find(|row| row.recipe.name == recipe.name);
        row.map_or(f64::NAN, |row| row.seconds()[set])
    };
    for (i, set) in sets.iter().enumerate() {
        for (recipe, tests) in shown {
            let of = |value: fn(&Measured) -> f64| tests[i].iter().map(value).collect::<Vec<_>>();
            let (all, images) = (of(|test| test.accuracy), tests[i].first().map_or(0, |test| test.images));
            let [low, high] = interval(mean(&all), images).map(|end| 100.0 * end);
            let _ = writeln!(
                text,
                "| {} | {} | {:.1} ± {:.1} | {low:.1} to {high:.1} | {:.1} | {images} | {:.0} |",
                set.name,
                recipe.name,
                100.0 * mean(&all),
                100.0 * deviation(&all),
                100.0 * mean(&of(|test| test.balanced)),
                seconds(recipe, i),
            );
        }
    }
    for (recipe, tests) in shown {
        let over = |value: fn(&Measured) -> f64| {
            let set = |tests: &Vec<Measured>| mean(&tests.iter().map(value).collect::<Vec<_>>());
            100.0 * mean(&tests.iter().map(set).collect::<Vec<_>>())
        };
        let all: Vec<f64> = (0..sets.len()).map(|i| seconds(recipe, i)).collect();
        let _ = writeln!(
            text,
            "| **mean** | {} | {:.1} | | {:.1} | | {:.0} |",
            recipe.name,
            over(|test| test.accuracy),
            over(|test| test.balanced),
            mean(&all),
        );
    }
    text
}

/// The networks of the default recipe in each precision: by precision, set and seed.
pub(super) fn in_precisions(sets: &[&Set], answers: &[Vec<Vec<Measured>>]) -> String {
    let names: Vec<&str> = sets.iter().map(|set| set.name).collect();
    let mut text = format!(
        "\n## In other precisions\n\nThe networks of `default` on the test parts, `taper eval RUN TEST --precision ...`: the mean over the seeds.\n\n\
         | precision | {} | all pictures together |\n|---|{}--:|\n",
        names.join(" | "),
        "--:|".repeat(sets.len()),
    );
    for (precision, sets) in PRECISIONS.iter().zip(answers) {
        let cell = |tests: &Vec<Measured>| mean(&tests.iter().map(|test| 100.0 * test.accuracy).collect::<Vec<_>>());
        let cells: Vec<String> = sets.iter().map(|tests| format!("{:.2}", cell(tests))).collect();
        let all = |of: fn(&Measured) -> f64| sets.iter().flatten().map(of).sum::<f64>();
        let together = 100.0 * all(|test| test.accuracy * test.images as f64) / all(|test| test.images as f64);
        let _ = writeln!(text, "| {precision} | {} | {together:.2} |", cells.join(" | "));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::recipes::named;
    use super::super::sets::SETS;
    use super::*;

    #[test]
    fn the_tables_have_the_parts_that_they_are_of() {
        let measured = |accuracy| Measured { accuracy, balanced: accuracy - 0.1, images: 100 };
        let trained = |val| Trained { folder: PathBuf::new(), val: measured(val), seconds: 10.0 };
        let sets = [&SETS[0], &SETS[1]];
        let both = |a, b| vec![vec![trained(a), trained(a + 0.02)], vec![trained(b), trained(b)]];
        let rows = [Row::of(named("default"), both(0.8, 0.6)), Row::of(named("mixup"), both(0.7, 0.5))];
        let text = validated(&sets, &rows, Some(1));
        assert!(text.contains("`mixup` has the best mean"), "{text}");
        assert!(text.contains("| default |  | 81.0 ± 1.4 | 60.0 ± 0.0 | 70.5 | 10 |"), "{text}");
        assert!(text.contains("| mixup | `--mixup 0.2` | 71.0 ± 1.4 |"), "{text}");
        let tests = vec![vec![measured(0.5), measured(0.5)], vec![measured(0.9), measured(0.7)]];
        let text = tested(&sets, &rows, &[(named("default"), tests)]);
        // Wilson's of 50 in 100.
        assert!(text.contains("| textures | default | 50.0 ± 0.0 | 40.4 to 59.6 | 40.0 | 100 | 10 |"), "{text}");
        assert!(text.contains("| photographs | default | 80.0 ± 14.1 |"), "{text}");
        assert!(text.contains("| **mean** | default | 65.0 | | 55.0 | | 10 |"), "{text}");
        let [low, high] = [0.5, 0.9].map(|accuracy| vec![measured(accuracy), measured(accuracy)]);
        let text = in_precisions(&sets, &[vec![low.clone(), high.clone()], vec![high, low]]);
        assert!(text.contains("| f32 | 50.00 | 90.00 | 70.00 |\n| bf16 | 90.00 | 50.00 | 70.00 |"), "{text}");
        assert!(setting(&sets, 2).contains("the mean over 2 seeds"));
    }
}
