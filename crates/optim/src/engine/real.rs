use std::ops::{Add, Div, Mul, Sub};

use candle_core::{CpuStorage, DType, Layout};

/// The two types that parameters have.
pub(crate) trait Real:
    Copy + Send + Sync + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    const DTYPE: DType;

    fn of(value: f64) -> Self;

    fn to_f64(self) -> f64;

    fn root(self) -> Self;

    fn magnitude(self) -> Self;

    /// -1, 0 or 1.
    fn sign(self) -> Self;

    fn larger(self, other: Self) -> Self;

    /// All elements of a storage that holds this type.
    fn all(storage: &CpuStorage) -> Option<&[Self]>;

    fn all_mut(storage: &mut CpuStorage) -> Option<&mut [Self]>;

    /// The elements of a contiguous tensor of this type.
    fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Option<&'a [Self]> {
        let (start, end) = layout.contiguous_offsets()?;
        Self::all(storage)?.get(start..end)
    }

    /// The elements of a contiguous tensor of this type, to be changed.
    fn slice_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Option<&'a mut [Self]> {
        let (start, end) = layout.contiguous_offsets()?;
        Self::all_mut(storage)?.get_mut(start..end)
    }
}

macro_rules! real {
    ($type:ident, $dtype:ident) => {
        impl Real for $type {
            const DTYPE: DType = DType::$dtype;

            #[inline]
            fn of(value: f64) -> Self {
                value as Self
            }

            #[inline]
            fn to_f64(self) -> f64 {
                self.into()
            }

            #[inline]
            fn root(self) -> Self {
                self.sqrt()
            }

            #[inline]
            fn magnitude(self) -> Self {
                self.abs()
            }

            #[inline]
            fn sign(self) -> Self {
                Self::from(i8::from(self > 0.0)) - Self::from(i8::from(self < 0.0))
            }

            #[inline]
            fn larger(self, other: Self) -> Self {
                if self < other { other } else { self }
            }

            fn all(storage: &CpuStorage) -> Option<&[Self]> {
                match storage {
                    CpuStorage::$dtype(values) => Some(values),
                    _ => None,
                }
            }

            fn all_mut(storage: &mut CpuStorage) -> Option<&mut [Self]> {
                match storage {
                    CpuStorage::$dtype(values) => Some(values),
                    _ => None,
                }
            }
        }
    };
}

real!(f32, F32);
real!(f64, F64);
