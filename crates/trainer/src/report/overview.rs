//! The top of the page: the leading figures and the curves.

use maud::{Markup, PreEscaped, html};

use super::axes::{self, Epochs, Measure};
use super::curves::{self, Line, RATE, TRAIN, VALIDATION};
use super::{EpochRow, Report, ReportError, tables};

/// Index of the row with the highest accuracy, the lowest loss deciding between equals.
pub(super) fn best_epoch(history: &[EpochRow]) -> Option<usize> {
    let key = |&(_, row): &(usize, &EpochRow)| (row.val_accuracy, -row.val_loss);
    let measured = history.iter().enumerate().filter(|(_, row)| row.val_accuracy.is_finite());
    let best = measured.reduce(|best, next| {
        let ((a, b), (c, d)) = (key(&best), key(&next));
        if c > a || (c == a && d > b) { next } else { best }
    });
    best.map(|(index, _)| index)
}

/// The heading of the page with its leading figures.
pub(super) fn headline(report: &Report, best: Option<usize>) -> Markup {
    let last = report.history.last();
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
                    (figure("Accuracy", tables::percent(row.val_accuracy),
                        format!("validation, after epoch {}", row.epoch)))
                    (figure("Loss", tables::loss(row.val_loss),
                        format!("validation; training {}", tables::loss(row.train_loss))))
                } @else {
                    (figure("Accuracy", "–".to_owned(), "no epoch was finished".to_owned()))
                }
                @if let Some(row) = best {
                    (figure("Best epoch", format!("{}", row.epoch),
                        format!("{} of validation right", tables::percent(row.val_accuracy))))
                }
                @if let Some((truth, predicted, count)) = tables::worst_pair(report) {
                    (figure("Most confused", tables::class_name(report, truth), format!(
                        "taken for {}: {}",
                        tables::class_name(report, predicted),
                        tables::pictures(count),
                    )))
                }
            }
        }
    }
}

/// The curves over the epochs, each in its card.
pub(super) fn charts(report: &Report, best: Option<usize>) -> Result<Markup, ReportError> {
    let line = |colour, dots, value: fn(&EpochRow) -> f64| Line {
        colour,
        dots,
        points: report.history.iter().map(|row| (row.epoch as f64, value(row))).collect(),
    };
    let at_best = |value: fn(&EpochRow) -> f64| {
        best.and_then(|index| report.history.get(index)).map(|row| (row.epoch as f64, value(row)))
    };
    let points = axes::rate_points(&report.history, &report.rates, report.steps_per_epoch);
    let axis = Epochs::new(&report.history, &points);
    let (zero, share) = (Measure::FromZero, Measure::Share);
    let losses = [line(TRAIN, false, |row| row.train_loss), line(VALIDATION, true, |row| row.val_loss)];
    let accuracy = [line(VALIDATION, true, |row| row.val_accuracy)];
    let rate = [Line { colour: RATE, dots: false, points }];
    let losses = curves::draw("loss", &axis, zero, &losses, at_best(|row| row.val_loss))?;
    let accuracy = curves::draw("accuracy", &axis, share, &accuracy, at_best(|row| row.val_accuracy))?;
    let rate = curves::draw("learning rate", &axis, zero, &rate, None)?;
    let both = [("train", "training"), ("validation", "validation"), ("best", "best epoch")];
    Ok(html! {
        (chart("Loss", &both, losses))
        (chart("Accuracy", &both[1..], accuracy))
        (chart("Learning rate", &[], rate))
    })
}

fn chart(name: &str, legend: &[(&str, &str)], svg: Option<String>) -> Markup {
    html! {
        figure.card.chart {
            figcaption {
                h3 { (name) span.note { "by epoch" } }
                @if svg.is_some() { span.legend { @for (class, text) in legend {
                    span class=(class) { (text) }
                } } }
            }
            @if let Some(svg) = svg {
                div.plot role="img" aria-label={ (name) " by epoch" } { (PreEscaped(svg)) }
            } @else {
                p.empty { "No finite value to draw." }
            }
        }
    }
}
