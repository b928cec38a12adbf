//! What every rule promises. A new rule adds its row to [`rules`].

use candle_core::{DType, Device, Tensor, Var};
use taper_optim::{
    AdaDelta, AdaDeltaConfig, AdaGrad, AdaGradConfig, AdaMax, AdaMaxConfig, Adafactor, AdafactorConfig, Adam,
    AdamConfig, AdamW, AdamWConfig, Clip, GradientCentralization, Group, Lamb, LambConfig, Lars, LarsConfig, Lion,
    LionConfig, Lookahead, LookaheadConfig, Momentum, MomentumConfig, Muon, MuonConfig, MuonScale, NAdam, NAdamConfig,
    NAdamW, NAdamWConfig, Optimizer, Prodigy, ProdigyConfig, RAdam, RAdamConfig, RAdamW, RAdamWConfig, RmsProp,
    RmsPropConfig, ScheduleFreeAdamW, ScheduleFreeAdamWConfig, Sgd, SgdConfig, SgdW, SgdWConfig, Soap, SoapConfig,
    UpdateRule,
};

use crate::given::clipping;

/// Name, rule and a learning rate that suits the quadratic below.
pub(crate) fn rules() -> Vec<(&'static str, Box<dyn UpdateRule>, f64)> {
    let sgd = |momentum, dampening, nesterov| -> Box<dyn UpdateRule> {
        Box::new(Sgd::new(SgdConfig { momentum, dampening, nesterov }).unwrap())
    };
    let momentum = |nesterov| -> Box<dyn UpdateRule> {
        Box::new(Momentum::new(MomentumConfig { momentum: 0.9, nesterov }).unwrap())
    };
    let rmsprop = |momentum, centered| -> Box<dyn UpdateRule> {
        Box::new(RmsProp::new(RmsPropConfig { momentum, centered, ..RmsPropConfig::default() }).unwrap())
    };
    let adam = |amsgrad, bias_correction| -> Box<dyn UpdateRule> {
        Box::new(Adam::new(AdamConfig { amsgrad, bias_correction, ..AdamConfig::default() }).unwrap())
    };
    let adamw = |amsgrad| -> Box<dyn UpdateRule> {
        Box::new(AdamW::new(AdamWConfig { amsgrad, ..AdamWConfig::default() }).unwrap())
    };
    let muon = |scale, nesterov| -> Box<dyn UpdateRule> {
        Box::new(Muon::new(MuonConfig { scale, nesterov, ..MuonConfig::default() }).unwrap())
    };
    let schedule_free =
        || -> Box<dyn UpdateRule> { Box::new(ScheduleFreeAdamW::new(ScheduleFreeAdamWConfig::default()).unwrap()) };
    let adagrad = AdaGradConfig { lr_decay: 1e-3, initial_accumulator: 0.1, ..AdaGradConfig::default() };
    vec![
        ("sgd", sgd(0.0, 0.0, false), 0.1),
        ("sgd with momentum", sgd(0.9, 0.0, false), 0.02),
        ("sgd with dampening", sgd(0.9, 0.5, false), 0.02),
        ("sgd with nesterov", sgd(0.9, 0.0, true), 0.02),
        ("momentum", momentum(false), 0.02),
        ("momentum with nesterov", momentum(true), 0.02),
        ("adagrad", Box::new(AdaGrad::new(AdaGradConfig::default()).unwrap()), 1.0),
        ("adagrad with falling rate", Box::new(AdaGrad::new(adagrad).unwrap()), 1.0),
        ("rmsprop", rmsprop(0.0, false), 0.05),
        ("rmsprop with momentum", rmsprop(0.9, false), 0.01),
        ("centered rmsprop", rmsprop(0.0, true), 0.05),
        ("centered rmsprop with momentum", rmsprop(0.9, true), 0.01),
        ("adadelta", Box::new(AdaDelta::new(AdaDeltaConfig::default()).unwrap()), 10.0),
        ("adam", adam(false, true), 0.1),
        ("amsgrad", adam(true, true), 0.1),
        ("adam without bias correction", adam(false, false), 0.1),
        ("adamax", Box::new(AdaMax::new(AdaMaxConfig::default()).unwrap()), 0.3),
        ("adamw", adamw(false), 0.1),
        ("adamw with amsgrad", adamw(true), 0.1),
        ("nadam", Box::new(NAdam::new(NAdamConfig::default()).unwrap()), 0.1),
        ("radam", Box::new(RAdam::new(RAdamConfig::default()).unwrap()), 0.3),
        ("lion", Box::new(Lion::new(LionConfig::default()).unwrap()), 0.1),
        ("lars", Box::new(Lars::new(LarsConfig::default()).unwrap()), 10.0),
        ("lamb", Box::new(Lamb::new(LambConfig::default()).unwrap()), 0.05),
        ("muon", muon(MuonScale::AdamW, true), 0.2),
        ("muon without nesterov", muon(MuonScale::Spectral, false), 0.075),
        ("sgdw", Box::new(SgdW::new(SgdWConfig { momentum: 0.9, ..SgdWConfig::default() }).unwrap()), 0.02),
        ("nadamw", Box::new(NAdamW::new(NAdamWConfig::default()).unwrap()), 0.1),
        ("radamw", Box::new(RAdamW::new(RAdamWConfig::default()).unwrap()), 0.3),
        ("lookahead", Box::new(Lookahead::new(adamw(false), LookaheadConfig { k: 3, alpha: 0.5 }).unwrap()), 0.2),
        ("centralized sgd", Box::new(GradientCentralization::new(sgd(0.9, 0.0, false))), 0.02),
        ("schedule-free adamw", schedule_free(), 1.0),
        ("adafactor", Box::new(Adafactor::new(AdafactorConfig::default()).unwrap()), 1.0),
        ("prodigy", Box::new(Prodigy::new(ProdigyConfig::default()).unwrap()), 1.0),
        ("soap", Box::new(Soap::new(SoapConfig { frequency: 2, ..SoapConfig::default() }).unwrap()), 0.2),
    ]
}

