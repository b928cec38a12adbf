//! How a detector is measured, in words.

use taper_detect::evaluate::Metrics;
use taper_trainer::epochs::EpochRow;

/// What an epoch was measured as.
pub(super) fn measured(row: &EpochRow) -> String {
    match row.measures[..] {
        [ap, ap50, _] if !ap.is_nan() => format!(", mAP {:.1} %, AP50 {:.1} %", 100.0 * ap, 100.0 * ap50),
        _ => String::new(),
    }
}

/// What a detector is measured as, a line each.
pub(super) fn lines(metrics: &Metrics, classes: &[String]) -> Vec<String> {
    let percent = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{:.1} %", 100.0 * value));
    let Metrics { ap, ap50, ap75, ap_small, ap_medium, ap_large, recall, classes: each } = metrics;
    let mut lines = vec![
        format!("mAP {} (AP50 {}, AP75 {})", percent(*ap), percent(*ap50), percent(*ap75)),
        format!("small {}, medium {}, large {}", percent(*ap_small), percent(*ap_medium), percent(*ap_large)),
        format!("recall {}", percent(*recall)),
    ];
    lines.extend(classes.iter().zip(each).map(|(name, ap)| format!("  {:>7}  {name}", percent(*ap))));
    lines
}
