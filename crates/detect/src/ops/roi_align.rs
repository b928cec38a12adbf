//! RoIAlign.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, WithDType};
use rayon::prelude::*;

use super::elements::{add_scaled, elements, on_type};
use super::roi::{MapSize, Roi, RoiError, by_picture, check};
use super::taps::{Axis, Bin};

/// Settings of [`roi_align`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoiAlign {
    /// Height and width of a region's map. Default (7, 7), the paper's and torchvision's.
    pub output: (usize, usize),
    /// Pixels of the map for a pixel of the picture, such as 1/16. Default 1.
    pub scale: f64,
    /// Points along each side of a bin that are averaged; 0 for as many as a bin has pixels,
    /// rounded up. Default 2, that of torchvision's detectors.
    pub sampling_ratio: usize,
    /// Whether the middle of the upper left pixel is at (1/2, 1/2), where it is: the region is
    /// moved by half a pixel. Else it is read as if that pixel were at (0, 0), and a region has a
    /// pixel at least. Default `false`, as in torchvision's detectors.
    pub aligned: bool,
}

impl Default for RoiAlign {
    fn default() -> Self {
        Self { output: (7, 7), scale: 1.0, sampling_ratio: 2, aligned: false }
    }
}

impl RoiAlign {
    /// The pixels that the bins of a region read, by rows and by columns.
    fn taps(&self, map: MapSize, roi: &Roi) -> [Vec<Bin>; 2] {
        let offset = if self.aligned { 0.5 } else { 0.0 };
        let axis = |from: f32, to: f32, bins, pixels| {
            let [start, end] = [from, to].map(|edge| f64::from(edge) * self.scale - offset);
            let length = if self.aligned { end - start } else { (end - start).max(1.0) };
            Axis { start, length, bins, points: self.sampling_ratio, pixels }.taps()
        };
        let b = &roi.bbox;
        [axis(b.y1, b.y2, self.output.0, map.h), axis(b.x1, b.x2, self.output.1, map.w)]
    }
}

/// Each region as a map of one size, read between the pixels:
///
/// ```text
/// y[r,i,j,c] = 1/|P| Σ_{(v,u) in P(r,i,j)} Σ_{a,b} max(0, 1 - |v - a|) max(0, 1 - |u - b|) x[n,a,b,c]
/// ```
///
/// with *P* the points of bin (i, j) of the region, spread evenly, and *n* its picture. A point
/// more than a pixel outside of the map is 0, one nearer is what the edge is.
///
/// # Shapes
/// x (N,H,W,C) and R regions to (R,[`output`](RoiAlign::output),C).
///
/// # Errors
/// When x is no map of float32 or float64, a region is in no picture of the batch or has an edge
/// that is not finite, or a setting is out of its range ([`RoiError`]).
///
/// # Differs from PyTorch
/// Maps have their channels last. Where the number of points follows from the region, it is 1024 a
/// side at most.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor};
/// use taper_detect::boxes::BBox;
/// use taper_detect::ops::{Roi, RoiAlign, roi_align};
/// let map = Tensor::arange(0f32, 16.0, &Device::Cpu)?.reshape((1, 4, 4, 1))?;
/// let roi = Roi { picture: 0, bbox: BBox::new(0.0, 0.0, 2.0, 2.0) };
/// let y = roi_align(&map, &[roi], RoiAlign { output: (1, 1), ..RoiAlign::default() })?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [5.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # References
/// K. He, G. Gkioxari, P. Dollár, R. Girshick, *Mask R-CNN*, 2017.
pub fn roi_align(x: &Tensor, rois: &[Roi], config: RoiAlign) -> Result<Tensor> {
    check(config.output, config.scale)?;
    if config.sampling_ratio > 64 {
        let (field, got) = ("sampling_ratio", config.sampling_ratio as f64);
        return Err(RoiError::Setting { field, wanted: "in 0..=64", got }.into());
    }
    let map = MapSize::of(x, rois)?;
    if rois.is_empty() {
        return Tensor::zeros((0, config.output.0, config.output.1, map.c), x.dtype(), x.device());
    }
    let taps = rois.iter().map(|roi| config.taps(map, roi)).collect();
    let plan = Arc::new(Plan { map, output: config.output, rois: rois.to_vec(), taps });
    x.contiguous()?.apply_op1(Forward(plan))
}

/// All that forward and backward have in common.
struct Plan {
    map: MapSize,
    output: (usize, usize),
    rois: Vec<Roi>,
    taps: Vec<[Vec<Bin>; 2]>,
}

impl Plan {
    fn forward<T: WithDType>(&self, x: &[T]) -> Vec<T> {
        let Self { map, output: (h, w), .. } = *self;
        let mut y = vec![T::zero(); self.rois.len() * h * w * map.c];
        y.par_chunks_mut(h * w * map.c).enumerate().for_each(|(region, y)| {
            let [rows, columns] = &self.taps[region];
            for (bin, y) in y.chunks_mut(map.c).enumerate() {
                for &(v, a) in &rows[bin / w] {
                    for &(u, b) in &columns[bin % w] {
                        let at = map.at(self.rois[region].picture, v, u);
                        add_scaled(y, T::from_f64(a * b), &x[at..at + map.c]);
                    }
                }
            }
        });
        y
    }

    /// The gradient of the map, a row of pixels by one thread.
    fn backward<T: WithDType>(&self, dy: &[T]) -> Vec<T> {
        let Self { map, output: (h, w), .. } = *self;
        let of = by_picture(&self.rois, map.n);
        let mut dx = vec![T::zero(); map.n * map.h * map.w * map.c];
        dx.par_chunks_mut(map.w * map.c).enumerate().for_each(|(line, dx)| {
            for &region in &of[line / map.h] {
                let [rows, columns] = &self.taps[region];
                for (i, row) in rows.iter().enumerate() {
                    let Some(&(_, a)) = row.iter().find(|(v, _)| *v == line % map.h) else { continue };
                    for (j, column) in columns.iter().enumerate() {
                        let from = ((region * h + i) * w + j) * map.c;
                        for &(u, b) in column {
                            let dx = &mut dx[u * map.c..(u + 1) * map.c];
                            add_scaled(dx, T::from_f64(a * b), &dy[from..from + map.c]);
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
        "roi_align"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Plan { map, output: (h, w), ref rois, .. } = *self.0;
        let y = on_type!(x, T => T::to_cpu_storage_owned(self.0.forward::<T>(elements(x, layout)?)));
        Ok((y, (rois.len(), h, w, map.c).into()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(dy.contiguous()?.apply_op1_no_bwd(&Backward(self.0.clone()))?))
    }
}

struct Backward(Arc<Plan>);

impl CustomOp1 for Backward {
    fn name(&self) -> &'static str {
        "roi_align_backward"
    }

    fn cpu_fwd(&self, dy: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let MapSize { n, h, w, c } = self.0.map;
        let dx = on_type!(dy, T => T::to_cpu_storage_owned(self.0.backward::<T>(elements(dy, layout)?)));
        Ok((dx, (n, h, w, c).into()))
    }
}
