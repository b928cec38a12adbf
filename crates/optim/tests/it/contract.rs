//! What every rule promises. A new rule adds its row to [`rules`].

use candle_core::{DType, Device, Tensor, Var};
use taper_optim::{AdamW, AdamWConfig, Clip, Group, Optimizer, Sgd, SgdConfig, UpdateRule};

use crate::given::clipping;

/// Name, rule and a learning rate that suits the quadratic below.
fn rules() -> Vec<(&'static str, Box<dyn UpdateRule>, f64)> {
    let sgd = |momentum, dampening, nesterov| -> Box<dyn UpdateRule> {
        let config = SgdConfig { momentum, dampening, nesterov };
        Box::new(Sgd::new(config).unwrap())
    };
    let adamw = AdamW::new(AdamWConfig::default()).unwrap();
    vec![
        ("sgd", sgd(0.0, 0.0, false), 0.1),
        ("sgd with momentum", sgd(0.9, 0.0, false), 0.02),
        ("sgd with dampening", sgd(0.9, 0.5, false), 0.02),
        ("sgd with nesterov", sgd(0.9, 0.0, true), 0.02),
        ("adamw", Box::new(adamw), 0.1),
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

fn bits(tensor: &Tensor) -> Vec<u64> {
    let values = tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap();
    let values = values.to_vec1::<f64>().unwrap();
    values.into_iter().map(f64::to_bits).collect()
}

#[test]
fn every_rule_minimises_and_keeps_shape_and_type() {
    for dtype in [DType::F32, DType::F64] {
        for (name, rule, lr) in rules() {
            let vars = start(dtype);
            let shapes = vars.each_ref().map(|v| v.shape().clone());
            run(&mut optimizer(rule, &vars, 0.0), &vars, lr, 400);
            let left = loss(&vars).to_dtype(DType::F64).unwrap();
            let left = left.to_scalar::<f64>().unwrap();
            assert!(left < 1e-4, "{name} in {dtype:?} leaves {left}");
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

#[test]
fn every_rule_decays_weights_towards_zero() {
    for (name, rule, lr) in rules() {
        let [plain, decayed] = [start(DType::F64), start(DType::F64)];
        run(&mut optimizer(rule, &plain, 0.0), &plain, lr, 400);
        let (_, rule, _) = rules().into_iter().find(|(n, ..)| *n == name).unwrap();
        run(&mut optimizer(rule, &decayed, 0.5), &decayed, lr, 400);
        let length = |vars: &[Var; 2]| -> f64 {
            let square = |v: &Var| v.sqr().unwrap().sum_all().unwrap();
            vars.iter().map(|v| square(v).to_scalar::<f64>().unwrap()).sum()
        };
        assert!(length(&decayed) < 0.95 * length(&plain), "{name}");
    }
}
