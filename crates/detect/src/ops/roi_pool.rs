//! RoI max pooling.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, WithDType};
use rayon::prelude::*;

use super::elements::{elements, on_type};
use super::roi::{MapSize, Roi, by_picture, check};

/// Settings of [`roi_pool`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoiPool {
    /// Height and width of a region's map. Default (7, 7), the paper's for VGG-16.
    pub output: (usize, usize),
    /// Pixels of the map for a pixel of the picture, such as 1/16. Default 1.
    pub scale: f64,
}

impl Default for RoiPool {
    fn default() -> Self {
        Self { output: (7, 7), scale: 1.0 }
    }
}

impl RoiPool {
    /// The pixels of each bin, by rows and by columns: a region is rounded to whole pixels, and has
    /// one at least.
    fn bins(&self, map: MapSize, roi: &Roi) -> [Vec<Range<usize>>; 2] {
        let axis = |from: f32, to: f32, bins: usize, pixels: usize| -> Vec<Range<usize>> {
            let [start, end] = [from, to].map(|edge| (f64::from(edge) * self.scale).round());
            let bin = (end - start + 1.0).max(1.0) / bins as f64;
            // A cast to usize takes what is below 0 to 0.
            let at = |edge: f64| ((edge + start) as usize).min(pixels);
            (0..bins).map(|i| at((i as f64 * bin).floor())..at(((i + 1) as f64 * bin).ceil())).collect()
        };
        let b = &roi.bbox;
        [axis(b.y1, b.y2, self.output.0, map.h), axis(b.x1, b.x2, self.output.1, map.w)]
    }
}

/// Each region as a map of one size, the maximum of each channel over the pixels of each bin:
///
/// ```text
/// y[r,i,j,c] = max { x[n,v,u,c] : v in rows(r,i), u in columns(r,j) }
/// ```
///
/// A region is rounded to pixels of the map, both ends included, and cut into bins that share the
/// pixels that they meet in. A bin outside of the map is 0. The gradient goes to the first maximum
/// of a bin in row order.
///
/// # Shapes
/// x (N,H,W,C) and R regions to (R,[`output`](RoiPool::output),C).
///
/// # Errors
/// As [`roi_align`](super::roi_align).
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor};
/// use taper_detect::boxes::BBox;
/// use taper_detect::ops::{Roi, RoiPool, roi_pool};
/// let map = Tensor::arange(0f32, 16.0, &Device::Cpu)?.reshape((1, 4, 4, 1))?;
/// let roi = Roi { picture: 0, bbox: BBox::new(1.0, 1.0, 2.0, 2.0) };
/// let y = roi_pool(&map, &[roi], RoiPool { output: (1, 2), ..RoiPool::default() })?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [9.0, 10.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # References
/// R. Girshick, *Fast R-CNN*, 2015.
pub fn roi_pool(x: &Tensor, rois: &[Roi], config: RoiPool) -> Result<Tensor> {
    check(config.output, config.scale)?;
    let map = MapSize::of(x, rois)?;
    if rois.is_empty() {
        return Tensor::zeros((0, config.output.0, config.output.1, map.c), x.dtype(), x.device());
    }
    let bins = rois.iter().map(|roi| config.bins(map, roi)).collect();
    let plan = Arc::new(Plan { map, output: config.output, rois: rois.to_vec(), bins });
    x.contiguous()?.apply_op1(Forward(plan))
}

/// All that forward and backward have in common.
struct Plan {
    map: MapSize,
    output: (usize, usize),
    rois: Vec<Roi>,
    bins: Vec<[Vec<Range<usize>>; 2]>,
}

impl Plan {
    /// Numbers of a region's map.
    fn size(&self) -> usize {
        self.output.0 * self.output.1 * self.map.c
    }

    /// Calls `see` with the channel and the place of each pixel of a bin, in row order.
    fn pixels(&self, region: usize, bin: usize, mut see: impl FnMut(usize)) {
        let [rows, columns] = &self.bins[region];
        for v in rows[bin / self.output.1].clone() {
            for u in columns[bin % self.output.1].clone() {
                see(self.map.at(self.rois[region].picture, v, u));
            }
        }
    }

    fn forward<T: WithDType>(&self, x: &[T]) -> Vec<T> {
        let c = self.map.c;
        let mut y = vec![T::zero(); self.rois.len() * self.size()];
        y.par_chunks_mut(self.size()).enumerate().for_each(|(region, y)| {
            for (bin, y) in y.chunks_mut(c).enumerate() {
                let mut first = true;
                self.pixels(region, bin, |at| {
                    for (y, &x) in y.iter_mut().zip(&x[at..at + c]) {
                        if first || x > *y {
                            *y = x;
                        }
                    }
                    first = false;
                });
            }
        });
        y
    }

    /// Where the first maximum of each number of the regions' maps is; `usize::MAX` for none.
    fn places<T: WithDType>(&self, x: &[T]) -> Vec<usize> {
        let c = self.map.c;
        let mut places = vec![usize::MAX; self.rois.len() * self.size()];
        places.par_chunks_mut(self.size()).enumerate().for_each(|(region, places)| {
            for (bin, places) in places.chunks_mut(c).enumerate() {
                self.pixels(region, bin, |at| {
                    for (channel, place) in places.iter_mut().enumerate() {
                        if *place == usize::MAX || x[at + channel] > x[*place] {
                            *place = at + channel;
                        }
                    }
                });
            }
        });
        places
    }

    /// The gradient of the map, a row of pixels by one thread.
    fn backward<T: WithDType>(&self, x: &[T], dy: &[T]) -> Vec<T> {
        let MapSize { n, h, w, c } = self.map;
        let (places, of, size) = (self.places(x), by_picture(&self.rois, n), self.size());
        let mut dx = vec![T::zero(); n * h * w * c];
        dx.par_chunks_mut(w * c).enumerate().for_each(|(line, dx)| {
            let begin = line * w * c;
            for &region in &of[line / h] {
                let rows = &self.bins[region][0];
                for i in (0..rows.len()).filter(|&i| rows[i].contains(&(line % h))) {
                    let from = region * size + i * self.output.1 * c;
                    for at in from..from + self.output.1 * c {
                        if let Some(dx) = places[at].checked_sub(begin).and_then(|place| dx.get_mut(place)) {
                            *dx += dy[at];
                        }
                    }
                }
            }
        });
        dx
    }
}

struct Forward(Arc<Plan>);

impl CustomOp1 for Forward {
    fn name(&self) -> &'static str {
        "roi_pool"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Plan { map, output: (h, w), ref rois, .. } = *self.0;
        let y = on_type!(x, T => T::to_cpu_storage_owned(self.0.forward::<T>(elements(x, layout)?)));
        Ok((y, (rois.len(), h, w, map.c).into()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(x.contiguous()?.apply_op2_no_bwd(&dy.contiguous()?, &Backward(self.0.clone()))?))
    }
}

struct Backward(Arc<Plan>);

impl CustomOp2 for Backward {
    fn name(&self) -> &'static str {
        "roi_pool_backward"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout, dy: &CpuStorage, ldy: &Layout) -> Result<(CpuStorage, Shape)> {
        let MapSize { n, h, w, c } = self.0.map;
        let dx = on_type!(x, T => {
            T::to_cpu_storage_owned(self.0.backward::<T>(elements(x, lx)?, elements(dy, ldy)?))
        });
        Ok((dx, (n, h, w, c).into()))
    }
}
