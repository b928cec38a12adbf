//! Packed weights that are kept from one answer of a network to the next.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{Result, Tensor};

use crate::kernels;
use crate::kernels::conv::{self as kernel, Algorithm};
use crate::kernels::simd::{Real, Simd};
use crate::sizes::{Checked, Convolution, Products};

/// The weights of convolutions as their products read them, kept from one call to the next.
///
/// A convolution lays its weight out anew at every call, since in training it is another one each
/// time. A network that only answers is asked inside [`run`](PackedWeights::run): each weight is
/// packed by the first call that reads it. Results are the same to the bit.
///
/// **While it lives, the weights must not change**; a weight that it has packed is kept alive. It
/// takes as much memory as the weights of direct convolutions: 1x1, strided, dilated and grouped
/// ones. Depthwise ones and 3x3 ones of stride 1 pack nothing worth keeping.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_tensor::{Conv, PackedWeights, conv2d};
/// let x = Tensor::ones((1, 4, 4, 8), DType::F32, &Device::Cpu)?;
/// let weight = Tensor::ones((16, 8, 1, 1), DType::F32, &Device::Cpu)?;
/// let packed = PackedWeights::default();
/// let first = packed.run(|| conv2d(&x, &weight, None, Conv::default()))?;
/// let second = packed.run(|| conv2d(&x, &weight, None, Conv::default()))?; // packs nothing
/// assert_eq!(packed.len(), 1);
/// assert_eq!(first.flatten_all()?.to_vec1::<f32>()?, second.flatten_all()?.to_vec1::<f32>()?);
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct PackedWeights(Arc<Mutex<HashMap<Key, Kept>>>);

/// Where a weight lies, and what is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    address: usize,
    simd: Simd,
    algorithm: Algorithm,
    products: Products,
    groups: usize,
    shape: [usize; 4],
}

#[derive(Clone, Debug)]
struct Kept {
    /// Held, so that its address is nobody else's.
    _weight: Tensor,
    packed: Tensor,
}

thread_local! {
    static CURRENT: RefCell<Option<PackedWeights>> = const { RefCell::new(None) };
}

impl PackedWeights {
    /// Runs `f`, whose convolutions on this thread find their weights here, and leave them.
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Before(Option<PackedWeights>);
        impl Drop for Before {
            fn drop(&mut self) {
                CURRENT.set(self.0.take());
            }
        }
        let _before = Before(CURRENT.replace(Some(self.clone())));
        f()
    }

    /// How many weights are packed.
    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// That of a contiguous weight, if somebody on this thread wants them kept and its algorithm
    /// packs it.
    pub(crate) fn of<T: Real>(simd: Simd, d: Checked<Convolution>, weight: &Tensor) -> Result<Option<Tensor>> {
        let Some(current) = CURRENT.with_borrow(Clone::clone) else { return Ok(None) };
        if weight.track_op() {
            return Ok(None);
        }
        let address = kernels::with::<T, _>(weight, |weight| weight.as_ptr().addr())?;
        let (algorithm, shape) = (d.algorithm(), [d.o, d.c_group(), d.r, d.s]);
        let key = Key { address, simd, algorithm, products: d.products, groups: d.groups, shape };
        let mut all = current.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = all.get(&key) {
            return Ok(Some(kept.packed.clone()));
        }
        let Some(packed) = kernels::with::<T, _>(weight, |weight| kernel::packed(simd, d, weight))? else {
            return Ok(None);
        };
        let len = packed.len();
        let packed = kernels::tensor(packed, &len.into())?;
        all.insert(key, Kept { _weight: weight.clone(), packed: packed.clone() });
        Ok(Some(packed))
    }
}
