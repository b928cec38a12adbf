//! The report of a training run: one HTML file that needs nothing beside itself.
//!
//! [`render`] turns the numbers of a run into a page with its curves, its confusion matrix and its
//! worst mistakes, and [`compare`] those of several. Style, charts and pictures are all inside the file. A script of its own zooms
//! into curves; without it the page says the same.

pub(crate) mod axes;
mod compare;
mod curves;
mod gallery;
pub mod of_run;
mod overview;
mod tables;

use std::collections::BTreeMap;
use std::fmt;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use taper_trainer::evaluate::metrics::{ClassScore, Reliability};

pub use self::compare::{Compared, compare};

/// Everything that the report of a run shows.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Heading of the page, for example the name of the data set.
    pub title: String,
    /// The command line that started the run.
    pub command: String,
    /// Name of the network.
    pub model: String,
    /// Name or short description of the training plan.
    pub plan: String,
    /// Seed of the run's random streams.
    pub seed: u64,
    /// Further facts as name and value, shown in this order.
    pub facts: Vec<(String, String)>,
    /// Names of the classes, in the order of the confusion matrix.
    pub classes: Vec<String>,
    /// One row for every finished epoch.
    pub history: Vec<EpochRow>,
    /// Learning rate of every step.
    pub rates: Vec<f64>,
    /// Number of steps in an epoch.
    pub steps_per_epoch: usize,
    /// Counts of validation pictures: a row for every true class, a column for every prediction.
    pub confusion: Vec<Vec<usize>>,
    /// Precision, recall and the like of every class.
    pub scores: Vec<ClassScore>,
    /// How often answers of each probability are right.
    pub reliability: Option<Reliability>,
    /// Length of the last step of an epoch over that of the weights: by part of the network, epochs and values.
    pub updates: Vec<(String, Vec<(f64, f64)>)>,
    /// Pictures named wrongly, the surest first.
    pub mistakes: Vec<Mistake>,
    /// Small pictures of what was named wrongly, by true and given class.
    pub confused: BTreeMap<(usize, usize), Vec<Thumb>>,
    /// Training pictures, each as it is and as training saw it.
    pub augmented: Vec<Vec<Thumb>>,
    /// The full recipe of the run in TOML.
    pub recipe_toml: String,
}

/// What was measured in one epoch.
#[derive(Clone, Debug, Default)]
pub struct EpochRow {
    /// Number of the epoch, counted through all phases from 1.
    pub epoch: usize,
    /// Name of the phase that the epoch belongs to.
    pub phase: String,
    /// Mean loss over the training pictures.
    pub train_loss: f64,
    /// Mean loss over the validation pictures.
    pub val_loss: f64,
    /// Share of the validation pictures named rightly, from 0 to 1.
    pub val_accuracy: f64,
}

/// A small picture.
#[derive(Clone, Debug, Default)]
pub struct Thumb {
    /// What it is, as the reader should see it.
    pub name: String,
    /// The picture as the bytes of a JPEG file.
    pub jpeg: Vec<u8>,
}

/// A validation picture that was named wrongly.
#[derive(Clone, Debug, Default)]
pub struct Mistake {
    /// Where the picture comes from, as the reader should see it.
    pub path: String,
    /// The picture as the bytes of a JPEG file.
    pub jpeg: Vec<u8>,
    /// The same with the places that speak for the answer lit up; empty where they are not known.
    pub heat: Vec<u8>,
    /// Name of its true class.
    pub truth: String,
    /// Name of the class that the network gave.
    pub predicted: String,
    /// Probability that the network gave to its answer, from 0 to 1.
    pub confidence: f64,
}

/// Why a report could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReportError {
    /// A chart could not be drawn.
    Chart {
        /// Heading of the chart.
        name: &'static str,
        /// What the drawing library said.
        reason: String,
    },
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chart { name, reason } => write!(f, "cannot draw the chart of {name}: {reason}"),
        }
    }
}

impl std::error::Error for ReportError {}

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
        (tables::confusion(report))
        (tables::scores(report))
        (gallery::mistakes(&report.mistakes))
        (gallery::augmented(&report.augmented))
        section {
            h2 { "To run it again" }
            pre.card.command { code { (report.command) } }
            details.card {
                summary { "Recipe" }
                pre.scroll tabindex="0" { code { (report.recipe_toml) } }
            }
            (tables::epochs(&report.history, best))
        }
    };
    Ok(page(&report.title, &content))
}

/// The whole page around its content.
fn page(title: &str, content: &Markup) -> String {
    whole(title, [include_str!("style.css"), include_str!("zoom.js")], content)
}

/// A page that needs nothing beside itself, with its style and its script.
pub fn whole(title: &str, [style, script]: [&str; 2], content: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " – Taper" }
                link rel="icon" href="data:,";
                style { (PreEscaped(style)) }
            }
            body {
                main { (content) }
                script { (PreEscaped(script)) }
            }
        }
    };
    page.into_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
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
