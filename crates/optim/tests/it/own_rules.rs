//! Groups with a rule of their own.

use std::sync::Arc;

use candle_core::Var;
use taper_optim::{AdamW, AdamWConfig, Clip, Group, OptimError, Optimizer, Sgd, SgdConfig, UpdateRule};

use crate::given::{bits, clipping, grads, group, momentum, var};

fn adamw() -> AdamW {
    AdamW::new(AdamWConfig::default()).unwrap()
}

/// Momentum for all but the body, which has AdamW.
fn mixed(body: &Var, head: &Var) -> Optimizer {
    let body = Group { rule: Some(Arc::new(adamw())), weight_decay: 0.1, ..group(&[("body", body)]) };
    momentum(vec![group(&[("head", head)]), body], Clip::None)
}

fn start() -> [Var; 2] {
    [var(&[1.0, -2.0]), var(&[3.0])]
}

fn run(optimizer: &mut Optimizer, [body, head]: &[Var; 2], steps: std::ops::Range<u32>) {
    for t in steps {
        let slope = (t as f32 + 1.0).sin();
        let given = grads(&[(body, &[slope, 0.5]), (head, &[-slope])]);
        optimizer.step(&given, 0.1).unwrap();
    }
}

#[test]
fn each_group_is_updated_as_by_an_optimizer_of_its_rule() {
    let both = start();
    run(&mut mixed(&both[0], &both[1]), &both, 0..5);

    let [body, head] = start();
    let alone = Group { weight_decay: 0.1, ..group(&[("body", &body)]) };
    let mut first = Optimizer::new(Box::new(adamw()), vec![alone], clipping(Clip::None)).unwrap();
    let mut second = momentum(vec![group(&[("head", &head)])], Clip::None);
    for t in 0..5 {
        let slope = (t as f32 + 1.0).sin();
        first.step(&grads(&[(&body, &[slope, 0.5])]), 0.1).unwrap();
        second.step(&grads(&[(&head, &[-slope])]), 0.1).unwrap();
    }
    assert_eq!(both.each_ref().map(|v| bits(v)), [bits(&body), bits(&head)]);
}

#[test]
fn each_parameter_has_the_slots_of_its_own_rule_and_goes_on_to_the_bit() {
    let straight = start();
    let mut through = mixed(&straight[0], &straight[1]);
    run(&mut through, &straight, 0..3);
    let saved = through.state().unwrap();
    let keys: Vec<_> = saved.keys().map(String::as_str).collect();
    assert_eq!(keys, ["first_moment/body", "momentum/head", "second_moment/body", "step/body", "step/head"]);

    let resumed = start();
    for (from, to) in straight.iter().zip(&resumed) {
        to.set(from).unwrap();
    }
    let mut after = mixed(&resumed[0], &resumed[1]);
    after.load_state(&saved).unwrap();
    run(&mut through, &straight, 3..7);
    run(&mut after, &resumed, 3..7);
    assert_eq!(straight.each_ref().map(|v| bits(v)), resumed.each_ref().map(|v| bits(v)));
}

#[test]
fn the_state_of_another_rule_is_refused() {
    let [body, head] = start();
    let mut one_rule = momentum(vec![group(&[("body", &body), ("head", &head)])], Clip::None);
    let state = mixed(&body, &head).state().unwrap();
    let error = one_rule.load_state(&state).unwrap_err();
    assert_eq!(error.to_string(), "the state lacks momentum/body");
    let error = one_rule.take_over(&state).unwrap_err();
    assert!(matches!(error, OptimError::MissingState { keys } if keys == ["momentum/body".to_owned()]));
}

#[test]
fn one_rule_serves_several_groups() {
    let shared: Arc<dyn UpdateRule> = Arc::new(Sgd::new(SgdConfig::default()).unwrap());
    let [body, head] = start();
    let own = |lr_scale, param| Group { rule: Some(shared.clone()), lr_scale, ..group(&[param]) };
    let groups = vec![own(1.0, ("body", &body)), own(2.0, ("head", &head))];
    let mut optimizer = Optimizer::new(Box::new(adamw()), groups, clipping(Clip::None)).unwrap();
    optimizer.step(&grads(&[(&body, &[2.0, -2.0]), (&head, &[2.0])]), 0.25).unwrap();
    assert_eq!(body.to_vec1::<f32>().unwrap(), [0.5, -1.5]);
    assert_eq!(head.to_vec1::<f32>().unwrap(), [2.0]);
    assert_eq!(optimizer.state().unwrap().len(), 2);
}

#[test]
fn the_slots_of_a_groups_rule_are_checked_too() {
    struct Reserved;
    impl UpdateRule for Reserved {
        fn slots(&self) -> &'static [&'static str] {
            &["step"]
        }
        fn update(&self, _: &Var, _: &candle_core::Tensor, _: &[Var], _: taper_optim::Step) -> candle_core::Result<()> {
            Ok(())
        }
    }
    let [body, _] = start();
    let own = Group { rule: Some(Arc::new(Reserved)), ..group(&[("body", &body)]) };
    let built = Optimizer::new(Box::new(adamw()), vec![own], clipping(Clip::None));
    assert!(matches!(built.err(), Some(OptimError::BadSlot { slot: "step" })));
}
