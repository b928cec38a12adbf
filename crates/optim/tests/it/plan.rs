//! Steps by a plan: the number of the update, schedules of groups, the momentum.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor, Var};
use taper_optim::{
    AdaGrad, AdaGradConfig, Clip, Cosine, Group, OptimError, Optimizer, OptimizerConfig, Plan, Sam, SamConfig,
    Schedule, ScheduleFreeAdamW, ScheduleFreeAdamWConfig, Sgd, SgdConfig, StepDecay,
};

use crate::given::{bits, clipping, grads, group, momentum, var};

fn plan(schedule: impl Schedule + 'static, momentum: Option<f64>) -> Plan {
    let momentum = momentum.map(|m| -> Box<dyn Schedule> { Box::new(move |_: u64| m) });
    Plan { lr: 0.5, schedule: Box::new(schedule), momentum }
}

#[test]
fn a_step_by_a_plan_is_one_by_its_rate() {
    let [a, b] = [var(&[1.0, -2.0]), var(&[1.0, -2.0])];
    let [mut by_plan, mut by_rate] = [&a, &b].map(|v| momentum(vec![group(&[("a", v)])], Clip::None));
    let cosine = Cosine::new(5, 0.1).unwrap();
    for t in 0..7 {
        let slope = [t as f32, 1.0];
        by_plan.step_at(&grads(&[(&a, &slope)]), t, &plan(cosine, None)).unwrap();
        by_rate.step(&grads(&[(&b, &slope)]), 0.5 * cosine.at(t)).unwrap();
        assert_eq!(bits(&a), bits(&b));
    }
}

#[test]
fn a_group_follows_its_own_schedule_and_the_others_the_plan() {
    let [a, b] = [var(&[0.0]), var(&[0.0])];
    let own = Group { schedule: Some(Arc::new(StepDecay::new(1, 0.5).unwrap())), lr_scale: 4.0, ..group(&[("b", &b)]) };
    let sgd = Box::new(Sgd::new(SgdConfig::default()).unwrap());
    let mut optimizer = Optimizer::new(sgd, vec![group(&[("a", &a)]), own], clipping(Clip::None)).unwrap();
    for t in 0..3 {
        optimizer.step_at(&grads(&[(&a, &[1.0]), (&b, &[1.0])]), t, &plan(|t: u64| t as f64, None)).unwrap();
    }
    assert_eq!(a.to_vec1::<f32>().unwrap(), [-1.5]); // 0.5 · (0 + 1 + 2)
    assert_eq!(b.to_vec1::<f32>().unwrap(), [-3.5]); // 0.5 · 4 · (1 + 1/2 + 1/4)
    let error = optimizer.step(&grads(&[(&a, &[1.0]), (&b, &[1.0])]), 0.1).unwrap_err();
    assert!(matches!(error, OptimError::StepWithoutNumber { name } if name == "b"));
    assert_eq!(a.to_vec1::<f32>().unwrap(), [-1.5]);
}

#[test]
fn what_a_plan_cannot_give_is_refused_before_anything_changes() {
    let a = var(&[1.0]);
    let given = || grads(&[(&a, &[1.0])]);
    let mut with = momentum(vec![group(&[("a", &a)])], Clip::None);
    let said = with.step_at(&given(), 0, &plan(|_: u64| 1.0, Some(1.0))).unwrap_err().to_string();
    assert_eq!(said, "momentum must be in [0, 1), got 1");
    for factor in [-1.0, f64::NAN, f64::INFINITY] {
        let error = with.step_at(&given(), 0, &plan(move |_: u64| factor, None)).unwrap_err();
        assert!(matches!(error, OptimError::BadConfig { field: "lr", .. }));
    }
    let rules: [Box<dyn taper_optim::UpdateRule>; 2] =
        [Box::new(Sgd::new(SgdConfig::default()).unwrap()), Box::new(AdaGrad::new(AdaGradConfig::default()).unwrap())];
    for rule in rules {
        let mut without = Optimizer::new(rule, vec![group(&[("a", &a)])], OptimizerConfig::default()).unwrap();
        let error = without.step_at(&given(), 0, &plan(|_: u64| 1.0, Some(0.5))).unwrap_err();
        assert!(matches!(error, OptimError::NoMomentum { name } if name == "a"));
    }
    assert_eq!(a.to_vec1::<f32>().unwrap(), [1.0]);
}

/// A scalar and a vector that are 3 and 4 long together.
fn triangle() -> ([Var; 2], Optimizer) {
    let vars = [var(&[3.0]), var(&[4.0, 0.0])];
    let optimizer = momentum(vec![group(&[("a", &vars[0]), ("b", &vars[1])])], Clip::None);
    (vars, optimizer)
}

#[test]
fn sam_perturbs_by_one_norm_for_all_and_restores_to_the_bit() {
    let ([a, b], optimizer) = triangle();
    let sam = Sam::new(SamConfig { rho: 0.5 }).unwrap();
    let before = [bits(&a), bits(&b)];
    for dropped in [false, true] {
        let perturbed = sam.perturb(&optimizer, &grads(&[(&a, &[3.0]), (&b, &[4.0, 0.0])])).unwrap();
        assert!((a.to_vec1::<f32>().unwrap()[0] - 3.3).abs() < 1e-6);
        assert!((b.to_vec1::<f32>().unwrap()[0] - 4.4).abs() < 1e-6);
        if dropped {
            drop(perturbed)
        } else {
            perturbed.restore().unwrap()
        }
        assert_eq!([bits(&a), bits(&b)], before);
    }
}

#[test]
fn sam_refuses_what_a_step_refuses_and_moves_nothing() {
    let ([a, b], optimizer) = triangle();
    let sam = Sam::new(SamConfig::default()).unwrap();
    let before = [bits(&a), bits(&b)];
    let error = sam.perturb(&optimizer, &grads(&[(&a, &[1.0])])).unwrap_err();
    assert!(matches!(error, OptimError::MissingGradient { name } if name == "b"));
    let error = sam.perturb(&optimizer, &grads(&[(&a, &[1.0]), (&b, &[f32::NAN, 1.0])])).unwrap_err();
    assert!(matches!(error, OptimError::NonFiniteGradient { name } if name == "b"));
    assert_eq!([bits(&a), bits(&b)], before);
}

#[test]
fn an_evaluation_goes_back_to_the_bit_and_training_goes_on_as_without() {
    let run = |evaluates: bool| {
        let x = Var::from_tensor(&Tensor::new(&[1f32, -3.0], &Device::Cpu).unwrap()).unwrap();
        let rule = ScheduleFreeAdamW::new(ScheduleFreeAdamWConfig::default()).unwrap();
        let mut optimizer = Optimizer::new(Box::new(rule), vec![group(&[("x", &x)])], clipping(Clip::None)).unwrap();
        // Before the first update there is nothing else.
        let nothing = optimizer.evaluation().unwrap();
        assert_eq!(x.to_vec1::<f32>().unwrap(), [1.0, -3.0]);
        nothing.restore().unwrap();
        for _ in 0..6 {
            optimizer.step(&x.sqr().unwrap().sum_all().unwrap().backward().unwrap(), 0.1).unwrap();
            if evaluates {
                let before = bits(&x);
                let evaluation = optimizer.evaluation().unwrap();
                assert_eq!(x.dtype(), DType::F32);
                evaluation.restore().unwrap();
                assert_eq!(bits(&x), before);
            }
        }
        bits(&x)
    };
    assert_eq!(run(true), run(false));
}
