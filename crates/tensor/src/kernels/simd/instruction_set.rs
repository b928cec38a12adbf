//! Which instruction set the kernels run on.

use std::ffi::OsString;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

/// An instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Simd {
    /// Whatever the target has without asking.
    Portable = 1,
    /// AVX2 and FMA.
    Avx2 = 2,
    /// AVX-512F.
    Avx512 = 3,
}

/// What a test has forced; 0 for nothing.
static FORCED: AtomicU8 = AtomicU8::new(0);

/// The instruction set that kernels run on: the best of this processor, or a lesser one named by
/// the environment variable `TAPER_SIMD` (`avx512`, `avx2`, `portable`; read once), or by
/// [`force_simd`].
pub fn simd() -> Simd {
    match FORCED.load(Ordering::Relaxed) {
        1 => Simd::Portable,
        2 => Simd::Avx2,
        3 => Simd::Avx512,
        _ => chosen(),
    }
}

/// Makes all kernels of this process run on `simd`, or on the best set that the processor has if
/// that is lesser. For tests and comparisons: results of different sets differ in the last bits.
pub fn force_simd(simd: Simd) {
    FORCED.store(simd.min(best()) as u8, Ordering::Relaxed);
}

fn chosen() -> Simd {
    static CHOSEN: OnceLock<Simd> = OnceLock::new();
    *CHOSEN.get_or_init(|| simd_asked_for().ok().flatten().map_or(best(), |simd| simd.min(best())))
}

/// A value of `TAPER_SIMD` that names no instruction set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("TAPER_SIMD must be avx512, avx2 or portable, got {}", got.display())]
#[non_exhaustive]
pub struct SimdError {
    /// The value.
    pub got: OsString,
}

/// What the environment variable `TAPER_SIMD` asks for; none where it is not set. Kernels ignore an
/// invalid value: a program that wants to refuse it asks here when it starts.
///
/// # Errors
/// The value, when it names no instruction set.
pub fn simd_asked_for() -> Result<Option<Simd>, SimdError> {
    let Some(name) = std::env::var_os("TAPER_SIMD") else { return Ok(None) };
    match name.to_str() {
        Some("avx512") => Ok(Some(Simd::Avx512)),
        Some("avx2") => Ok(Some(Simd::Avx2)),
        Some("portable") => Ok(Some(Simd::Portable)),
        _ => Err(SimdError { got: name }),
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) fn best() -> Simd {
    // What `on_avx512` and `on_avx2` are compiled for, all of it: a virtual machine may hide some.
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    if avx2 && is_x86_feature_detected!("avx512f") {
        Simd::Avx512
    } else if avx2 {
        Simd::Avx2
    } else {
        Simd::Portable
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn best() -> Simd {
    Simd::Portable
}
