//! What a rule's single pass promises: the values of the form composed of candle's operations.

use candle_core::{DType, Device, Result, Tensor, Var};

use crate::rule::{Step, UpdateRule};

const STEPS: u64 = 6;

/// Parameters and slots after a few updates, one after the other.
struct Run {
    theta: Var,
    slots: Vec<Var>,
}

impl Run {
    fn new(rule: &dyn UpdateRule, n: usize, dtype: DType) -> Result<Self> {
        let theta = Var::from_tensor(&wave(n, 0.5)?.to_dtype(dtype)?)?;
        let slots = rule.slots().iter().map(|slot| rule.new_slot(slot, &theta)).collect::<Result<_>>()?;
        Ok(Self { theta, slots })
    }

    fn values(&self) -> Result<Vec<f64>> {
        let mut values = Vec::new();
        for var in [&self.theta].into_iter().chain(&self.slots) {
            values.extend(var.to_dtype(DType::F64)?.to_vec1::<f64>()?);
        }
        Ok(values)
    }
}

/// Values of either sign and many sizes.
fn wave(n: usize, from: f64) -> Result<Tensor> {
    let values: Vec<f64> = (0..n).map(|i| (from + i as f64).sin().powi(3)).collect();
    Tensor::new(values, &Device::Cpu)
}

/// Every second one decays, every third has a momentum of its own.
fn step(t: u64) -> Step {
    let momentum = t.is_multiple_of(3).then_some(0.5);
    Step { t, lr: 0.03 * t as f64, weight_decay: 0.02 * (t % 2) as f64, momentum, ..Step::default() }
}

/// The values of `grad` with gaps between them: no slice, and so left to candle's operations.
fn with_gaps(grad: &Tensor) -> Result<Tensor> {
    Tensor::stack(&[grad, grad], 1)?.narrow(1, 1, 1)?.squeeze(1)
}

/// Holds the single pass of the rule, with any number of threads, to its composed form, which it
/// takes when the gradient is no slice or shares memory.
pub(crate) fn agree(rule: &dyn UpdateRule) -> Result<()> {
    for dtype in [DType::F32, DType::F64] {
        for n in [1, 7, 1000, 100_003] {
            for factor in [1.0, 0.3] {
                let slow = Run::new(rule, n, dtype)?;
                for t in 1..=STEPS {
                    let grad = with_gaps(&wave(n, t as f64)?.to_dtype(dtype)?)?;
                    assert!(n == 1 || !grad.is_contiguous());
                    rule.update_scaled(&slow.theta, &grad, factor, &slow.slots, step(t))?;
                }
                for threads in [1, 3] {
                    let fast = Run::new(rule, n, dtype)?;
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    for t in 1..=STEPS {
                        let grad = wave(n, t as f64)?.to_dtype(dtype)?;
                        pool.install(|| rule.update_scaled(&fast.theta, &grad, factor, &fast.slots, step(t)))?;
                    }
                    assert_eq!(fast.values()?, slow.values()?, "{dtype:?}, {n} elements, {threads} threads");
                }
            }
        }
    }
    shared_memory(rule)
}

/// Tensors that share memory take the composed way, where none is locked twice.
fn shared_memory(rule: &dyn UpdateRule) -> Result<()> {
    let [shared, apart] = [Run::new(rule, 7, DType::F64)?, Run::new(rule, 7, DType::F64)?];
    for t in 1..=STEPS {
        rule.update_scaled(&shared.theta, &shared.theta.detach(), 0.5, &shared.slots, step(t))?;
        rule.update_scaled(&apart.theta, &apart.theta.copy()?, 0.5, &apart.slots, step(t))?;
        if let ([shared_slot, ..], [apart_slot, ..]) = (&shared.slots[..], &apart.slots[..]) {
            rule.update_scaled(&shared.theta, &shared_slot.detach(), 0.5, &shared.slots, step(t))?;
            rule.update_scaled(&apart.theta, &apart_slot.copy()?, 0.5, &apart.slots, step(t))?;
        }
    }
    assert_eq!(shared.values()?, apart.values()?);
    Ok(())
}
