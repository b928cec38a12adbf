//! The parts of the page that are pictures: mistakes, the pictures behind a number of the confusion
//! matrix, augmentation.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};

use super::contents::{Mistake, Report, Thumb};
use super::words::{class_name, meter, percent, pictures};
use taper_trainer::objective::Metric;

/// The anchor of the pictures of a cell.
pub(super) fn cell_name(truth: usize, predicted: usize) -> String {
    format!("is-{truth}-named-{predicted}")
}

fn source(jpeg: &[u8]) -> String {
    format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg))
}

fn thumbs(thumbs: &[Thumb]) -> Markup {
    html! { ul.thumbs { @for thumb in thumbs { li {
        img src=(source(&thumb.jpeg)) alt=(thumb.name) title=(thumb.name) decoding="async";
    } } } }
}

/// The pictures behind the numbers of the confusion matrix, each shown when its number is chosen.
pub(super) fn cells(report: &Report) -> Markup {
    html! {
        div.cells aria-live="polite" { @for (&(truth, predicted), shown) in &report.confused {
            @let all = report.confusion.get(truth).and_then(|row| row.get(predicted)).copied().unwrap_or(shown.len());
            div.card.cell id=(cell_name(truth, predicted)) {
                h3 {
                    (class_name(report, truth)) " named " (class_name(report, predicted))
                    span.note { (pictures(all)) @if shown.len() < all { ", the first " (shown.len()) } }
                    a.close href="#confusions" { "close" }
                }
                (thumbs(shown))
            }
        } }
    }
}

/// The pictures that were named wrongly, in the order given.
pub(super) fn mistakes(metric: Metric, mistakes: &[Mistake]) -> Markup {
    let (none, lead) = match metric {
        Metric::Accuracy => ("No picture was named wrongly.", "The wrong answers that the network was surest of."),
        Metric::Map => {
            ("No picture was named wrongly.", "Pictures with a wrong label, those with the largest loss first.")
        }
        Metric::R2 => ("There is no picture.", "Pictures whose numbers are farthest from what was said."),
    };
    let heat = mistakes.iter().any(|mistake| !mistake.heat.is_empty());
    html! {
        section {
            h2 { "Worst mistakes" }
            @if mistakes.is_empty() {
                p.empty { (none) }
            } @else {
                p.lead { (lead) }
                @if heat {
                    label.switch {
                        input type="checkbox" id="heat";
                        "light up the places that speak for the answer (Grad-CAM)"
                    }
                }
                ul.mistakes { @for mistake in mistakes { li.card {
                    div.picture {
                        img src=(source(&mistake.jpeg)) alt={ "A picture of " (mistake.truth) } decoding="async";
                        @if !mistake.heat.is_empty() {
                            img.heat src=(source(&mistake.heat)) alt={ "What speaks for " (mistake.predicted) } decoding="async";
                        }
                    }
                    dl {
                        dt { "is" } dd { (mistake.truth) }
                        dt { "named" } dd.wrong { (mistake.predicted) }
                    }
                    @if let Some(sure) = mistake.confidence {
                        div.confidence {
                            (meter(sure, "wrong"))
                            span { (percent(sure)) " sure" }
                        }
                    }
                    p.path title=(mistake.path) { bdi { (mistake.path) } }
                } } }
            }
        }
    }
}

/// Training pictures as they are, and beside each what training made of it.
pub(super) fn augmented(rows: &[Vec<Thumb>]) -> Markup {
    html! {
        @if !rows.is_empty() {
            section {
                h2 { "As training saw them" }
                p.lead { "On the left a training picture, then what augmentation made of it." }
                div.card.augmented { @for row in rows { (thumbs(row)) } }
            }
        }
    }
}
