//! A backward pass that another thread computes, while this one sends what it has come to.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use candle_core::backprop::GradStore;
use candle_core::{Tensor, TensorId};
use taper_tensor::{Told, backward_told};

use super::error::FitError;
use crate::error::Result;

/// How long another thread may take to begin, before this one does the work itself.
const BEGIN: Duration = Duration::from_millis(2);

/// A backward pass under way.
pub(super) struct Overlap {
    told: Receiver<Told>,
    done: Receiver<candle_core::Result<GradStore>>,
    /// By variable, what has come.
    come: HashMap<TensorId, Told>,
    grads: Option<GradStore>,
}

impl Overlap {
    /// Begins one on a thread of the pool.
    pub(super) fn begin(loss: &Tensor) -> Self {
        let ((tell, told), (end, done)) = (channel(), channel());
        let (loss, begun) = (loss.clone(), Arc::<AtomicBool>::default());
        let begins = Arc::clone(&begun);
        rayon::spawn(move || {
            begins.store(true, Ordering::Relaxed);
            // Who no longer waits has an error of its own.
            let _ = end.send(backward_told(&loss, tell));
        });
        let start = Instant::now();
        while rayon::current_num_threads() > 1 && !begun.load(Ordering::Relaxed) && start.elapsed() < BEGIN {
            std::thread::yield_now();
        }
        Self { told, done, come: HashMap::new(), grads: None }
    }

    /// Waits until the gradient of a variable is the sum of so many terms, or the pass has ended.
    /// Meanwhile this thread helps with it. None where it has ended without.
    pub(super) fn gradient(&mut self, variable: TensorId, terms: usize) -> Result<Option<Tensor>> {
        loop {
            while let Ok(told) = self.told.try_recv() {
                self.come.insert(told.variable, told);
            }
            match self.come.get(&variable) {
                Some(told) if told.terms == terms => return Ok(Some(told.gradient.clone())),
                Some(told) if told.terms > terms => return Err(FitError::OtherGraph.into()),
                _ if self.grads.is_some() => return Ok(None),
                _ => {}
            }
            self.look()?;
        }
    }

    /// The gradients of all, once they are there.
    pub(super) fn end(mut self) -> Result<GradStore> {
        loop {
            match self.grads.take() {
                Some(grads) => return Ok(grads),
                None => self.look()?,
            }
        }
    }

    /// Sees whether the pass has ended, and does some of its work where it has not.
    fn look(&mut self) -> Result<()> {
        match self.done.try_recv() {
            Ok(grads) => self.grads = Some(grads?),
            Err(TryRecvError::Disconnected) => return Err(FitError::OtherGraph.into()),
            Err(TryRecvError::Empty) => {
                if !matches!(rayon::yield_now(), Some(rayon::Yield::Executed)) {
                    std::thread::sleep(Duration::from_micros(20));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};
    use taper_tensor::relu;

    use super::*;

    #[test]
    fn gradients_come_one_by_one_and_all_at_the_end() {
        let [x, other] = [0.5f32, 2.0].map(|value| Var::new(&[value, -1.0], &Device::Cpu).unwrap());
        let once = || relu(&x).unwrap();
        let work = || {
            let mut pass = Overlap::begin(&once().sum_all().unwrap());
            let grad = pass.gradient(x.id(), 1).unwrap().unwrap();
            assert_eq!(grad.to_vec1::<f32>().unwrap(), [1.0, 0.0]);
            assert!(pass.gradient(other.id(), 1).unwrap().is_none());
            assert_eq!(pass.end().unwrap().get(&x).unwrap().id(), grad.id());
        };
        work();
        rayon::scope(|_| work());
        // A term more than there should be.
        let mut pass = Overlap::begin(&(once() + once()).unwrap().sum_all().unwrap());
        assert!(pass.gradient(other.id(), 1).unwrap().is_none());
        assert!(matches!(pass.gradient(x.id(), 1), Err(crate::error::Error::Fit(FitError::OtherGraph))));
    }
}
