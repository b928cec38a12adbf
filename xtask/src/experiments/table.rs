//! What came out, as tables.

use std::fmt::Write as _;

use super::study::{PASSES, VIEWS};
use super::{Case, Study, Tested};

/// The table as Markdown, under a few words on the setting: mean and standard deviation over the
/// seeds, and what that says of each case beside its baseline.
pub fn table(setting: &str, cases: &[Case], results: &[Vec<Study>]) -> String {
    let noise = results.iter().flatten().any(|study| study.sampled.is_some());
    let passes =
        if noise { format!(" By samples: the mean over {PASSES} passes with the noise on.") } else { String::new() };
    let (title, rule) = if noise { (" by samples |", "--:|") } else { ("", "") };
    let mut text = format!(
        "{setting} Accuracies in percent, mean ± standard\ndeviation over the seeds; gap: train less test. Difference: \
         to the baseline by pairs of one seed, ± its standard error; one of less\nthan two standard errors is called \
         none.{passes} Seconds: an epoch of training, the\nfastest seed.\n\n\
         | technique | recipe | train | test | gap | difference | says | test loss |{title} seconds |\n\
         |---|---|--:|--:|--:|--:|---|--:|{rule}--:|\n",
    );
    for (case, result) in cases.iter().zip(results) {
        let baseline = cases.iter().position(|other| other.name == case.against).map_or(&result[..], |i| &results[i]);
        let (difference, says) = compare(case, result, baseline);
        let of = |value: fn(&Study) -> f64| result.iter().map(value).collect::<Vec<_>>();
        let sampled: Vec<f64> = result.iter().filter_map(|study| study.sampled).collect();
        let sampled = match (noise, sampled.as_slice()) {
            (false, _) => String::new(),
            (true, []) => "  |".to_owned(),
            (true, sampled) => format!(" {} |", percent(sampled)),
        };
        let settings: Vec<String> = case.recipe.lines().map(|line| format!("`{line}`")).collect();
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {:.2} | {difference} | {says} | {:.3} |{sampled} {:.1} |",
            case.name,
            settings.join(", "),
            percent(&of(|study| study.train)),
            percent(&of(|study| study.test.accuracy)),
            100.0 * mean(&of(|study| study.train - study.test.accuracy)),
            mean(&of(|study| study.test.loss)),
            of(|study| study.seconds).into_iter().fold(f64::INFINITY, f64::min),
        );
    }
    text
}

/// The table of what several views of a picture do, for every case that was tested so; nothing
/// where none was.
pub fn views(cases: &[Case], results: &[Vec<Study>]) -> String {
    let tested = cases.iter().zip(results).filter(|(_, result)| result.iter().any(|study| !study.views.is_empty()));
    let mut text = String::new();
    for (case, result) in tested {
        let _ = write!(
            text,
            "\n## Several views in testing\n\n`taper eval RUN --tta VIEWS` on the networks of `{}`, the mean of \
             probabilities; time: as often as the plain test, the fastest\nseeds.\n\n\
             | views | test | difference | says | test loss | time |\n|---|--:|--:|---|--:|--:|\n",
            case.name
        );
        let plain: Vec<_> = result.iter().map(|study| study.test).collect();
        let seen = VIEWS
            .iter()
            .enumerate()
            .map(|(i, (name, _))| (*name, result.iter().map(|study| study.views[i]).collect::<Vec<_>>()));
        let fastest = |tests: &[Tested]| tests.iter().map(|test| test.seconds).fold(f64::INFINITY, f64::min);
        for (name, tests) in std::iter::once(("1", plain.clone())).chain(seen) {
            let of = |value: fn(&Tested) -> f64| tests.iter().map(value).collect::<Vec<_>>();
            let pairs: Vec<f64> = tests.iter().zip(&plain).map(|(a, b)| 100.0 * (a.accuracy - b.accuracy)).collect();
            let (difference, says) = if name == "1" { (String::new(), "") } else { judge(&pairs) };
            let _ = writeln!(
                text,
                "| {name} | {} | {difference} | {says} | {:.3} | {:.1} |",
                percent(&of(|test| test.accuracy)),
                mean(&of(|test| test.loss)),
                fastest(&tests) / fastest(&plain),
            );
        }
    }
    text
}

/// The difference in test accuracy, percent, and what it says.
fn compare(case: &Case, result: &[Study], baseline: &[Study]) -> (String, &'static str) {
    if case.name == case.against {
        return (String::new(), "");
    }
    let pairs = result.iter().zip(baseline).map(|(a, b)| 100.0 * (a.test.accuracy - b.test.accuracy));
    judge(&pairs.collect::<Vec<_>>())
}

/// The mean of differences with its standard error, and what it says.
fn judge(pairs: &[f64]) -> (String, &'static str) {
    let (middle, error) = (mean(pairs), deviation(pairs) / (pairs.len() as f64).sqrt());
    let says = match middle {
        _ if pairs.len() < 2 => "one seed says nothing",
        m if m > 2.0 * error => "helps",
        m if m < -2.0 * error => "hurts",
        _ => "none to see",
    };
    (format!("{middle:+.2} ± {error:.2}"), says)
}

pub(super) fn percent(values: &[f64]) -> String {
    format!("{:.2} ± {:.2}", 100.0 * mean(values), 100.0 * deviation(values))
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The standard deviation of a sample; 0 of a single value.
pub(super) fn deviation(values: &[f64]) -> f64 {
    let middle = mean(values);
    let squares: f64 = values.iter().map(|value| (value - middle).powi(2)).sum();
    (squares / (values.len().max(2) - 1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::Test;
    use super::*;

    fn result(tests: [f64; 3]) -> Vec<Study> {
        let tested = |accuracy| Tested { accuracy, loss: 0.5, seconds: 2.0 };
        let views = |accuracy| VIEWS.map(|_| Tested { seconds: 6.0, ..tested(accuracy + 0.01) }).to_vec();
        let study = |accuracy| Study {
            train: 1.0,
            test: tested(accuracy),
            sampled: None,
            views: views(accuracy),
            seconds: 2.0,
        };
        tests.map(study).to_vec()
    }

    #[test]
    fn a_difference_counts_from_two_standard_errors() {
        let case = |name| Case { name, recipe: "seed = 1".to_owned(), against: "none", test: Test::Views };
        let cases = ["none", "up", "down", "same"].map(case);
        let results = [[0.5, 0.6, 0.7], [0.51, 0.61, 0.72], [0.48, 0.59, 0.69], [0.49, 0.62, 0.7]].map(result).to_vec();
        let text = table("Words.", &cases, &results);
        let row = |name: &str| text.lines().find(|line| line.starts_with(&format!("| {name} |"))).unwrap().to_owned();
        assert!(row("none").contains("| 100.00 ± 0.00 | 60.00 ± 10.00 | 40.00 |  |  |"), "{}", row("none"));
        assert!(row("up").contains("| +1.33 ± 0.33 | helps |"), "{}", row("up"));
        assert!(row("down").contains("| -1.33 ± 0.33 | hurts |"), "{}", row("down"));
        assert!(row("same").contains("| none to see |"), "{}", row("same"));
        let seen = views(&cases[..1], &results);
        assert!(seen.contains("| 1 | 60.00 ± 10.00 |  |  | 0.500 | 1.0 |"), "{seen}");
        assert!(seen.contains("| flips | 61.00 ± 10.00 | +1.00 ± 0.00 | helps | 0.500 | 3.0 |"), "{seen}");
    }
}
