//! The report of a run as a page.

use maud::html;

use super::contents::Report;
use super::error::ReportError;
use super::frame::page;
use super::{confusions, gallery, labels, overview, tables};
use taper_trainer::objective::Metric;

/// Renders a report as one self-contained HTML page.
///
/// Losses may be NaN or infinite, and every list may be empty: the page says so in their place.
///
/// # Errors
///
/// [`ReportError::Chart`] if a chart cannot be drawn.
pub fn render(report: &Report) -> Result<String, ReportError> {
    let best = overview::best_epoch(&report.history);
    let charts = overview::charts(report, best)?;
    let content = html! {
        (overview::headline(report, best))
        section.charts aria-label="Curves and facts" {
            (charts)
            div.card.facts {
                h3 { "The run" }
                dl {
                    dt { "Network" } dd { (report.model) }
                    dt { "Plan" } dd { (report.plan) }
                    dt { "Seed" } dd { (report.seed) }
                    @for (name, value) in &report.facts { dt { (name) } dd { (value) } }
                }
            }
        }
        @if report.metric == Metric::Accuracy {
            (confusions::confusions(report))
            (tables::scores(report))
        } @else {
            (labels::labels(report))
            (labels::numbers(report))
        }
        (gallery::mistakes(report.metric, &report.mistakes))
        (gallery::augmented(&report.augmented))
        section {
            h2 { "To run it again" }
            pre.card.command { code { (report.command) } }
            details.card {
                summary { "Recipe" }
                pre.scroll tabindex="0" { code { (report.recipe_toml) } }
            }
            (tables::epochs(report, best))
        }
    };
    Ok(page(&report.title, &content))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use taper_trainer::evaluate::metrics::{ClassScore, Reliability};

    use super::super::contents::{EpochRow, Mistake, Thumb};
    use super::*;

    fn sample(values: &[f64]) -> Report {
        let row = |(index, &value): (usize, &f64)| EpochRow {
            epoch: index + 1,
            phase: if index < 2 { "head <1&2>" } else { "all" }.to_owned(),
            train_loss: value,
            val_loss: value,
            val_accuracy: value,
        };
        Report {
            title: "A & B <run>".to_owned(),
            classes: vec!["<b>cat</b>".to_owned(), "R&D".to_owned()],
            history: values.iter().enumerate().map(row).collect(),
            rates: vec![1e-3; 3 * values.len()],
            steps_per_epoch: 3,
            confusion: vec![vec![3, 1], vec![0, 0]],
            ..Report::default()
        }
    }

    #[test]
    fn names_are_escaped() {
        let mut report = sample(&[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
        report.mistakes.push(Mistake { truth: "<i>".into(), path: "\"><x".into(), ..Mistake::default() });
        let page = render(&report).unwrap();
        assert!(page.contains("&lt;b&gt;cat&lt;/b&gt;") && page.contains("R&amp;D"));
        assert!(page.contains("head &lt;1&amp;2&gt;"));
        for raw in ["<b>", "R&D", "<run>", "<i>", "\"><x", "<1&"] {
            assert!(!page.contains(raw), "{raw} is not escaped");
        }
    }

    #[test]
    fn nothing_is_fetched() {
        let mut report = sample(&[0.5, 0.6, 0.7]);
        report.mistakes.push(Mistake { jpeg: vec![1, 2, 3], ..Mistake::default() });
        let page = render(&report).unwrap();
        for attribute in ["src=\"", "href=\""] {
            let inside = |rest: &str| rest.starts_with("data:") || rest.starts_with('#');
            assert!(page.split(attribute).skip(1).all(inside));
        }
        for outside in ["http", "url(\"", "@import", "<script src", "import(", "fetch("] {
            assert!(!page.contains(outside), "{outside} in the page");
        }
    }

    #[test]
    fn the_numbers_of_the_matrix_lead_to_their_pictures() {
        let mut report = sample(&[0.5, 0.6]);
        let thumb = Thumb { name: "val/cat/1.png".into(), jpeg: vec![1] };
        report.confused.insert((0, 1), vec![thumb.clone()]);
        report.augmented = vec![vec![thumb; 3]];
        report.mistakes.push(Mistake { heat: vec![1], ..Mistake::default() });
        report.updates = vec![("head".into(), vec![(1.0, 1e-3), (2.0, 0.0)])];
        report.reliability = Some(Reliability { bins: vec![(2, 0.9, 0.5), (0, 0.0, 0.0)], error: 0.4 });
        report.scores = vec![ClassScore { pictures: 2, precision: 0.75, ..ClassScore::default() }];
        let page = render(&report).unwrap();
        for part in [
            "href=\"#is-0-named-1\"",
            "id=\"is-0-named-1\"",
            "Grad-CAM",
            "As training saw them",
            "Step over weights",
            "calibration error 40.0 %",
            "75.0 %",
            "2 answers, 90.0 % sure, 50.0 % right",
        ] {
            assert!(page.contains(part), "{part}");
        }
        assert_eq!(page.matches("class=\"bar\"").count(), 1);
    }

    #[test]
    fn values_that_are_not_finite_are_said_in_words() {
        let page = render(&sample(&[f64::NAN; 4])).unwrap();
        assert!(page.contains("No finite value to draw.") && page.contains("not a number"));
        let mixed = [f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 5e-324, -1e99, f64::NAN, 0.0];
        let page = render(&sample(&mixed)).unwrap();
        assert!(!page.contains("NaN") && !page.contains("inf\""));
        let mut report = sample(&mixed);
        report.rates = mixed.to_vec();
        render(&report).unwrap();
    }

    #[test]
    fn one_epoch_or_none_is_enough() {
        let page = render(&sample(&[0.5])).unwrap();
        assert!(page.contains("50.0 %") && page.contains("No picture was named wrongly."));
        let empty = render(&Report::default()).unwrap();
        assert!(empty.contains("no epoch was finished"));
        let ragged = Report { confusion: vec![vec![], vec![1, 2, 3]], ..sample(&[1.0]) };
        assert!(render(&ragged).unwrap().contains("class 2"));
        let cut = Report { rates: vec![1e-3; 3], steps_per_epoch: 100, ..Report::default() };
        assert!(render(&cut).unwrap().contains("0.0010"));
    }
}
