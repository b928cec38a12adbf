//! The parts of the page that are tables: classes and epochs.

use maud::{Markup, html};

use super::contents::Report;
use super::words::{class_name, loss, measured, percent};
use taper_trainer::evaluate::metrics::Reliability;

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

/// Bars as high as the share of answers that are right, beside where they would end if
/// probabilities were.
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
pub(super) fn epochs(report: &Report, best: Option<usize>) -> Markup {
    let Report { metric, history, .. } = report;
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
                        th scope="col" { "Validation " (metric.name()) }
                    } }
                    tbody { @for (index, row) in history.iter().enumerate() {
                        tr.best[best == Some(index)] {
                            th scope="row" { (row.epoch) }
                            td.text { (row.phase) }
                            td { (loss(row.train_loss)) }
                            td { (loss(row.val_loss)) }
                            td {
                                (measured(*metric, row.val_accuracy))
                                @if best == Some(index) { span.note { "best" } }
                            }
                        }
                    } }
                }
            }
        }
    }
}
