//! A step without clipping, which reads every gradient once, and what it does about a NaN.

use std::ops::Range;

use candle_core::{DType, Device, Result, Tensor, Var, backprop::GradStore};
use taper_optim::{Clip, OptimError, Optimizer, OptimizerConfig, Step, UpdateRule};

use crate::contract;
use crate::given::{clipping, group, var};

/// A rule as a user writes it: nothing but `update`.
struct Written;

impl UpdateRule for Written {
    fn slots(&self) -> &'static [&'static str] {
        &["seen"]
    }

    fn update(&self, theta: &Var, grad: &Tensor, slots: &[Var], step: Step) -> Result<()> {
        slots[0].set(grad)?;
        theta.set(&(theta.as_detached_tensor() - (grad * step.lr)?)?)
    }
}

/// Every rule with its name.
fn rules() -> Vec<(&'static str, Box<dyn UpdateRule>)> {
    let ours = contract::rules().into_iter().map(|(name, rule, _)| (name, rule));
    ours.chain([("written", Box::new(Written) as Box<dyn UpdateRule>)]).collect()
}

/// What a NaN there keeps a rule from updating: its chunk, or the whole of a vector of `n`.
fn untouched(name: &str, bad: usize, n: usize) -> Range<usize> {
    const CHUNK: usize = 65_536;
    let whole = [
        "lars",
        "lamb",
        "muon",
        "muon without nesterov",
        "soap",
        "prodigy",
        "adafactor",
        "schedule-free adamw",
        "centralized sgd",
        "lookahead",
        "written",
    ]
    .contains(&name);
    let start = bad / CHUNK * CHUNK;
    if whole { 0..n } else { start..start + CHUNK }
}

/// Values of either sign, none of them 0.
fn wave(n: usize, from: usize) -> Vec<f32> {
    (from..from + n).map(|i| ((i + 1) as f32).sin()).collect()
}

fn store(pairs: &[(&Var, &Tensor)]) -> GradStore {
    let mut grads = Tensor::new(0f32, &Device::Cpu).unwrap().backward().unwrap();
    for (var, grad) in pairs {
        grads.insert(var, (*grad).clone());
    }
    grads
}

fn bits(tensor: &Tensor) -> Vec<u64> {
    let values = tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap();
    values.to_vec1::<f64>().unwrap().into_iter().map(f64::to_bits).collect()
}

/// The bits of the norms, parameters and slots of two steps.
fn two_steps(rule: Box<dyn UpdateRule>, dtype: DType, clip: Clip) -> Vec<Vec<u64>> {
    let tensor = |n, from| Tensor::new(wave(n, from), &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
    let sizes = [1usize, 1003, 65_536, 65_537, 300_007];
    let vars = sizes.map(|n| Var::from_tensor(&tensor(n, 1)).unwrap());
    let names = ["a", "b", "c", "d", "e"];
    let params: Vec<_> = names.into_iter().zip(&vars).collect();
    let mut optimizer = Optimizer::new(rule, vec![group(&params)], clipping(clip)).unwrap();
    let mut norms = vec![];
    for t in 1..=2 {
        let grads = sizes.map(|n| tensor(n, t * n));
        let stats = optimizer.step(&store(&vars.iter().zip(&grads).collect::<Vec<_>>()), 0.1).unwrap();
        assert_eq!(stats.clip_factor, 1.0);
        norms.push(stats.gradient_norm.to_bits());
    }
    let state = optimizer.state().unwrap();
    [norms].into_iter().chain(vars.iter().map(|v| bits(v))).chain(state.values().map(bits)).collect()
}

#[test]
fn one_pass_and_two_agree_to_the_bit_with_any_number_of_threads() {
    for dtype in [DType::F32, DType::F64] {
        for (i, (name, _)) in rules().into_iter().enumerate() {
            let run = |threads, clip| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| two_steps(rules().remove(i).1, dtype, clip))
            };
            let expected = run(1, Clip::GlobalNorm(1e9));
            for threads in [1, 2, 5] {
                assert!(run(threads, Clip::None) == expected, "{name} in {dtype:?}, {threads} threads");
            }
        }
    }
}