/// A matrix and a scalar of the type.
fn start(dtype: DType) -> [Var; 2] {
    let matrix = Tensor::new(&[[3f64, -1.0], [0.5, 2.0], [-4.0, 1.0]], &Device::Cpu).unwrap();
    let scalar = Tensor::new(-2f64, &Device::Cpu).unwrap();
    [matrix, scalar].map(|t| Var::from_tensor(&t.to_dtype(dtype).unwrap()).unwrap())
}

fn optimizer(rule: Box<dyn UpdateRule>, vars: &[Var; 2], weight_decay: f64) -> Optimizer {
    let names = ["matrix", "scalar"].map(str::to_owned);
    let group =
        Group { params: names.into_iter().zip(vars.iter().cloned()).collect(), weight_decay, ..Group::default() };
    Optimizer::new(rule, vec![group], clipping(Clip::GlobalNorm(5.0))).unwrap()
}

/// Half the sum of (x - 1)² over the matrix, plus 3/2 · (x + 1)² of the scalar.
fn loss([matrix, scalar]: &[Var; 2]) -> Tensor {
    let matrix = (matrix.as_tensor() - 1.0).unwrap().sqr().unwrap();
    let scalar = (scalar.as_tensor() + 1.0).unwrap().sqr().unwrap();
    ((matrix.sum_all().unwrap() + scalar * 3.0).unwrap() / 2.0).unwrap()
}

fn run(optimizer: &mut Optimizer, vars: &[Var; 2], lr: f64, steps: usize) {
    for _ in 0..steps {
        optimizer.step(&loss(vars).backward().unwrap(), lr).unwrap();
    }
}

/// 400 updates with a rate that falls to 0: without that, a rule whose steps are as long as the
/// rate says would end by jumping to and fro over the minimum.
fn train(rule: Box<dyn UpdateRule>, vars: &[Var; 2], weight_decay: f64, lr: f64) {
    let mut optimizer = optimizer(rule, vars, weight_decay);
    for step in 0..400 {
        run(&mut optimizer, vars, lr * (1.0 - f64::from(step) / 400.0), 1);
    }
}

fn bits(tensor: &Tensor) -> Vec<u64> {
    let values = tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap();
    let values = values.to_vec1::<f64>().unwrap();
    values.into_iter().map(f64::to_bits).collect()
}

/// The least loss that a rule can reach: centralized gradients leave the mean of each row where it
/// is, here at 1, 1.25 and -1.5.
fn least(name: &str) -> f64 {
    if name == "centralized sgd" { 0.25f64.powi(2) + 2.5f64.powi(2) } else { 0.0 }
}

#[test]
fn every_rule_minimizes_and_keeps_shape_and_type() {
    for dtype in [DType::F32, DType::F64] {
        for (name, rule, lr) in rules() {
            let vars = start(dtype);
            let shapes = vars.each_ref().map(|v| v.shape().clone());
            train(rule, &vars, 0.0, lr);
            let left = loss(&vars).to_dtype(DType::F64).unwrap();
            let left = left.to_scalar::<f64>().unwrap();
            assert!((left - least(name)).abs() < 1e-4, "{name} in {dtype:?} leaves {left}");
            assert_eq!(vars.each_ref().map(|v| v.shape().clone()), shapes, "{name}");
            assert!(vars.iter().all(|v| v.dtype() == dtype), "{name}");
        }
    }
}

