//! Steps that are left out because a gradient is not finite.

use candle_core::Var;
use taper_optim::{Clip, NonFinite, OptimError, Optimizer, OptimizerConfig, Sgd, SgdConfig};

use crate::given::{bits, clipping, grads, group, var};

const CLIPS: [Clip; 4] =
    [Clip::None, Clip::GlobalNorm(0.5), Clip::Value(0.25), Clip::Adaptive { ratio: 0.1, eps: 1e-3 }];

fn start() -> [Var; 2] {
    [var(&[1.0, 2.0]), var(&[3.0])]
}

fn optimizer([a, z]: &[Var; 2], config: OptimizerConfig) -> Optimizer {
    let momentum = SgdConfig { momentum: 0.9, ..SgdConfig::default() };
    let group = group(&[("a", a), ("z", z)]);
    Optimizer::new(Box::new(Sgd::new(momentum).unwrap()), vec![group], config).unwrap()
}

fn skipping(clip: Clip) -> OptimizerConfig {
    OptimizerConfig { non_finite: NonFinite::Skip, ..clipping(clip) }
}

/// Everything that a step may change.
fn look(optimizer: &Optimizer, [a, z]: &[Var; 2]) -> (Vec<Vec<u32>>, Vec<i64>) {
    let state = optimizer.state().unwrap();
    let values = [bits(a), bits(z), bits(&state["momentum/a"]), bits(&state["momentum/z"])];
    let counts = ["step/a", "step/z"].map(|key| state[key].to_scalar::<i64>().unwrap());
    (values.to_vec(), counts.to_vec())
}

#[test]
fn a_skipped_step_changes_nothing_and_is_counted() {
    for clip in CLIPS {
        let [with, without] = [start(), start()];
        let mut skips = optimizer(&with, skipping(clip));
        let mut never = optimizer(&without, clipping(clip));
        for t in 0..4u8 {
            let good = |[a, z]: &[Var; 2]| grads(&[(a, &[f32::from(t), -1.0]), (z, &[2.0])]);
            let stats = skips.step(&good(&with), 0.1).unwrap();
            assert_eq!(stats, {
                let expected = never.step(&good(&without), 0.1).unwrap();
                taper_optim::StepStats { skipped: u64::from(t), ..expected }
            });
            let before = look(&skips, &with);
            assert_eq!(before, look(&never, &without), "{clip:?}");

            let bad = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::NAN][usize::from(t)];
            let [a, z] = &with;
            let stats = skips.step(&grads(&[(a, &[1.0, 1.0]), (z, &[bad])]), 0.1).unwrap();
            assert_eq!((stats.skipped, stats.clip_factor), (u64::from(t) + 1, 0.0), "{clip:?}");
            assert!(stats.gradient_norm.is_nan());
            assert_eq!(look(&skips, &with), before, "{clip:?}");
        }
    }
}

#[test]
fn only_what_is_not_finite_is_skipped() {
    let vars = start();
    let mut optimizer = optimizer(&vars, skipping(Clip::None));
    let [a, z] = &vars;
    let error = optimizer.step(&grads(&[(a, &[f32::NAN, 1.0])]), 0.1).unwrap_err();
    assert!(matches!(error, OptimError::MissingGradient { name } if name == "z"));
    let error = optimizer.step(&grads(&[(a, &[f32::NAN, 1.0]), (z, &[1.0])]), -0.1).unwrap_err();
    assert!(matches!(error, OptimError::BadConfig { field: "lr", .. }));
    assert_eq!(optimizer.state().unwrap()["skipped"].to_scalar::<i64>().unwrap(), 0);
}

#[test]
fn the_count_goes_on_after_a_restart() {
    let vars = start();
    let mut first = optimizer(&vars, skipping(Clip::None));
    let bad = grads(&[(&vars[0], &[1.0, f32::NAN]), (&vars[1], &[1.0])]);
    first.step(&bad, 0.1).unwrap();
    first.step(&bad, 0.1).unwrap();
    let state = first.state().unwrap();

    let mut second = optimizer(&vars, skipping(Clip::None));
    second.load_state(&state).unwrap();
    assert_eq!(second.step(&bad, 0.1).unwrap().skipped, 3);
    let mut third = optimizer(&vars, skipping(Clip::None));
    third.take_over(&state).unwrap();
    assert_eq!(third.step(&bad, 0.1).unwrap().skipped, 3);
}

#[test]
fn a_count_is_kept_by_those_who_skip_alone() {
    let vars = start();
    let [skips, fails] = [skipping(Clip::None), clipping(Clip::None)].map(|config| optimizer(&vars, config));
    let [with, without] = [&skips, &fails].map(|optimizer| optimizer.state().unwrap());
    let [mut skips, mut fails] = [skips, fails];
    assert_eq!(skips.load_state(&without).unwrap_err().to_string(), "the state lacks skipped");
    let error = fails.load_state(&with).unwrap_err();
    assert!(matches!(error, OptimError::UnexpectedState { keys } if keys == ["skipped".to_owned()]));
}
