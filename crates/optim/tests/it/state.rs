//! The state by name: what fits, what is refused, what a new phase takes over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use candle_core::{Device, Tensor, Var};
use taper_optim::{Clip, OptimError, Optimizer, OptimizerConfig, Step, UpdateRule};

use crate::given::{bits, grads, group, momentum, var};

type State = BTreeMap<String, Tensor>;

/// An optimizer of `body` (2 elements) and `head` (1 element) after three updates.
fn trained() -> Optimizer {
    let (body, head) = (var(&[1.0, 2.0]), var(&[3.0]));
    let mut optimizer = momentum(vec![group(&[("head", &head), ("body", &body)])], Clip::None);
    for _ in 0..3 {
        let given = grads(&[(&body, &[1.0, -1.0]), (&head, &[0.5])]);
        optimizer.step(&given, 0.1).unwrap();
    }
    optimizer
}

fn fresh() -> Optimizer {
    let (body, head) = (var(&[1.0, 2.0]), var(&[3.0]));
    momentum(vec![group(&[("body", &body), ("head", &head)])], Clip::None)
}

/// Refuses the changed state and keeps the state as it was.
fn refused(change: impl Fn(&mut State)) -> OptimError {
    refused_by(Optimizer::load_state, change)
}

fn refused_by<T>(
    load: impl Fn(&mut Optimizer, &State) -> Result<T, OptimError>,
    change: impl Fn(&mut State),
) -> OptimError {
    let mut state = trained().state().unwrap();
    change(&mut state);
    let mut optimizer = fresh();
    let error = load(&mut optimizer, &state).err().unwrap();
    let kept = optimizer.state().unwrap();
    for (slot, count, zeros) in [("momentum/body", "step/body", &[0, 0][..]), ("momentum/head", "step/head", &[0])] {
        assert_eq!(bits(&kept[slot]), zeros);
        assert_eq!(kept[count].to_scalar::<i64>().unwrap(), 0);
    }
    error
}

#[test]
fn the_state_has_slots_and_counts_by_name() {
    let state = trained().state().unwrap();
    let keys: Vec<_> = state.keys().map(String::as_str).collect();
    let expected = ["momentum/body", "momentum/head", "step/body", "step/head"];
    assert_eq!(keys, expected);
    assert_eq!(state["step/body"].to_scalar::<i64>().unwrap(), 3);
    assert_eq!(state["momentum/body"].dims(), [2]);
}

#[test]
fn a_state_that_does_not_fit_is_refused_by_name() {
    let error = refused(|state| {
        state.remove("momentum/head");
        state.remove("step/head");
    });
    assert_eq!(error.to_string(), "the state lacks momentum/head, step/head");

    let error = refused(|state| {
        state.insert("momentum/tail".into(), state["momentum/head"].clone());
    });
    assert!(matches!(error, OptimError::UnexpectedState { keys } if keys == ["momentum/tail".to_owned()]));

    let error = refused(|state| {
        state.insert("momentum/head".into(), state["momentum/body"].clone());
    });
    let said = error.to_string();
    assert_eq!(said, "momentum/head needs the shape [1] of F32, got [2] of F32");

    let error = refused(|state| {
        let float = Tensor::new(3f32, &Device::Cpu).unwrap();
        state.insert("step/head".into(), float);
    });
    assert!(matches!(error, OptimError::Mismatch { name, .. } if name == "step/head"));

    let error = refused(|state| {
        let negative = Tensor::new(-1i64, &Device::Cpu).unwrap();
        state.insert("step/head".into(), negative);
    });
    assert!(matches!(error, OptimError::BadStepCount { got: -1, .. }));
}

#[test]
fn a_new_phase_takes_over_what_it_shares() {
    let head = var(&[3.0]);
    let mut first = momentum(vec![group(&[("head", &head)])], Clip::None);
    first.step(&grads(&[(&head, &[0.5])]), 0.1).unwrap();
    let state = first.state().unwrap();

    let mut second = fresh();
    assert_eq!(second.take_over(&state).unwrap(), ["head"]);
    let taken = second.state().unwrap();
    assert_eq!(bits(&taken["momentum/head"]), bits(&state["momentum/head"]));
    assert_eq!(taken["step/head"].to_scalar::<i64>().unwrap(), 1);
    assert_eq!(taken["step/body"].to_scalar::<i64>().unwrap(), 0);

    let mut back = momentum(vec![group(&[("head", &head)])], Clip::None);
    assert_eq!(back.take_over(&trained().state().unwrap()).unwrap(), ["head"]);
}

#[test]
fn taking_over_what_does_not_fit_changes_nothing() {
    let take_over = Optimizer::take_over;
    let error = refused_by(take_over, |state| drop(state.remove("momentum/body")));
    assert!(matches!(error, OptimError::MissingState { keys } if keys == ["momentum/body".to_owned()]));

    // `body` comes first and would fit.
    let error = refused_by(take_over, |state| {
        state.insert("momentum/head".into(), state["momentum/body"].clone());
    });
    assert!(matches!(error, OptimError::Mismatch { name, .. } if name == "momentum/head"));

    let error = refused_by(take_over, |state| {
        state.insert("step/head".into(), Tensor::new(-1i64, &Device::Cpu).unwrap());
    });
    assert!(matches!(error, OptimError::BadStepCount { got: -1, .. }));

    let error = refused_by(take_over, |state| {
        state.insert("skipped".into(), Tensor::new(-1i64, &Device::Cpu).unwrap());
    });
    assert!(matches!(error, OptimError::BadStepCount { got: -1, .. }));
}

/// Lends its slots to whoever asks.
#[derive(Clone, Default)]
struct Lender(Arc<Mutex<Vec<Var>>>);

impl UpdateRule for Lender {
    fn slots(&self) -> &'static [&'static str] {
        &["last"]
    }

    fn update(&self, _: &Var, grad: &Tensor, slots: &[Var], _: Step) -> candle_core::Result<()> {
        slots[0].set(grad)?;
        self.0.lock().unwrap().extend_from_slice(slots);
        Ok(())
    }
}

#[test]
fn a_state_that_shares_memory_with_the_slots_is_restored_and_not_shared() {
    let (a, b) = (var(&[1.0]), var(&[1.0]));
    let rule = Lender::default();
    let params = group(&[("a", &a), ("b", &b)]);
    let mut optimizer = Optimizer::new(Box::new(rule.clone()), vec![params], OptimizerConfig::default()).unwrap();
    optimizer.step(&grads(&[(&a, &[2.0]), (&b, &[3.0])]), 0.1).unwrap();
    let mut state = optimizer.state().unwrap();
    let lent = rule.0.lock().unwrap()[1].clone();
    // candle refuses to set a variable to itself, which would be noticed when `a` has been
    // restored.
    state.insert("last/b".into(), lent.as_tensor().clone());
    optimizer.load_state(&state).unwrap();
    lent.set(&Tensor::new(&[7f32], &Device::Cpu).unwrap()).unwrap();
    let restored = optimizer.state().unwrap();
    assert_eq!(bits(&restored["last/a"]), [2f32.to_bits()]);
    assert_eq!(bits(&restored["last/b"]), [3f32.to_bits()]);
}
