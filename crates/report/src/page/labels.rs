//! The parts of the page about several labels a picture, and about numbers.

use maud::{Markup, html};
use taper_trainer::evaluate::number_metrics::NumberScore;

use super::axes::{multiples, nice_step, number};
use super::contents::{NumberAnswers, Report};
use super::words::{class_name, percent};

/// The side of a scatter plot and its margins (left and below, right and above), units.
const SIDE: f64 = 320.0;
const BESIDE: f64 = 52.0;
const ABOVE: f64 = 12.0;

/// The scores of every label, and of all answers.
pub(super) fn labels(report: &Report) -> Markup {
    let Some(scores) = &report.labels else { return html! {} };
    html! {
        section {
            h2 { "Labels" }
            p.lead {
                "AP: how early the pictures with a label come when all are sorted by its probability; mAP is their mean. A label is taken \
                 to be there from its threshold on, which gives the highest F1 on these pictures and so flatters it."
            }
            p.lead {
                "F1 of all answers " (percent(scores.micro_f1)) ", the mean of the labels' " (percent(scores.macro_f1)) "; "
                (percent(scores.hamming_loss)) " of answers wrong, " (percent(scores.exact_match)) " of pictures without a wrong one."
            }
            div.card.scroll tabindex="0" role="region" aria-label="Scores of every label" {
                table.epochs.scores {
                    thead { tr {
                        th scope="col" { "Label" } th scope="col" { "AP" } th scope="col" { "Precision" } th scope="col" { "Recall" }
                        th scope="col" { "F1" } th scope="col" { "Threshold" } th scope="col" { "Pictures" }
                    } }
                    tbody { @for (label, score) in scores.labels.iter().enumerate() { tr {
                        // Of a label that no picture has nothing is known.
                        @let known = |share: f64| percent(if score.pictures > 0 { share } else { f64::NAN });
                        th.text scope="row" { (class_name(report, label)) }
                        td { (percent(score.average_precision.unwrap_or(f64::NAN))) }
                        td { (known(score.precision)) } td { (known(score.recall)) } td { (known(score.f1)) }
                        td { (format!("{:.3}", score.threshold)) }
                        td { (score.pictures) }
                    } } }
                }
            }
        }
    }
}

/// How far the answers are from every number, with a plot of both.
pub(super) fn numbers(report: &Report) -> Markup {
    html! {
        @if !report.numbers.is_empty() {
            section {
                h2 { "Numbers" }
                p.lead {
                    "A dot is a validation picture: along, what it is; up, what was said. On the line both are the same. R2 is the share of the \
                     variance that the answers explain."
                }
                div.charts { @for (i, answers) in report.numbers.iter().enumerate() {
                    @let NumberScore { mae, rmse, r2 } = answers.score;
                    figure.card.chart {
                        figcaption { h3 {
                            (class_name(report, i))
                            span.note { "R2 " (format!("{r2:.3}")) ", mean error " (format!("{mae:.4}")) ", root mean square " (format!("{rmse:.4}")) }
                        } }
                        (scatter(answers))
                    }
                } }
            }
        }
    }
}

/// What was said over what is, on axes of the same extent.
fn scatter(answers: &NumberAnswers) -> Markup {
    let finite = || answers.points.iter().filter(|point| point.iter().all(|value| value.is_finite()));
    let values = || finite().flatten().copied();
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    if low > high {
        return html! { p.empty { "No finite value to draw." } };
    }
    // Around a single value there is room for a tick on both sides.
    let slack = if high > low { 0.05 * (high - low) } else { 0.5 * low.abs().max(1.0) };
    let (low, high) = (low - slack, high + slack);
    let share = |value: f64| (value - low) / (high - low);
    let along = |value: f64| format!("{:.1}", BESIDE + share(value) * SIDE);
    let up = |value: f64| format!("{:.1}", ABOVE + (1.0 - share(value)) * SIDE);
    let step = nice_step((high - low) / 5.0);
    let (width, height) = (BESIDE + SIDE + ABOVE, ABOVE + SIDE + 30.0);
    html! {
        svg viewBox={ "0 0 " (width) " " (height) } role="img" aria-label="What was said over what is" font-size="12" {
            @for tick in multiples(step, &(low..high)) {
                line x1=(along(low)) x2=(along(high)) y1=(up(tick)) y2=(up(tick)) stroke="#E5E2DB" {}
                text x=(BESIDE - 8.0) y=(up(tick)) text-anchor="end" dominant-baseline="middle" fill="#6A6760" { (number(tick, step)) }
                text x=(along(tick)) y=(ABOVE + SIDE + 20.0) text-anchor="middle" fill="#6A6760" { (number(tick, step)) }
            }
            line x1=(along(low)) y1=(up(low)) x2=(along(high)) y2=(up(high)) stroke="#9A968D" {}
            @for [is, said] in finite().copied() {
                circle cx=(along(is)) cy=(up(said)) r="3" fill="#0072B2" opacity="0.6" {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::render;
    use taper_trainer::evaluate::label_metrics::label_scores;
    use taper_trainer::objective::Metric;

    #[test]
    fn labels_and_numbers_have_their_parts() {
        let scores = label_scores(&[vec![0.9, 0.2], vec![0.6, 0.1]], &[vec![1.0, 0.0], vec![0.0, 0.0]], &[0.5, 0.25]);
        let classes = vec!["<cat>".to_owned(), "dog".to_owned()];
        let many = Report { metric: Metric::Map, labels: Some(scores), classes: classes.clone(), ..Report::default() };
        let page = render(&many).unwrap();
        for word in ["mAP", "&lt;cat&gt;", "Threshold", "0.250", "100.0 %"] {
            assert!(page.contains(word), "{word}");
        }
        assert!(!page.contains("id=\"confusions\""));
        let answers = NumberAnswers { points: vec![[1.0, 2.0], [3.0, f64::NAN], [5.0, 4.0]], ..Default::default() };
        let report = Report { metric: Metric::R2, numbers: vec![answers], classes, ..Report::default() };
        let page = render(&report).unwrap();
        assert_eq!(page.matches("<circle cx=").count(), 2);
        let one = NumberAnswers { points: vec![[2.0, 2.0]], ..Default::default() };
        assert!(
            scatter(&one).into_string().contains("<circle")
                && scatter(&NumberAnswers::default()).into_string().contains("No finite")
        );
    }
}
