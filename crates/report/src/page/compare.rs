//! Several runs on one page.

use maud::{Markup, html};

use super::axes::{Epochs, Measure};
use super::contents::EpochRow;
use super::curves::Line;
use super::error::ReportError;
use super::frame::page;
use super::overview::{Chart, series, series_class};
use super::words::{heading, loss, measured};
use taper_trainer::objective::Metric;

/// A run beside others.
#[derive(Clone, Debug, Default)]
pub struct Compared {
    /// Its name.
    pub name: String,
    /// One row for every epoch.
    pub history: Vec<EpochRow>,
    /// What the network that it left is judged by.
    pub metric: Metric,
    /// The value of that.
    pub accuracy: f64,
    /// Validation loss, nats.
    pub loss: f64,
    /// Time in all, seconds.
    pub seconds: f64,
    /// Every setting of its recipe, by place.
    pub settings: Vec<(String, String)>,
}

/// Renders runs beside each other as one self-contained HTML page: what came out, in what their
/// recipes differ, and their curves.
///
/// # Errors
/// [`ReportError::Chart`] if a chart cannot be drawn.
pub fn compare(runs: &[Compared]) -> Result<String, ReportError> {
    let longest = runs.iter().map(|run| &run.history).max_by_key(|history| history.len());
    // Phases differ between runs: their names would stand over the wrong epochs.
    let plain = longest.into_iter().flatten().map(|row| EpochRow { phase: String::new(), ..row.clone() });
    let axis = Epochs::new(&plain.collect::<Vec<_>>(), &[]);
    let classes: Vec<String> = (0..runs.len()).map(series_class).collect();
    let legend: Vec<(&str, &str)> =
        classes.iter().zip(runs).map(|(class, run)| (class.as_str(), run.name.as_str())).collect();
    let chart = |name, measure, value: fn(&EpochRow) -> f64| {
        let line = |(i, run): (usize, &Compared)| Line {
            color: series(i),
            dots: false,
            points: run.history.iter().map(|row| (row.epoch as f64, value(row))).collect(),
        };
        let lines = runs.iter().enumerate().map(line).collect();
        Chart { name, axis: &axis, measure, legend: &legend, lines, best: None }.draw()
    };
    let (chart_name, scale) = match runs.first().map_or(Metric::Accuracy, |run| run.metric) {
        Metric::Accuracy => ("Validation accuracy", Measure::Share),
        Metric::Map => ("Validation mAP", Measure::Share),
        Metric::R2 => ("Validation R2", Measure::FromZero),
    };
    let content = html! {
        header {
            p.mark { span.wedge aria-hidden="true" {} "Taper" span.note { "comparison" } }
            h1 { (runs.len()) " runs" }
        }
        section {
            (results(runs, &classes))
        }
        section.charts aria-label="Curves" {
            (chart(chart_name, scale, |row| row.val_accuracy)?)
            (chart("Validation loss", Measure::FromZero, |row| row.val_loss)?)
            (chart("Training loss", Measure::FromZero, |row| row.train_loss)?)
        }
        section {
            h2 { "In what they differ" }
            (settings(runs))
        }
    };
    Ok(page("comparison", &content))
}

/// What came out of each run.
fn results(runs: &[Compared], classes: &[String]) -> Markup {
    let finite = runs.iter().enumerate().filter(|(_, run)| run.accuracy.is_finite());
    let best = finite.max_by(|(_, a), (_, b)| a.accuracy.total_cmp(&b.accuracy)).map(|(i, _)| i);
    html! {
        div.card.scroll tabindex="0" role="region" aria-label="What came out" {
            table.epochs.scores {
                thead { tr {
                    th scope="col" { "Run" } th scope="col" { (heading(runs.first().map_or(Metric::Accuracy, |run| run.metric))) } th scope="col" { "Loss" } th scope="col" { "Epochs" }
                    th scope="col" { "Seconds" }
                } }
                tbody { @for (i, run) in runs.iter().enumerate() { tr.best[best == Some(i)] {
                    th.text scope="row" { span.legend { span class=(classes[i]) { (run.name) } } }
                    td { (measured(run.metric, run.accuracy)) }
                    td { (loss(run.loss)) }
                    td { (run.history.len()) }
                    td { (format!("{:.0}", run.seconds)) }
                } } }
            }
        }
    }
}

/// The settings in which the runs differ.
fn settings(runs: &[Compared]) -> Markup {
    let differences = differences(runs);
    html! {
        @if differences.is_empty() {
            p.empty { "Their recipes are the same." }
        } @else {
            div.card.scroll tabindex="0" role="region" aria-label="Settings that differ" {
                table.epochs.scores {
                    thead { tr {
                        th scope="col" { "Setting" }
                        @for run in runs { th scope="col" { (run.name) } }
                    } }
                    tbody { @for (place, values) in &differences { tr {
                        th.text scope="row" { (place) }
                        @for value in values { td { (value) } }
                    } } }
                }
            }
        }
    }
}

/// The settings that not all runs have alike, with the value of each; a dash where a run does not
/// say.
fn differences(runs: &[Compared]) -> Vec<(String, Vec<String>)> {
    let mut places: Vec<&String> = runs.iter().flat_map(|run| &run.settings).map(|(place, _)| place).collect();
    places.sort();
    places.dedup();
    let value = |run: &Compared, place: &String| {
        let found = run.settings.iter().find(|(name, _)| name == place);
        found.map_or("–".to_owned(), |(_, value)| value.clone())
    };
    let row = |place: &String| (place.clone(), runs.iter().map(|run| value(run, place)).collect::<Vec<_>>());
    places.into_iter().map(row).filter(|(_, values)| values.iter().any(|value| *value != values[0])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_shown_and_what_does_not_is_not() {
        let run = |name: &str, rate: &str, epochs: usize| Compared {
            name: name.into(),
            history: (1..=epochs).map(|epoch| EpochRow { epoch, val_accuracy: 0.5, ..EpochRow::default() }).collect(),
            accuracy: 0.5,
            settings: vec![("optimize.lr".into(), rate.into()), ("seed".into(), "0".into())],
            ..Compared::default()
        };
        let page = compare(&[run("a<b", "0.1", 2), run("c", "0.2", 4)]).unwrap();
        assert!(page.contains("a&lt;b") && page.contains("optimize.lr") && !page.contains("<td>seed"));
        assert!(page.contains(">0.2<") && !page.contains(">seed<"));
        assert!(compare(&[]).is_ok());
    }
}
