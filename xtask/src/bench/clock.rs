//! Times and their median.

use std::time::{Duration, Instant};

use anyhow::Result;

/// The median; of an even number of values the mean of the two in the middle; NaN of none.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[half],
        _ => (values[half - 1] + values[half]) / 2.0,
    }
}

/// Median seconds of `repeat` runs, after one that does not count.
pub(super) fn seconds(repeat: u32, mut run: impl FnMut() -> Result<()>) -> Result<f64> {
    run()?;
    let timed = (0..repeat).map(|_| {
        let start = Instant::now();
        run()?;
        Ok(start.elapsed().as_secs_f64())
    });
    Ok(median(timed.collect::<Result<_>>()?))
}

/// As [`seconds`], but `prepare` does not count, and short runs are repeated until they have taken
/// `AT_LEAST` together.
pub(super) fn seconds_after<T>(
    repeat: u32,
    mut prepare: impl FnMut() -> Result<T>,
    mut run: impl FnMut(T) -> Result<()>,
) -> Result<f64> {
    const AT_LEAST: Duration = Duration::from_millis(100);
    run(prepare()?)?;
    let (mut timed, mut together) = (Vec::new(), Duration::ZERO);
    while timed.len() < repeat as usize || together < AT_LEAST {
        let prepared = prepare()?;
        let start = Instant::now();
        run(prepared)?;
        let took = start.elapsed();
        together += took.max(Duration::from_micros(1));
        timed.push(took.as_secs_f64());
    }
    Ok(median(timed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(vec![]).is_nan());
    }

    #[test]
    fn the_first_run_does_not_count() {
        let mut runs = 0;
        let seconds = seconds(3, || {
            runs += 1;
            std::thread::sleep(Duration::from_millis(if runs == 1 { 300 } else { 1 }));
            Ok(())
        });
        assert!(seconds.unwrap() < 0.2 && runs == 4);
        let (mut prepared, mut runs) = (0, 0);
        let prepare = || {
            prepared += 1;
            Ok(prepared)
        };
        let run = |_| {
            runs += 1;
            std::thread::sleep(Duration::from_millis(40));
            Ok(())
        };
        seconds_after(1, prepare, run).unwrap();
        assert_eq!((prepared, runs), (4, 4));
    }
}
