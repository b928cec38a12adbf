//! The parts of the page that are tables: confusions, classes, epochs.

use maud::{Markup, html};

use super::{EpochRow, Report, gallery};
use taper_trainer::evaluate::metrics::Reliability;

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
                                    @let pictures = report.confused.contains_key(&(truth, predicted));
                                    @let link = pictures.then(|| gallery::cell_name(truth, predicted));
                                    (cell(count(report, truth, predicted), whole, truth == predicted, link))
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
                (gallery::cells(report))
            }
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

pub(super) fn meter(share: f64, kind: &str) -> Markup {
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    html! { span.meter aria-hidden="true" {
        span class=(kind) style={ "width:" (format!("{:.1}", share * 100.0)) "%" } {}
    } }
}

/// Precision, recall and the like of every class, and how far the probabilities can be trusted.
pub(super) fn scores(report: &Report) -> Markup {
    // Of a class without pictures nothing is known.
    let share = |value: f64, pictures: usize| html! { td { (percent(if pictures > 0 { value } else { f64::NAN })) } };
    html! {
        @if !report.scores.is_empty() || report.reliability.is_some() {
            section {
                h2 { "Classes and calibration" }
                p.lead {
                    "Precision: of what was named so, the share that is right. Recall: of what is so, the share that was found. AUC: how \
                     often a picture of the class gets a higher probability for it than another."
                }
                div.split.even {
                    div.card.scroll tabindex="0" role="region" aria-label="Scores of every class" {
                        table.epochs.scores {
                            thead { tr {
                                th scope="col" { "Class" } th scope="col" { "Precision" } th scope="col" { "Recall" }
                                th scope="col" { "F1" } th scope="col" { "AUC" } th scope="col" { "Pictures" }
                            } }
                            tbody { @for (class, score) in report.scores.iter().enumerate() { tr {
                                th.text scope="row" { (class_name(report, class)) }
                                (share(score.precision, score.pictures)) (share(score.recall, score.pictures))
                                (share(score.f1, score.pictures))
                                td { @if let Some(auc) = score.auc { (format!("{auc:.3}")) } @else { "–" } }
                                td { (score.pictures) }
                            } } }
                        }
                    }
                    @if let Some(found) = &report.reliability { (reliability(found)) }
                }
            }
        }
    }
}

/// Bars as high as the share of answers that are right, beside where they would end if probabilities were.
fn reliability(found: &Reliability) -> Markup {
    let width = 100.0 / found.bins.len().max(1) as f64;
    html! {
        figure.card.reliability {
            figcaption {
                h3 { "Reliability" span.note { "calibration error " (percent(found.error)) } }
            }
            div.bars role="img" aria-label="Share of right answers by their probability" {
                @for (i, (count, probability, right)) in found.bins.iter().enumerate() {
                    @if *count > 0 {
                        span.bar title={ (count) " answers, " (percent(*probability)) " sure, " (percent(*right)) " right" }
                            style={ "left:" (format!("{:.2}", i as f64 * width)) "%;width:" (format!("{:.2}", width)) "%;height:"
                                (format!("{:.1}", 100.0 * right)) "%" } {}
                        span.wanted style={ "left:" (format!("{:.2}", i as f64 * width)) "%;width:" (format!("{:.2}", width))
                            "%;bottom:" (format!("{:.1}", 100.0 * probability)) "%" } {}
                    }
                }
            }
            p.note { "From 0 to 100 %: bars are the share of right answers of each probability, lines the probability itself." }
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