#[test]
fn every_rule_goes_on_from_a_saved_state_to_the_bit() {
    for dtype in [DType::F32, DType::F64] {
        for (i, (name, rule, lr)) in rules().into_iter().enumerate() {
            let straight = start(dtype);
            let mut through = optimizer(rule, &straight, 0.01);
            run(&mut through, &straight, lr, 10);

            let [first, second] = [start(dtype), start(dtype)];
            let rule = || rules().remove(i).1;
            let mut before = optimizer(rule(), &first, 0.01);
            run(&mut before, &first, lr, 5);
            let saved = before.state().unwrap();
            for (from, to) in first.iter().zip(&second) {
                to.set(from).unwrap();
            }
            run(&mut before, &first, lr, 1); // the copy must not follow
            let mut after = optimizer(rule(), &second, 0.01);
            after.load_state(&saved).unwrap();
            run(&mut after, &second, lr, 5);

            for (a, b) in straight.iter().zip(&second) {
                assert_eq!(bits(a), bits(b), "{name} in {dtype:?}");
            }
            let (a, b) = (through.state().unwrap(), after.state().unwrap());
            assert!(a.keys().eq(b.keys()), "{name}");
            assert!(a.values().zip(b.values()).all(|(a, b)| bits(a) == bits(b)));
        }
    }
}

/// With coupled decay, unless the gradient is centralized, the minimum is that of the loss with the
/// penalty, 6 times 1/3 and -3/5.
#[test]
fn every_rule_decays_weights_toward_zero() {
    let decoupled = [
        "adamw",
        "adamw with amsgrad",
        "lion",
        "lamb",
        "muon",
        "muon without nesterov",
        "sgdw",
        "nadamw",
        "radamw",
        "lookahead",
        "schedule-free adamw",
        "adafactor",
        "prodigy",
        "soap",
    ];
    for (name, rule, lr) in rules() {
        let [plain, decayed] = [start(DType::F64), start(DType::F64)];
        train(rule, &plain, 0.0, lr);
        let (_, rule, _) = rules().into_iter().find(|(n, ..)| *n == name).unwrap();
        train(rule, &decayed, 2.0, lr);
        let length = |vars: &[Var; 2]| -> f64 {
            let square = |v: &Var| v.sqr().unwrap().sum_all().unwrap();
            vars.iter().map(|v| square(v).to_scalar::<f64>().unwrap()).sum()
        };
        assert!(length(&decayed) < 0.95 * length(&plain), "{name}");
        let penalized = 6.0 / 9.0 + 9.0 / 25.0;
        let apart = (length(&decayed) - penalized).abs();
        assert!(
            decoupled.contains(&name) || name == "centralized sgd" || apart < 1e-3,
            "{name} ends {apart} from the minimum"
        );
    }
}

#[test]
fn every_rule_gives_the_same_bits_on_any_number_of_threads() {
    let wave = |shape: &[usize], from: f64, dtype| {
        let n: usize = shape.iter().product();
        let values: Vec<f64> = (0..n).map(|i| (from + 1.3 * i as f64).sin().powi(3)).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
    };
    let run = |i: usize, dtype, threads| {
        let vars = [&[130, 70][..], &[9, 8, 3, 3]].map(|shape| Var::from_tensor(&wave(shape, 0.5, dtype)).unwrap());
        let mut optimizer = optimizer(rules().remove(i).1, &vars, 0.01);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for t in 1..=3 {
            let mut grads = Tensor::new(0f32, &Device::Cpu).unwrap().backward().unwrap();
            for var in &vars {
                grads.insert(var, wave(var.dims(), f64::from(t), dtype));
            }
            pool.install(|| optimizer.step(&grads, 0.1)).unwrap();
        }
        let state = optimizer.state().unwrap();
        vars.iter().map(|var| bits(var)).chain(state.values().map(bits)).collect::<Vec<_>>()
    };
    for dtype in [DType::F32, DType::F64] {
        for (i, (name, ..)) in rules().into_iter().enumerate() {
            let one = run(i, dtype, 1);
            assert!([2, 5].iter().all(|&threads| run(i, dtype, threads) == one), "{name} in {dtype:?}");
        }
    }
}
