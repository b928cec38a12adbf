//! What came out, as a table.

use std::fmt::Write as _;

use super::study::PASSES;
use super::{Case, Course, Study};

/// The table as Markdown: mean and standard deviation over the seeds, and what that says of each case beside its baseline.
pub fn table(cases: &[Case], results: &[Vec<Study>], course: Course) -> String {
    let mut text = format!(
        "{} pictures of Fashion-MNIST to train on, {} epochs, {} seeds, each with pictures of its own; 10,000 pictures to \
         test. The network\nis `small_cnn` with a hidden layer of 128 units, and `resnet18_narrow` where it says \
         residual. Accuracies in percent, mean ± standard\ndeviation over the seeds; gap: train less test. Difference: \
         to the baseline by pairs of one seed, ± its standard error; one of less\nthan two standard errors is called none. \
         By samples: the mean over {PASSES} passes with the noise on. Seconds: an epoch of training, the\nfastest seed.\n\n\
         | technique | recipe | train | test | gap | difference | says | test loss | by samples | seconds |\n\
         |---|---|--:|--:|--:|--:|---|--:|--:|--:|\n",
        course.pictures, course.epochs, course.seeds
    );
    for (case, result) in cases.iter().zip(results) {
        let baseline = cases.iter().position(|other| other.name == case.against).map_or(&result[..], |i| &results[i]);
        let (difference, says) = compare(case, result, baseline);
        let of = |value: fn(&Study) -> f64| result.iter().map(value).collect::<Vec<_>>();
        let sampled: Vec<f64> = result.iter().filter_map(|study| study.sampled).collect();
        let sampled = if sampled.is_empty() { String::new() } else { percent(&sampled) };
        let settings: Vec<String> = case.recipe.lines().map(|line| format!("`{line}`")).collect();
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {:.2} | {difference} | {says} | {:.3} | {sampled} | {:.1} |",
            case.name,
            settings.join(", "),
            percent(&of(|study| study.train)),
            percent(&of(|study| study.test)),
            100.0 * mean(&of(|study| study.train - study.test)),
            mean(&of(|study| study.loss)),
            of(|study| study.seconds).into_iter().fold(f64::INFINITY, f64::min),
        );
    }
    text
}

/// The difference in test accuracy, percent, and what it says.
fn compare(case: &Case, result: &[Study], baseline: &[Study]) -> (String, &'static str) {
    if case.name == case.against {
        return (String::new(), "");
    }
    let pairs: Vec<f64> = result.iter().zip(baseline).map(|(a, b)| 100.0 * (a.test - b.test)).collect();
    let (middle, error) = (mean(&pairs), deviation(&pairs) / (pairs.len() as f64).sqrt());
    let says = match middle {
        _ if pairs.len() < 2 => "one seed says nothing",
        m if m > 2.0 * error => "helps",
        m if m < -2.0 * error => "hurts",
        _ => "none to see",
    };
    (format!("{middle:+.2} ± {error:.2}"), says)
}

fn percent(values: &[f64]) -> String {
    format!("{:.2} ± {:.2}", 100.0 * mean(values), 100.0 * deviation(values))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The standard deviation of a sample; 0 of a single value.
fn deviation(values: &[f64]) -> f64 {
    let middle = mean(values);
    let squares: f64 = values.iter().map(|value| (value - middle).powi(2)).sum();
    (squares / (values.len().max(2) - 1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COURSE: Course = Course { pictures: 10, epochs: 1, seeds: 3, threads: 1 };

    fn result(tests: [f64; 3]) -> Vec<Study> {
        tests.map(|test| Study { train: 1.0, test, loss: 0.5, sampled: None, seconds: 2.0 }).to_vec()
    }

    #[test]
    fn a_difference_counts_from_two_standard_errors() {
        let case = |name| Case { name, recipe: "seed = 1", against: "none", noise: false };
        let cases = ["none", "up", "down", "same"].map(case);
        let results = [[0.5, 0.6, 0.7], [0.51, 0.61, 0.72], [0.48, 0.59, 0.69], [0.49, 0.62, 0.7]].map(result).to_vec();
        let text = table(&cases, &results, COURSE);
        let row = |name: &str| text.lines().find(|line| line.starts_with(&format!("| {name} |"))).unwrap().to_owned();
        assert!(row("none").contains("| 100.00 ± 0.00 | 60.00 ± 10.00 | 40.00 |  |  |"), "{}", row("none"));
        assert!(row("up").contains("| +1.33 ± 0.33 | helps |"), "{}", row("up"));
        assert!(row("down").contains("| -1.33 ± 0.33 | hurts |"), "{}", row("down"));
        assert!(row("same").contains("| none to see |"), "{}", row("same"));
    }
}
