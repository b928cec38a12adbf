//! Numbers and names as the page says them.

use maud::{Markup, html};

use super::contents::Report;
use taper_trainer::objective::Metric;

/// A share of 0 to 1 in per cent, or a dash where there is none.
pub(super) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.1} %", share * 100.0) } else { "–".to_owned() }
}

/// A value of what a network is judged by, or a dash where there is none.
pub(super) fn measured(metric: Metric, value: f64) -> String {
    if value.is_finite() { metric.value(value) } else { "–".to_owned() }
}

/// What a network is judged by, at the beginning of a line.
pub(super) fn heading(metric: Metric) -> &'static str {
    if metric == Metric::Accuracy { "Accuracy" } else { metric.name() }
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

/// A bar of this length, from 0 to 1.
pub(super) fn meter(share: f64, kind: &str) -> Markup {
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    html! { span.meter aria-hidden="true" {
        span class=(kind) style={ "width:" (format!("{:.1}", share * 100.0)) "%" } {}
    } }
}
