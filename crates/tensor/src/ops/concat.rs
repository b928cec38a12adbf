//! Concatenation.

use candle_core::{D, Result, Shape, Tensor, WithDType, bail};

use super::composed;
use super::maps::like;
use crate::autograd::{Again, Kept, tape};
use crate::kernels::elementwise::concat as kernel;
use crate::kernels::{self, on_maps};
use crate::sizes::{given, made};

/// Feature maps side by side along their channels, the last axis.
///
/// # Shapes
/// (..,C₁), (..,C₂), … with all other axes equal to (..,C₁+C₂+…).
///
/// # Errors
/// When there is no map, they differ in another axis or in type, or the output is larger than
/// memory.
pub fn concat(maps: &[&Tensor]) -> Result<Tensor> {
    side_by_side(maps, Readers::KeepIt)
}

/// [`concat()`] for a network that does so again and again with the same maps: operations that read
/// the result keep no copy of what the maps hold anyway, and put it together again for their
/// gradients: memory that grows with the square of the number of maps, for one more pass each.
///
/// # Errors
/// As there.
pub fn concat_again(maps: &[&Tensor]) -> Result<Tensor> {
    side_by_side(maps, Readers::PutItTogether)
}

/// What operations that read the result do for their gradients.
#[derive(PartialEq)]
enum Readers {
    KeepIt,
    PutItTogether,
}

fn side_by_side(maps: &[&Tensor], readers: Readers) -> Result<Tensor> {
    let Some(first) = maps.first() else {
        bail!("concat: wanted one map or more; got none");
    };
    let channels = maps.iter().map(|x| x.dim(D::Minus1)).collect::<Result<Vec<_>>>()?;
    let Some((_, pixels)) = first.dims().split_last() else {
        bail!("concat: wanted maps (..,C); got a scalar");
    };
    if let Some(other) = maps.iter().find(|x| !x.dims().starts_with(pixels) || x.rank() != first.rank()) {
        bail!("concat: wanted maps that differ in the last axis alone; got {:?} and {:?}", first.dims(), other.dims());
    }
    maps.iter().try_for_each(|x| given("concat", x).map(drop))?;
    let width = channels.iter().fold(0, |sum: usize, &c| sum.saturating_add(c));
    let shape = [pixels, &[width]].concat();
    if made("concat", &shape, first.dtype().size_in_bytes())? == 0 {
        return composed::nothing(maps, &shape);
    }
    if !maps.iter().all(|x| kernels::fits_map(x, &[])) {
        return Tensor::cat(maps, D::Minus1);
    }
    let alike = maps.iter().map(|x| like(x, first)).collect::<Result<Vec<_>>>()?;
    let maps = &alike.iter().collect::<Vec<_>>()[..];
    let whole = maps.iter().map(|x| x.contiguous()).collect::<Result<Vec<_>>>()?;
    on_maps!(first.dtype(), M => {
        let y = joined::<M>(&whole, &channels)?;
        let parts: Vec<_> = maps.iter().map(|x| (x.shape().clone(), x.track_op())).collect();
        let sizes = (channels.clone(), Shape::from(shape.clone()));
        let y = tape::record(y, shape, maps, move |dy| {
            let mut from = 0;
            let grads = parts.iter().zip(&channels).map(|((shape, tracked), &c)| {
                let at = from;
                from += c;
                tracked.then(|| {
                    kernels::tensor(kernels::with::<M, _>(dy, |dy| kernel::cut(dy, width, at, c))?, shape)
                }).transpose()
            });
            grads.collect()
        })?;
        if readers == Readers::PutItTogether {
            let kept: Vec<Kept> = maps.iter().zip(&whole).map(|(x, map)| tape::kept(x, map)).collect();
            let (channels, shape) = sizes;
            tape::offer(&y, Again::new(move || {
                let whole = kept.iter().map(Kept::get).collect::<Result<Vec<_>>>()?;
                kernels::tensor(joined::<M>(&whole, &channels)?, &shape)
            }));
        }
        Ok(y)
    })
}

/// The elements of contiguous maps of so many channels each, side by side.
fn joined<M: WithDType>(maps: &[Tensor], channels: &[usize]) -> Result<Vec<M>> {
    on_slices::<M, _>(maps, Vec::new(), &mut |slices| {
        let parts: Vec<_> = slices.iter().copied().zip(channels.iter().copied()).collect();
        kernel::join(&parts)
    })
}

/// Runs a kernel on the elements of all tensors, however many.
pub(super) fn on_slices<T: WithDType, R>(
    tensors: &[Tensor],
    before: Vec<&[T]>,
    run: &mut dyn FnMut(&[&[T]]) -> R,
) -> Result<R> {
    match tensors.split_first() {
        None => Ok(run(&before)),
        Some((first, rest)) => {
            kernels::with::<T, _>(first, |slice| on_slices(rest, before.iter().copied().chain([slice]).collect(), run))?
        }
    }
}
