//! Groups, clipping, and what a step refuses.

use candle_core::{DType, Device, Tensor, Var};
use taper_optim::{Clip, Group, OptimError, Optimizer, Sgd, SgdConfig, StepStats, UpdateRule};

use crate::given::{bits, clipping, grads, group, momentum, var};

fn plain(groups: Vec<Group>, clip: Clip) -> Result<Optimizer, OptimError> {
    let sgd = Sgd::new(SgdConfig::default()).unwrap();
    Optimizer::new(Box::new(sgd), groups, clipping(clip))
}

fn refusal(groups: Vec<Group>, clip: Clip) -> String {
    plain(groups, clip).err().unwrap().to_string()
}

#[test]
fn a_group_scales_the_rate_and_decays_its_own() {
    let (a, b) = (var(&[1.0]), var(&[1.0]));
    let fast = Group { lr_scale: 4.0, ..group(&[("a", &a)]) };
    let decayed = Group { weight_decay: 0.5, ..group(&[("b", &b)]) };
    let mut optimizer = plain(vec![fast, decayed], Clip::None).unwrap();
    let stats = optimizer.step(&grads(&[(&a, &[3.0]), (&b, &[4.0])]), 0.125).unwrap();
    assert_eq!(a.to_vec1::<f32>().unwrap(), [-0.5]); // 1 - 0.125 · 4 · 3
    assert_eq!(b.to_vec1::<f32>().unwrap(), [0.4375]); // 1 - 0.125 · (4 + 0.5 · 1)
    let expected = StepStats { gradient_norm: 5.0, clip_factor: 1.0, skipped: 0 };
    assert_eq!(stats, expected);
}

#[test]
fn clipping_scales_all_gradients_by_one_factor() {
    let (a, b) = (var(&[0.0, 0.0]), var(&[0.0]));
    let groups = vec![group(&[("b", &b)]), group(&[("a", &a)])];
    let mut optimizer = plain(groups, Clip::GlobalNorm(6.5)).unwrap();
    let stats = optimizer.step(&grads(&[(&a, &[3.0, -4.0]), (&b, &[12.0])]), 1.0).unwrap();
    let factor = 6.5 / (13.0 + 1e-6);
    assert_eq!((stats.gradient_norm, stats.clip_factor), (13.0, factor));
    let close = |got: f32, wanted: f64| assert!((f64::from(got) - wanted).abs() < 1e-6, "{got}");
    let a = a.to_vec1::<f32>().unwrap();
    close(a[0], -3.0 * factor);
    close(a[1], 4.0 * factor);
    close(b.to_vec1::<f32>().unwrap()[0], -12.0 * factor);
}

#[test]
fn short_gradients_pass_the_clip_unchanged() {
    let a = var(&[0.0, 0.0]);
    let mut optimizer = plain(vec![group(&[("a", &a)])], Clip::GlobalNorm(10.0)).unwrap();
    let stats = optimizer.step(&grads(&[(&a, &[0.1, 0.7])]), 1.0).unwrap();
    assert_eq!(stats.clip_factor, 1.0);
    assert_eq!(a.to_vec1::<f32>().unwrap(), [-0.1, -0.7]);
}

#[test]
fn a_transposed_gradient_is_read_in_its_own_order() {
    let a = Var::zeros((2, 3), DType::F32, &Device::Cpu).unwrap();
    let weights = Tensor::new(&[[1f32, 2.0], [3.0, 4.0], [5.0, 6.0]], &Device::Cpu).unwrap();
    let loss = (a.t().unwrap() * weights).unwrap().sum_all().unwrap();
    let mut optimizer = plain(vec![group(&[("a", &a)])], Clip::None).unwrap();
    let stats = optimizer.step(&loss.backward().unwrap(), 1.0).unwrap();
    assert_eq!(stats.gradient_norm, 91f64.sqrt());
    let expected = [[-1.0, -3.0, -5.0], [-2.0, -4.0, -6.0]];
    assert_eq!(a.to_vec2::<f32>().unwrap(), expected);
}

/// Takes two steps, has the third refused, and returns what was said; nothing may have changed.
fn refused_step(a_grad: Option<&[f32]>, z_grad: Option<&[f32]>, lr: f64) -> OptimError {
    let (a, z) = (var(&[1.0, 2.0]), var(&[3.0]));
    let groups = vec![group(&[("a.weight", &a)]), group(&[("z.bias", &z)])];
    let mut optimizer = momentum(groups, Clip::GlobalNorm(1.0));
    for _ in 0..2 {
        let given = grads(&[(&a, &[0.5, -1.0]), (&z, &[2.0])]);
        optimizer.step(&given, 0.1).unwrap();
    }
    let look = |optimizer: &Optimizer| {
        let state = optimizer.state().unwrap();
        let count = |name| state[name].to_scalar::<i64>().unwrap();
        (
            [bits(&a), bits(&z)],
            ["momentum/a.weight", "momentum/z.bias"].map(|k| bits(&state[k])),
            ["step/a.weight", "step/z.bias"].map(count),
        )
    };
    let before = look(&optimizer);
    let pairs: Vec<_> = [(&a, a_grad), (&z, z_grad)].into_iter().filter_map(|(var, grad)| Some((var, grad?))).collect();
    let error = optimizer.step(&grads(&pairs), lr).unwrap_err();
    assert_eq!(look(&optimizer), before);
    assert_eq!(before.2, [2, 2]);
    error
}

