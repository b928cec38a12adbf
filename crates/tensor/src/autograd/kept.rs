//! What an operation keeps of a map that it has read: the map, or how to compute it once more.
//!
//! Memory of a training step is what the backward pass will ask for. The output of a batch norm
//! follows from its input, which the norm keeps anyway, in one pass over memory, and so does a
//! concatenation from its parts; whoever reads such a result keeps how to compute it in the place
//! of the map, which halves what a network of convolutions and norms holds. The operation that made
//! it offers it ([`offer`](super::tape::offer)); it is the same to the bit.

use std::sync::{Arc, Mutex};

use candle_core::{Result, Tensor};

use super::lock::lock;

/// A result that can be computed again. While several still want it, it is computed once.
pub(crate) struct Again {
    compute: Box<dyn Fn() -> Result<Tensor> + Send + Sync>,
    wanted: Mutex<Wanted>,
}

/// Who wants a result.
#[derive(Default)]
struct Wanted {
    by: usize,
    result: Option<Tensor>,
}

impl Again {
    pub(crate) fn new(compute: impl Fn() -> Result<Tensor> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { compute: Box::new(compute), wanted: Mutex::default() })
    }
}

/// A contiguous map that is kept for the backward pass.
pub(crate) enum Kept {
    /// Itself.
    Map(Tensor),
    /// How to compute it from what is kept by others.
    Again(Handle),
}

/// One of those who want a result.
pub(crate) struct Handle(Arc<Again>);

impl Kept {
    /// By way of computing it again.
    pub(super) fn again(again: Arc<Again>) -> Self {
        lock(&again.wanted).by += 1;
        Kept::Again(Handle(again))
    }

    /// The map.
    pub(crate) fn get(&self) -> Result<Tensor> {
        let again = match self {
            Kept::Map(map) => return Ok(map.clone()),
            Kept::Again(Handle(again)) => again,
        };
        if let Some(result) = &lock(&again.wanted).result {
            return Ok(result.clone());
        }
        let result = (again.compute)()?;
        let mut wanted = lock(&again.wanted);
        wanted.result = (wanted.by > 1).then(|| result.clone());
        Ok(result)
    }

    /// Whether nobody else will read the map that [`get`](Self::get) has given.
    pub(crate) fn is_last(&self) -> bool {
        match self {
            Kept::Map(_) => false,
            Kept::Again(Handle(again)) => lock(&again.wanted).by == 1,
        }
    }
}

impl Clone for Kept {
    fn clone(&self) -> Self {
        match self {
            Kept::Map(map) => Kept::Map(map.clone()),
            Kept::Again(Handle(again)) => Self::again(again.clone()),
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut wanted = lock(&self.0.wanted);
        wanted.by -= 1;
        if wanted.by == 0 {
            wanted.result = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use candle_core::{DType, Device};

    use super::*;

    #[test]
    fn a_result_is_computed_once_for_all_who_want_it_and_then_let_go() -> Result<()> {
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = runs.clone();
        let again = Again::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Tensor::zeros(3, DType::F32, &Device::Cpu)
        });
        let first = Kept::again(again.clone());
        let second = first.clone();
        let result = first.get()?;
        assert_eq!((second.get()?.id(), second.is_last()), (result.id(), false));
        drop(first);
        assert!(second.is_last() && second.get()?.id() == result.id());
        drop(second);
        assert!(lock(&again.wanted).result.is_none());
        // Alone it is kept by nobody.
        let third = Kept::again(again.clone());
        assert!(third.get()?.id() != third.get()?.id());
        assert_eq!(runs.load(Ordering::Relaxed), 3);
        Ok(())
    }
}
