//! The rate that falls on a plateau: sequences worked out by hand from PyTorch's description.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use taper_optim::{Goal, OptimError, ReduceOnPlateau, ReduceOnPlateauConfig, Threshold};

fn plateau(config: ReduceOnPlateauConfig) -> ReduceOnPlateau {
    ReduceOnPlateau::new(config).unwrap()
}

/// Halves after every evaluation without improvement, unless told otherwise.
fn impatient() -> ReduceOnPlateauConfig {
    ReduceOnPlateauConfig { factor: 0.5, patience: 0, ..ReduceOnPlateauConfig::default() }
}

fn factors(plateau: &mut ReduceOnPlateau, metrics: &[f64]) -> Vec<f64> {
    metrics.iter().map(|&metric| plateau.evaluated(metric)).collect()
}

#[test]
fn by_default_the_eleventh_bad_evaluation_is_too_many() {
    let mut plateau = plateau(ReduceOnPlateauConfig::default());
    assert_eq!(plateau.factor(), 1.0);
    // The best, and ten that are no better.
    assert_eq!(factors(&mut plateau, &[1.0; 11]), [1.0; 11]);
    assert_eq!(factors(&mut plateau, &[1.0; 11]), [0.1; 11]); // the eleventh, and ten more
    let again = plateau.evaluated(1.0);
    assert!((again - 0.01).abs() < 1e-17, "{again}");
}

#[test]
fn an_improvement_starts_the_count_again() {
    let mut plateau = plateau(ReduceOnPlateauConfig { patience: 2, ..impatient() });
    let metrics = [5.0, 6.0, 6.0, 4.0, 4.0, 4.5, 4.0, 3.0];
    assert_eq!(factors(&mut plateau, &metrics), [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5]);
}

#[test]
fn nothing_counts_as_bad_during_the_cooldown() {
    let mut plateau = plateau(ReduceOnPlateauConfig { cooldown: 2, ..impatient() });
    assert_eq!(factors(&mut plateau, &[1.0; 8]), [1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125]);
}

#[test]
fn the_best_value_is_noted_during_the_cooldown() {
    let mut plateau = plateau(ReduceOnPlateauConfig { cooldown: 1, ..impatient() });
    // 0.5 comes in the cooldown; 0.75 after it is no better.
    assert_eq!(factors(&mut plateau, &[1.0, 1.0, 0.5, 0.75]), [1.0, 0.5, 0.5, 0.25]);
}

#[test]
fn the_factor_stops_at_its_minimum() {
    let mut plateau = plateau(ReduceOnPlateauConfig { min_factor: 0.3, ..impatient() });
    assert_eq!(factors(&mut plateau, &[1.0; 5]), [1.0, 0.5, 0.3, 0.3, 0.3]);
}

#[test]
fn better_means_past_the_threshold_in_the_right_direction() {
    use Goal::{Maximize, Minimize};
    use Threshold::{Absolute, Relative};
    for (goal, threshold, first, second, better) in [
        (Minimize, Relative(0.1), 10.0, 9.0, false), // exactly 10 %: strictly more is asked for
        (Minimize, Relative(0.1), 10.0, 8.9, true),
        (Minimize, Absolute(0.5), 10.0, 9.5, false),
        (Minimize, Absolute(0.5), 10.0, 9.4, true),
        (Minimize, Relative(0.0), 10.0, 10.0, false),
        (Minimize, Relative(0.1), -10.0, -11.0, false),
        (Minimize, Relative(0.1), -10.0, -11.1, true),
        (Minimize, Relative(0.1), -10.0, -9.5, false), // worse, though PyTorch takes it
        (Maximize, Relative(0.1), 10.0, 11.0, false),
        (Maximize, Relative(0.1), 10.0, 11.1, true),
        (Maximize, Absolute(0.5), 10.0, 10.5, false),
        (Maximize, Absolute(0.5), 10.0, 10.6, true),
        (Maximize, Absolute(0.5), 10.0, 1.0, false),
    ] {
        let mut plateau = plateau(ReduceOnPlateauConfig { goal, threshold, ..impatient() });
        let expected = if better { 1.0 } else { 0.5 };
        let got = factors(&mut plateau, &[first, second]);
        assert_eq!(got, [1.0, expected], "{goal:?} {threshold:?}: {second} after {first}");
    }
}

