//! What a rule's single pass promises: the values of the form composed of candle's operations.

use candle_core::{DType, Device, Result, Tensor, Var};

use crate::rule::{Step, UpdateRule};

const STEPS: u64 = 4;

/// Parameters and slots after a few updates, one after the other.
struct Run {
    theta: Var,
    slots: Vec<Var>,
}

impl Run {
    fn new(rule: &dyn UpdateRule, n: usize, dtype: DType) -> Result<Self> {
        let zeros = |_| Var::zeros(n, dtype, &Device::Cpu);
        let slots = rule.slots().iter().map(zeros).collect::<Result<_>>()?;
        Ok(Self { theta: Var::from_tensor(&wave(n, 0.5)?.to_dtype(dtype)?)?, slots })
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

/// Every second one decays.
fn step(t: u64) -> Step {
    Step { t, lr: 0.03 * t as f64, weight_decay: 0.02 * (t % 2) as f64 }
}

/// Holds `update_scaled` of the rule to its composed form, with any number of threads and when the
/// gradient is no slice.
pub(crate) fn agree(
    rule: &dyn UpdateRule,
    composed: impl Fn(&Var, &Tensor, f64, &[Var], Step) -> Result<()>,
) -> Result<()> {
    for dtype in [DType::F32, DType::F64] {
        for n in [1, 7, 1000, 100_003] {
            for factor in [1.0, 0.3] {
                let slow = Run::new(rule, n, dtype)?;
                let fast = [1, 3].map(|threads| (threads, Run::new(rule, n, dtype)));
                let strided = Run::new(rule, n, dtype)?;
                for t in 1..=STEPS {
                    let grad = wave(n, t as f64)?.to_dtype(dtype)?;
                    composed(&slow.theta, &grad, factor, &slow.slots, step(t))?;
                }
                for (threads, run) in fast {
                    let run = run?;
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    for t in 1..=STEPS {
                        let grad = wave(n, t as f64)?.to_dtype(dtype)?;
                        pool.install(|| rule.update_scaled(&run.theta, &grad, factor, &run.slots, step(t)))?;
                    }
                    assert_eq!(run.values()?, slow.values()?, "{dtype:?}, {n} elements, {threads} threads");
                }
                for t in 1..=STEPS {
                    let grad = wave(n, t as f64)?.to_dtype(dtype)?;
                    let grad = Tensor::stack(&[&grad, &grad], 1)?.narrow(1, 1, 1)?.squeeze(1)?;
                    rule.update_scaled(&strided.theta, &grad, factor, &strided.slots, step(t))?;
                }
                assert_eq!(strided.values()?, slow.values()?, "{dtype:?}, {n} strided elements");
            }
        }
    }
    shared_memory(rule, composed)
}

/// Tensors that share memory take the composed way, where none is locked twice.
fn shared_memory(
    rule: &dyn UpdateRule,
    composed: impl Fn(&Var, &Tensor, f64, &[Var], Step) -> Result<()>,
) -> Result<()> {
    let [fast, slow] = [Run::new(rule, 7, DType::F64)?, Run::new(rule, 7, DType::F64)?];
    for t in 1..=STEPS {
        rule.update_scaled(&fast.theta, &fast.theta.detach(), 0.5, &fast.slots, step(t))?;
        composed(&slow.theta, &slow.theta.detach(), 0.5, &slow.slots, step(t))?;
        if let ([fast_slot, ..], [slow_slot, ..]) = (&fast.slots[..], &slow.slots[..]) {
            rule.update_scaled(&fast.theta, &fast_slot.detach(), 0.5, &fast.slots, step(t))?;
            composed(&slow.theta, &slow_slot.detach(), 0.5, &slow.slots, step(t))?;
        }
    }
    assert_eq!(fast.values()?, slow.values()?);
    Ok(())
}
