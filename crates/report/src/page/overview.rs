//! The top of the page: the leading figures and the curves.

use maud::{Markup, PreEscaped, html};

use super::axes::{self, Epochs, Measure};
use super::confusions::worst_pair;
use super::contents::{EpochRow, Report};
use super::curves::{self, Line, RATE, SERIES, TRAIN, VALIDATION};
use super::error::ReportError;
use super::words;
use taper_trainer::objective::Metric;

/// Index of the row with the lowest validation loss, whose network `checkpoint/best.safetensors`
/// is. NaN is skipped.
pub(super) fn best_epoch(history: &[EpochRow]) -> Option<usize> {
    let measured = history.iter().enumerate().filter(|(_, row)| !row.val_loss.is_nan());
    measured.min_by(|(_, a), (_, b)| a.val_loss.total_cmp(&b.val_loss)).map(|(index, _)| index)
}

/// The heading of the page with its leading figures.
pub(super) fn headline(report: &Report, best: Option<usize>) -> Markup {
    let (last, metric) = (report.history.last(), report.metric);
    let best = best.and_then(|index| report.history.get(index));
    let figure = |name: &str, value: String, note: String| {
        html! { div { dt { (name) } dd { strong { (value) } span { (note) } } } }
    };
    html! {
        header {
            p.mark { span.wedge aria-hidden="true" {} "Taper" span.note { "training report" } }
            h1 { (report.title) }
            dl.figures {
                @if let Some(row) = last {
                    (figure(words::heading(metric), words::measured(metric, row.val_accuracy),
                        format!("validation, after epoch {}", row.epoch)))
                    (figure("Loss", words::loss(row.val_loss),
                        format!("validation; training {}", words::loss(row.train_loss))))
                } @else {
                    (figure(words::heading(metric), "–".to_owned(), "no epoch was finished".to_owned()))
                }
                @if let Some(row) = best {
                    (figure("Best epoch", format!("{}", row.epoch),
                        match metric {
                            Metric::Accuracy => format!("lowest loss; {} of validation right", words::percent(row.val_accuracy)),
                            other => format!("lowest loss; {} {}", other.name(), words::measured(other, row.val_accuracy)),
                        }))
                }
                @if let Some((truth, predicted, count)) = worst_pair(report) {
                    (figure("Most confused", words::class_name(report, truth), format!(
                        "taken for {}: {}",
                        words::class_name(report, predicted),
                        words::pictures(count),
                    )))
                }
            }
        }
    }
}

/// The curves over the epochs, each in its card.
pub(super) fn charts(report: &Report, best: Option<usize>) -> Result<Markup, ReportError> {
    let points = |value: fn(&EpochRow) -> f64| {
        report.history.iter().map(|row| (row.epoch as f64, value(row))).collect::<Vec<_>>()
    };
    let line = |color, dots, value: fn(&EpochRow) -> f64| Line { color, dots, points: points(value) };
    let at_best = |value: fn(&EpochRow) -> f64| {
        best.and_then(|index| report.history.get(index)).map(|row| (row.epoch as f64, value(row)))
    };
    let rates = axes::rate_points(&report.history, &report.rates, report.steps_per_epoch);
    let axis = Epochs::new(&report.history, &rates);
    let chart = |name, measure, legend: &[(&str, &str)], lines: Vec<Line>, best| {
        Chart { name, axis: &axis, measure, legend, lines, best }.draw()
    };
    let log = |points: &[(f64, f64)]| points.iter().map(|(x, y)| (*x, y.log10())).collect();
    let updates = report.updates.iter().enumerate();
    let updates = updates.map(|(i, (_, points))| Line { color: series(i), dots: true, points: log(points) });
    let names: Vec<String> = (0..report.updates.len()).map(series_class).collect();
    let parts = names.iter().zip(&report.updates).map(|(class, (part, _))| (class.as_str(), part.as_str()));
    let parts: Vec<(&str, &str)> = parts.collect();
    let both = [("train", "training"), ("validation", "validation"), ("best", "best epoch")];
    let losses = vec![line(TRAIN, false, |row| row.train_loss), line(VALIDATION, true, |row| row.val_loss)];
    let accuracy = vec![line(VALIDATION, true, |row| row.val_accuracy)];
    let rate = vec![Line { color: RATE, dots: false, points: rates }];
    let scale = if report.metric == Metric::R2 { Measure::FromZero } else { Measure::Share };
    let rate_name = [("rate", "rate")];
    Ok(html! {
        (chart("Loss", Measure::FromZero, &both, losses, at_best(|row| row.val_loss))?)
        (chart(words::heading(report.metric), scale, &both[1..], accuracy, at_best(|row| row.val_accuracy))?)
        (chart("Learning rate", Measure::FromZero, &rate_name, rate, None)?)
        @if !report.updates.is_empty() {
            (chart("Step over weights", Measure::Log, &parts, updates.collect(), None)?)
        }
    })
}

/// The color of a line among several, and the class of its name.
pub(super) fn series(i: usize) -> plotters::style::RGBColor {
    SERIES[i % SERIES.len()]
}

pub(super) fn series_class(i: usize) -> String {
    format!("s{}", i % SERIES.len())
}

/// Lines over the epochs, in a card.
pub(super) struct Chart<'a> {
    pub(super) name: &'static str,
    pub(super) axis: &'a Epochs,
    pub(super) measure: Measure,
    /// Class and name of each line, and what else is in the picture.
    pub(super) legend: &'a [(&'a str, &'a str)],
    pub(super) lines: Vec<Line>,
    pub(super) best: Option<(f64, f64)>,
}

impl Chart<'_> {
    pub(super) fn draw(&self) -> Result<Markup, ReportError> {
        let Self { name, axis, measure, legend, lines, best } = self;
        let svg = curves::draw(name, axis, *measure, lines, *best)?;
        let field = curves::FIELD.map(|side| side.to_string()).join(" ");
        let span = format!("{} {}", axis.range.start, axis.range.end);
        Ok(html! {
            figure.card.chart {
                figcaption {
                    h3 { (name) span.note { "by epoch" } }
                    @if svg.is_some() { span.legend { @for (class, text) in *legend {
                        span class=(class) { (text) }
                    } } }
                }
                @if let Some(svg) = svg {
                    div.plot role="img" aria-label={ (name) " by epoch" } data-field=(field) data-span=(span)
                        data-lines=(self.data()) { (PreEscaped(svg)) }
                } @else {
                    p.empty { "No finite value to draw." }
                }
            }
        })
    }

    /// The lines as JSON, for the values under the pointer.
    fn data(&self) -> String {
        let value = |y: f64| match self.measure {
            Measure::Share => format!("{:.1} %", 100.0 * y),
            Measure::Log => format!("{:.1e}", 10f64.powf(y)),
            Measure::FromZero if y != 0.0 && y.abs() < 1e-2 => format!("{y:.1e}"),
            Measure::FromZero => format!("{y:.3}"),
        };
        let line = |(line, (_, name)): (&Line, &(&str, &str))| {
            let points = line.points.iter().filter(|(_, y)| self.measure.shows(*y));
            let points: Vec<(f64, String)> = points.map(|&(x, y)| (x, value(y))).collect();
            serde_json::json!({"name": name, "points": points})
        };
        serde_json::Value::Array(self.lines.iter().zip(self.legend).map(line).collect()).to_string()
    }
}