#[test]
fn it_goes_on_from_a_saved_state_at_any_moment() {
    let config = ReduceOnPlateauConfig { factor: 0.3, patience: 1, cooldown: 1, ..impatient() };
    let metrics: Vec<f64> = (0..40).map(|t| f64::from(t).sin() + 20.0 / f64::from(t + 1)).collect();
    let mut through = plateau(config);
    let expected = factors(&mut through, &metrics);
    assert!(expected[39] < 0.1, "{expected:?}");
    for stop in 0..40 {
        let mut before = plateau(config);
        factors(&mut before, &metrics[..stop]);
        let mut after = plateau(config);
        after.load_state(&before.state().unwrap()).unwrap();
        assert_eq!(after, before);
        assert_eq!(factors(&mut after, &metrics[stop..]), expected[stop..], "stopped at {stop}");
    }
}

#[test]
fn a_metric_that_is_not_finite_counts_as_pytorch_counts_it() {
    let mut plateau = plateau(ReduceOnPlateauConfig { patience: 1, ..impatient() });
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let metrics = [nan, 2.0, nan, -nan, 1.0, inf, 0.5, nan, -inf, -1.0, -inf];
    // ReduceLROnPlateau(factor=0.5, patience=1) of PyTorch 2.15 on these.
    let wanted = [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.25];
    assert_eq!(factors(&mut plateau, &metrics), wanted);
}

#[test]
fn a_state_that_does_not_fit_is_refused_and_changes_nothing() {
    let mut saved = plateau(impatient());
    factors(&mut saved, &[2.0, 2.0, 1.0]);
    let refused = |change: fn(&mut BTreeMap<String, Tensor>)| -> OptimError {
        let (mut state, mut into) = (saved.state().unwrap(), plateau(impatient()));
        change(&mut state);
        let error = into.load_state(&state).unwrap_err();
        assert_eq!(into, plateau(impatient()));
        error
    };
    fn put(state: &mut BTreeMap<String, Tensor>, key: &str, value: Tensor) {
        state.insert(key.to_owned(), value);
    }
    fn real(value: f64) -> Tensor {
        Tensor::new(value, &Device::Cpu).unwrap()
    }
    let said = |change| refused(change).to_string();
    assert_eq!(said(|s| drop(s.remove("plateau_best"))), "the state lacks plateau_best");
    assert_eq!(said(|s| put(s, "epoch", real(1.0))), "the state holds epoch, which belong to nothing here");
    assert_eq!(said(|s| put(s, "plateau_factor", real(2.0))), "plateau_factor must be in [0, 1], got 2");
    assert_eq!(said(|s| put(s, "plateau_best", real(f64::NAN))), "plateau_best must be a number, got NaN");
    let single = |s: &mut BTreeMap<_, _>| put(s, "plateau_factor", Tensor::new(0.5f32, &Device::Cpu).unwrap());
    assert!(matches!(refused(single), OptimError::Mismatch { name, .. } if name == "plateau_factor"));
    let negative = |s: &mut BTreeMap<_, _>| put(s, "plateau_stale", Tensor::new(-1i64, &Device::Cpu).unwrap());
    assert!(matches!(refused(negative), OptimError::BadStepCount { got: -1, .. }));
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let config = ReduceOnPlateauConfig::default();
    for (said, config) in [
        ("factor must be in (0, 1), got 1", ReduceOnPlateauConfig { factor: 1.0, ..config }),
        ("factor must be in (0, 1), got 0", ReduceOnPlateauConfig { factor: 0.0, ..config }),
        (
            "threshold must be finite and not negative, got -1",
            ReduceOnPlateauConfig { threshold: Threshold::Absolute(-1.0), ..config },
        ),
        (
            "threshold must be finite and not negative, got NaN",
            ReduceOnPlateauConfig { threshold: Threshold::Relative(f64::NAN), ..config },
        ),
        ("min_factor must be in [0, 1], got 1.5", ReduceOnPlateauConfig { min_factor: 1.5, ..config }),
    ] {
        assert_eq!(ReduceOnPlateau::new(config).unwrap_err().to_string(), said);
    }
}
