//! The confusion matrix, and the accuracy of every class.

use maud::{Markup, html};

use super::contents::Report;
use super::gallery;
use super::words::{class_name, meter, percent, pictures};

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
pub(super) fn confusions(report: &Report) -> Markup {
    let size = class_count(report);
    let all: usize = (0..size).map(|truth| total(report, truth)).sum();
    let right: usize = (0..size).map(|class| count(report, class, class)).sum();
    html! {
        section id="confusions" {
            h2 { "Confusions" }
            @if all == 0 {
                p.empty { "No validation pictures were counted." }
            } @else {
                p.lead {
                    (right) " of " (pictures(all)) " right. Each row is a true class; "
                    "the shade of a cell is its share of the row, "
                    span.key.right { "blue" } " for right and "
                    span.key.wrong { "orange" } " for wrong."
                    @if !report.confused.is_empty() { " Choose an orange number to see its pictures." }
                }
                div.split {
                    (matrix(report))
                    (classes(report))
                }
                (gallery::cells(report))
            }
        }
    }
}

/// The counts of a true class, over all that it was named.
fn total(report: &Report, truth: usize) -> usize {
    (0..class_count(report)).map(|predicted| count(report, truth, predicted)).sum()
}

/// A row for every true class, a column for every class that was named.
fn matrix(report: &Report) -> Markup {
    let size = class_count(report);
    html! {
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
                    @let whole = total(report, truth);
                    @for predicted in 0..size {
                        @let pictures = report.confused.contains_key(&(truth, predicted));
                        @let link = pictures.then(|| gallery::cell_name(truth, predicted));
                        (cell(count(report, truth, predicted), whole, truth == predicted, link))
                    }
                } } }
            }
        }
    }
}

/// The accuracy of every class, worst class first.
fn classes(report: &Report) -> Markup {
    let share = |class: usize| count(report, class, class) as f64 / total(report, class) as f64;
    let mut order: Vec<usize> = (0..class_count(report)).filter(|&class| total(report, class) > 0).collect();
    order.sort_by(|&a, &b| share(a).total_cmp(&share(b)));
    html! {
        div.card.classes tabindex="0" role="region" aria-label="Accuracy by class" {
            h3 { "Accuracy by class" span.note { "weakest first" } }
            ol { @for class in order { li {
                span.name { (class_name(report, class)) }
                span.value { (percent(share(class))) }
                (meter(share(class), "right"))
                span.note {
                    (count(report, class, class)) " of " (total(report, class))
                }
            } } }
        }
    }
}

fn cell(count: usize, whole: usize, right: bool, link: Option<String>) -> Markup {
    // A root lifts the small shares, which are where the confusions are.
    let shade = (count as f64 / whole.max(1) as f64).powf(0.6).clamp(0.12, 1.0);
    let deep = if shade > 0.55 { " deep" } else { "" };
    html! {
        @if count > 0 {
            td class={ (if right { "right" } else { "wrong" }) (deep) }
                style={ "--share:" (format!("{shade:.2}")) } {
                @if let Some(name) = link { a href={ "#" (name) } { (count) } } @else { (count) }
            }
        } @else if right {
            td.zero { "0" }
        } @else {
            td {}
        }
    }
}