#[test]
fn a_missing_gradient_is_named_and_nothing_changes() {
    let error = refused_step(Some(&[1.0, 1.0]), None, 0.1);
    assert!(matches!(error, OptimError::MissingGradient { name } if name == "z.bias"));
}

#[test]
fn a_gradient_that_is_not_finite_is_named_and_nothing_changes() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let error = refused_step(Some(&[1.0, 1.0]), Some(&[bad]), 0.1);
        assert!(matches!(error, OptimError::NonFiniteGradient { name } if name == "z.bias"));
        let error = refused_step(Some(&[1.0, bad]), Some(&[1.0]), 0.1);
        assert!(matches!(error, OptimError::NonFiniteGradient { name } if name == "a.weight"));
    }
}

#[test]
fn a_bad_rate_is_named_and_nothing_changes() {
    for lr in [-0.1, f64::NAN, f64::INFINITY] {
        let said = refused_step(Some(&[1.0, 1.0]), Some(&[1.0]), lr).to_string();
        assert_eq!(said, format!("lr must be finite and not negative, got {lr}"));
    }
}

#[test]
fn a_gradient_of_another_shape_or_type_is_named() {
    let a = var(&[1.0, 2.0]);
    let mut optimizer = plain(vec![group(&[("a", &a)])], Clip::None).unwrap();
    for dtype in [DType::F32, DType::F64] {
        let mut given = grads(&[(&a, &[1.0, 1.0])]);
        let size = if dtype == DType::F32 { 3 } else { 2 };
        given.insert(&a, Tensor::ones(size, dtype, &Device::Cpu).unwrap());
        let error = optimizer.step(&given, 0.1).unwrap_err();
        assert!(matches!(error, OptimError::Mismatch { name, .. } if name == "a"));
    }
}

#[test]
fn a_parameter_is_listed_once() {
    let (a, b) = (var(&[1.0]), var(&[1.0]));
    let twice = vec![group(&[("x", &a)]), group(&[("x", &b)])];
    let said = "parameter x is listed twice, in group 0 and in group 1";
    assert_eq!(refusal(twice, Clip::None), said);
    let both = vec![group(&[("x", &a)]), group(&[("w", &a)])];
    assert_eq!(refusal(both, Clip::None), "parameters w and x are the same variable");
}

#[test]
fn a_wrong_setup_is_refused_when_built() {
    let a = var(&[1.0]);
    let with = |lr_scale, weight_decay| {
        let group = Group { lr_scale, weight_decay, ..group(&[("a", &a)]) };
        vec![Group::default(), group]
    };
    for lr_scale in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let said = refusal(with(lr_scale, 0.0), Clip::None);
        assert_eq!(said, format!("lr_scale of group 1 must be finite and above 0, got {lr_scale}"));
    }
    assert!(refusal(with(1.0, f64::NAN), Clip::None).starts_with("weight_decay of group 1"));
    for (field, clip) in [
        ("clip", Clip::GlobalNorm(0.0)),
        ("clip", Clip::Value(f64::NAN)),
        ("ratio", Clip::Adaptive { ratio: -1.0, eps: 1e-3 }),
        ("eps", Clip::Adaptive { ratio: 0.01, eps: 0.0 }),
    ] {
        let said = refusal(with(1.0, 0.0), clip);
        assert!(said.starts_with(&format!("{field} must be finite and above 0, got ")), "{said}");
    }
    assert_eq!(refusal(vec![], Clip::None), "there is no parameter to train");
    let count = Var::zeros(1, DType::I64, &Device::Cpu).unwrap();
    assert!(refusal(vec![group(&[("count", &count)])], Clip::None).contains("parameter count"));
}

#[test]
fn slot_names_must_be_distinct_and_free() {
    struct Named(&'static [&'static str]);
    impl UpdateRule for Named {
        fn slots(&self) -> &'static [&'static str] {
            self.0
        }
        fn update(&self, _: &Var, _: &Tensor, _: &[Var], _: taper_optim::Step) -> candle_core::Result<()> {
            Ok(())
        }
    }
    let a = var(&[1.0]);
    for slots in [&["v", "step"][..], &["v", "v"], &["a/b"]] {
        let built = Optimizer::new(Box::new(Named(slots)), vec![group(&[("a", &a)])], clipping(Clip::None));
        assert!(matches!(built.err(), Some(OptimError::BadSlot { .. })));
    }
}