#[test]
fn a_chunk_with_a_nan_is_left_untouched_and_named() {
    let (n, bad) = (300_007, 100_000);
    // A rule that needs sums reads all gradients before it updates the first parameter.
    for (name, rule) in rules().into_iter().filter(|(_, rule)| !rule.needs_sums()) {
        let [a, large, z] = [var(&[1.0]), var(&wave(n, 0)), var(&[1.0])];
        let own_shape = |slot: &&&str| rule.new_slot(slot, &large).unwrap().shape() == large.shape();
        let slots: Vec<&str> = rule.slots().iter().filter(own_shape).copied().collect();
        let params = [("a", &a), ("large", &large), ("z", &z)];
        let mut optimizer = Optimizer::new(rule, vec![group(&params)], OptimizerConfig::default()).unwrap();
        let mut values = wave(n, 7);
        values[bad] = f32::NAN;
        let one = Tensor::new(&[1f32], &Device::Cpu).unwrap();
        let grad = Tensor::new(values, &Device::Cpu).unwrap();
        let error = optimizer.step(&store(&[(&a, &one), (&large, &grad), (&z, &one)]), 0.1).unwrap_err();
        assert!(matches!(error, OptimError::NonFiniteGradient { name: bad } if bad == "large"), "{name}");

        let state = optimizer.state().unwrap();
        let counts = ["a", "large", "z"].map(|name| state[&format!("step/{name}")].to_scalar::<i64>().unwrap());
        assert_eq!(counts, [1, 0, 1], "{name}");
        // The first update of SOAP only looks.
        assert!(name == "soap" || [&a, &z].iter().all(|v| v.to_vec1::<f32>().unwrap()[0] < 1.0), "{name}");

        let chunk = untouched(name, bad, n);
        let now = |key: &str| state[&format!("{key}/large")].to_vec1::<f32>().unwrap();
        let (old, zeros) = (wave(n, 0), vec![0.0; n]);
        let tensors = slots.iter().map(|slot| (now(slot), &zeros));
        for (new, old) in [(large.to_vec1().unwrap(), &old)].into_iter().chain(tensors) {
            assert!(new.iter().all(|v| v.is_finite()), "{name}");
            assert!(chunk.contains(&bad) && new[chunk.clone()] == old[chunk.clone()], "{name}");
            let changed = (0..n).filter(|at| !chunk.contains(at)).all(|at| new[at] != old[at]);
            assert!(changed, "{name}");
        }
    }
}

#[test]
fn the_first_of_several_bad_gradients_is_named_and_small_ones_stay() {
    for (_, rule) in rules().into_iter().filter(|(_, rule)| !rule.needs_sums()) {
        let [a, b, c] = [var(&[1.0, 2.0]), var(&[3.0]), var(&[4.0])];
        let mut optimizer =
            Optimizer::new(rule, vec![group(&[("c", &c), ("b", &b), ("a", &a)])], OptimizerConfig::default()).unwrap();
        let [fine, nan, infinite] =
            [&[1f32, 1.0][..], &[f32::NAN], &[f32::INFINITY]].map(|v| Tensor::new(v, &Device::Cpu).unwrap());
        let error = optimizer.step(&store(&[(&a, &fine), (&b, &infinite), (&c, &nan)]), 0.5).unwrap_err();
        assert!(matches!(error, OptimError::NonFiniteGradient { name } if name == "b"));
        assert_eq!([bits(&b), bits(&c)], [[3f64.to_bits()], [4f64.to_bits()]]);
        let error = optimizer.step(&store(&[(&a, &fine), (&b, &nan)]), 0.5).unwrap_err();
        assert!(matches!(error, OptimError::MissingGradient { name } if name == "c"));
        assert_eq!(optimizer.state().unwrap()["step/a"].to_scalar::<i64>().unwrap(), 1);
    }
}
