//! The parts of the page that are tables and pictures: confusions, mistakes, epochs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};

use super::{EpochRow, Mistake, Report};

/// A share of 0 to 1 in per cent, or a dash where there is none.
pub(super) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.1} %", share * 100.0) } else { "–".to_owned() }
}

/// A loss with a fixed number of places; what is not finite is said in words.
pub(super) fn loss(value: f64) -> String {
    match value {
        value if value.is_nan() => "not a number".to_owned(),
        value if value.is_infinite() => "infinite".to_owned(),
        value if value.abs() >= 1e5 => format!("{value:.2e}"),
        value => format!("{value:.3}"),
    }
}

/// A picture count with its noun.
pub(super) fn pictures(count: usize) -> String {
    format!("{count} picture{}", if count == 1 { "" } else { "s" })
}

/// Name of a class, or its number where the report names fewer classes than it counts.
pub(super) fn class_name(report: &Report, class: usize) -> String {
    report.classes.get(class).cloned().unwrap_or_else(|| format!("class {class}"))
}

fn count(report: &Report, truth: usize, predicted: usize) -> usize {
    report.confusion.get(truth).and_then(|row| row.get(predicted)).copied().unwrap_or(0)
}

fn class_count(report: &Report) -> usize {
    let widest = report.confusion.iter().map(Vec::len).max().unwrap_or(0);
    report.classes.len().max(report.confusion.len()).max(widest)
}

/// The confusion that happened most often, as truth, prediction and count.
pub(super) fn worst_pair(report: &Report) -> Option<(usize, usize, usize)> {
    let mut worst: Option<(usize, usize, usize)> = None;
    for (truth, row) in report.confusion.iter().enumerate() {
        for (predicted, &count) in row.iter().enumerate() {
            if truth != predicted && count > worst.map_or(0, |(_, _, most)| most) {
                worst = Some((truth, predicted, count));
            }
        }
    }
    worst
}

/// The confusion matrix with the accuracy of every class beside it, worst class first.
pub(super) fn confusion(report: &Report) -> Markup {
    let size = class_count(report);
    let total = |truth: usize| (0..size).map(|p| count(report, truth, p)).sum::<usize>();
    let all: usize = (0..size).map(total).sum();
    let right: usize = (0..size).map(|class| count(report, class, class)).sum();
    let share = |class: usize| count(report, class, class) as f64 / total(class) as f64;
    let mut order: Vec<usize> = (0..size).filter(|&class| total(class) > 0).collect();
    order.sort_by(|&a, &b| share(a).total_cmp(&share(b)));
    html! {
        section {
            h2 { "Confusions" }
            @if all == 0 {
                p.empty { "No validation pictures were counted." }
            } @else {
                p.lead {
                    (right) " of " (pictures(all)) " right. Each row is a true class; "
                    "the shade of a cell is its share of the row, "
                    span.key.right { "blue" } " for right and "
                    span.key.wrong { "orange" } " for wrong."
                }
                div.split {
                    div.card.matrix tabindex="0" role="region" aria-label="Confusion matrix" {
                        table {
                            thead { tr {
                                td.corner { span { "true ↓" } span { "predicted →" } }
                                @for class in 0..size {
                                    th scope="col" title=(class_name(report, class)) {
                                        span { (class_name(report, class)) }
                                    }
                                }
                            } }
                            tbody { @for truth in 0..size { tr {
                                th scope="row" title=(class_name(report, truth)) {
                                    (class_name(report, truth))
                                }
                                @let whole = total(truth);
                                @for predicted in 0..size {
                                    (cell(count(report, truth, predicted), whole, truth == predicted))
                                }
                            } } }
                        }
                    }
                    div.card.classes tabindex="0" role="region" aria-label="Accuracy by class" {
                        h3 { "Accuracy by class" span.note { "weakest first" } }
                        ol { @for class in order { li {
                            span.name { (class_name(report, class)) }
                            span.value { (percent(share(class))) }
                            (meter(share(class), "right"))
                            span.note {
                                (count(report, class, class)) " of " (total(class))
                            }
                        } } }
                    }
                }
            }
        }
    }
}

fn cell(count: usize, whole: usize, right: bool) -> Markup {
    // A root lifts the small shares, which are where the confusions are.
    let shade = (count as f64 / whole.max(1) as f64).powf(0.6).clamp(0.12, 1.0);
    let deep = if shade > 0.55 { " deep" } else { "" };
    html! {
        @if count > 0 {
            td class={ (if right { "right" } else { "wrong" }) (deep) }
                style={ "--share:" (format!("{shade:.2}")) } { (count) }
        } @else if right {
            td.zero { "0" }
        } @else {
            td {}
        }
    }
}

fn meter(share: f64, kind: &str) -> Markup {
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    html! { span.meter aria-hidden="true" {
        span class=(kind) style={ "width:" (format!("{:.1}", share * 100.0)) "%" } {}
    } }
}

/// The pictures that were named wrongly, in the order given.
pub(super) fn mistakes(mistakes: &[Mistake]) -> Markup {
    html! {
        section {
            h2 { "Worst mistakes" }
            @if mistakes.is_empty() {
                p.empty { "No picture was named wrongly." }
            } @else {
                p.lead { "The wrong answers that the network was surest of." }
                ul.mistakes { @for mistake in mistakes { li.card {
                    div.picture {
                        img src={ "data:image/png;base64," (STANDARD.encode(&mistake.png)) }
                            alt={ "A picture of the class " (mistake.truth) } loading="lazy";
                    }
                    dl {
                        dt { "is" } dd { (mistake.truth) }
                        dt { "named" } dd.wrong { (mistake.predicted) }
                    }
                    div.confidence {
                        (meter(mistake.confidence, "wrong"))
                        span { (percent(mistake.confidence)) " sure" }
                    }
                    p.path title=(mistake.path) { bdi { (mistake.path) } }
                } } }
            }
        }
    }
}

/// The numbers of every epoch behind the curves.
pub(super) fn epochs(history: &[EpochRow], best: Option<usize>) -> Markup {
    html! {
        details.card {
            summary { "Numbers of every epoch" }
            div.scroll tabindex="0" role="region" aria-label="Numbers of every epoch" {
                table.epochs {
                    thead { tr {
                        th scope="col" { "Epoch" }
                        th scope="col" { "Phase" }
                        th scope="col" { "Training loss" }
                        th scope="col" { "Validation loss" }
                        th scope="col" { "Validation accuracy" }
                    } }
                    tbody { @for (index, row) in history.iter().enumerate() {
                        tr.best[best == Some(index)] {
                            th scope="row" { (row.epoch) }
                            td.text { (row.phase) }
                            td { (loss(row.train_loss)) }
                            td { (loss(row.val_loss)) }
                            td {
                                (percent(row.val_accuracy))
                                @if best == Some(index) { span.note { "best" } }
                            }
                        }
                    } }
                }
            }
        }
    }
}
