//! The elements of candle's tensors, and new ones.

use candle_core::{CpuStorage, Layout, Result, WithDType, bail};

/// The elements of a contiguous tensor.
pub(super) fn elements<'a, T: WithDType>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [T]> {
    let all = storage.as_slice::<T>()?;
    match layout.contiguous_offsets().and_then(|(from, to)| all.get(from..to)) {
        Some(elements) => Ok(elements),
        None => bail!("regions are read from contiguous maps"),
    }
}

/// Runs a function of the elements' type.
macro_rules! on_type {
    ($storage:expr, $T:ident => $run:expr) => {
        match $storage {
            candle_core::CpuStorage::F32(_) => {
                type $T = f32;
                $run
            }
            candle_core::CpuStorage::F64(_) => {
                type $T = f64;
                $run
            }
            _ => candle_core::bail!("regions are read from maps of float32 or float64"),
        }
    };
}
pub(super) use on_type;

/// `y += a x`, element by element.
pub(super) fn add_scaled<T: WithDType>(y: &mut [T], a: T, x: &[T]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}
