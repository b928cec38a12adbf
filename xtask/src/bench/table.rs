//! Results as tables of Markdown.

use super::args::Precision;
use super::jobs::Engine;
use super::row::{Row, Summary};

/// Ours alone.
pub(super) fn ours(rows: &[Row]) -> String {
    let cells = rows.iter().map(|row| {
        let Summary { per_second, peak_mb, .. } = row.ours;
        [row.job.name.to_owned(), number(per_second), row.job.unit.to_owned(), peak(peak_mb)]
    });
    table(["job", "per second", "unit", "peak MB"], cells)
}

/// Ours beside PyTorch's best, then every configuration, then what did not run.
pub(super) fn beside(rows: &[Row]) -> String {
    let none = || "-".to_owned();
    let cells = rows.iter().map(|row| {
        let (fp32, bf16) = (row.best(Engine::Torch, Precision::F32), row.best(Engine::Torch, Precision::Bf16));
        let [onnx, onnx_int8] = [Precision::F32, Precision::Int8].map(|precision| row.best(Engine::Onnx, precision));
        let ratio = |other: Summary| format!("{:.2}", row.ours.per_second / other.per_second);
        let named = |per_second, name: &str| format!("{} ({name})", number(per_second));
        [
            row.job.name.to_owned(),
            row.job.unit.to_owned(),
            number(row.ours.per_second),
            fp32.map_or_else(none, |(config, s)| named(s.per_second, config.name)),
            bf16.map_or_else(none, |(_, s)| number(s.per_second)),
            fp32.map_or_else(none, |(_, s)| ratio(s)),
            bf16.map_or_else(none, |(_, s)| ratio(s)),
            onnx.map_or_else(none, |(_, s)| ratio(s)),
            onnx_int8.map_or_else(none, |(_, s)| ratio(s)),
            peak(row.ours.peak_mb),
            fp32.map_or_else(none, |(_, s)| peak(s.peak_mb)),
        ]
    });
    let head = [
        "job",
        "unit",
        "Taper",
        "PyTorch, best fp32",
        "PyTorch, bf16",
        "Taper / fp32",
        "Taper / bf16",
        "Taper / onnxruntime",
        "Taper / its int8",
        "peak MB, Taper",
        "peak MB, fp32",
    ];
    let every = rows.iter().flat_map(|row| {
        row.all().map(|(config, Summary { per_second, slowest, fastest, peak_mb })| {
            let range = format!("{} to {}", number(slowest), number(fastest));
            [row.job.name.to_owned(), config.to_owned(), number(per_second), range, peak(peak_mb)]
        })
    });
    let every = table(["job", "configuration", "per second", "rounds", "peak MB"], every);
    let mut text = format!("{}\n{every}", table(head, cells));
    for row in rows {
        for (config, reason) in row.torch.iter().filter_map(|(config, s)| Some((config.name, s.as_ref().err()?))) {
            text += &format!("\n{} did not run with {config}: {reason}\n", row.job.name);
        }
    }
    text
}

/// Three digits or more.
pub(super) fn number(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

fn peak(mb: Option<f64>) -> String {
    mb.map_or_else(|| "-".to_owned(), |mb| format!("{mb:.0}"))
}

/// Columns as wide as their widest cell, the first to the left, the others to the right.
pub(super) fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<_> = std::iter::once(head.map(str::to_owned)).chain(rows).collect();
    let widths: [usize; N] = std::array::from_fn(|i| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for (n, row) in rows.iter().enumerate() {
        for (i, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            text += &if i == 0 { format!("| {cell:<width$} ") } else { format!("| {cell:>width$} ") };
        }
        text += "|\n";
        if n == 0 {
            for (i, &width) in widths.iter().enumerate() {
                text += &format!("|{}{}", "-".repeat(width + 1), if i == 0 { '-' } else { ':' });
            }
            text += "|\n";
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::jobs::JOBS;
    use super::*;

    fn summary(per_second: f64) -> Summary {
        Summary { per_second, slowest: per_second - 0.5, fastest: per_second + 0.5, peak_mb: Some(100.0) }
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a".to_owned(), "1".to_owned()], ["long".to_owned(), "12.5".to_owned()]];
        let wanted = "| job  |    n |\n|------|-----:|\n| a    |    1 |\n| long | 12.5 |\n";
        assert_eq!(table(["job", "n"], rows.into_iter()), wanted);
    }

    #[test]
    fn ratios_are_ours_over_theirs_and_failures_are_told() {
        let job = JOBS[0];
        let results = [Ok(summary(2.0)), Ok(summary(4.0)), Err("no compiler".to_owned()), Ok(summary(16.0))];
        let row = Row {
            job,
            ours: summary(8.0),
            precision: Precision::F32,
            torch: job.torch.iter().copied().zip(results).collect(),
        };
        let text = beside(&[row]);
        for part in ["4.00 (channels_last)", "2.00 |", "0.50 |", "7.50 to 8.50", "compiled: no compiler"] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
    }

    #[test]
    fn an_optimizer_has_no_bf16() {
        let job = *JOBS.last().unwrap();
        let torch = job.torch.iter().map(|config| (*config, Ok(summary(10.0)))).collect();
        let row = Row { job, ours: summary(12.0), precision: Precision::Bf16, torch };
        let text = beside(std::slice::from_ref(&row));
        assert!(text.contains("1.20 |") && text.contains(" taper_bf16 |"), "{text}");
        assert!(ours(&[row]).contains("12.0"));
    }

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!([1234.5, 12.34, 1.234, 0.5].map(number), ["1234", "12.3", "1.23", "0.50"]);
    }
}
