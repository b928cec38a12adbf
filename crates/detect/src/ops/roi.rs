//! A region of interest, and what is refused.

use candle_core::{DType, Result, Tensor};

use crate::boxes::BBox;

/// A box in one of the pictures of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Roi {
    /// The number of the picture in its batch.
    pub picture: usize,
    /// The box, pixels of the picture.
    pub bbox: BBox,
}

/// What an operation on regions does not take.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RoiError {
    /// A region lies in no picture.
    #[error("region {region} is one of picture {picture}, and the batch has {pictures}")]
    Picture {
        /// The number of the region.
        region: usize,
        /// The picture that it names.
        picture: usize,
        /// Pictures of the batch.
        pictures: usize,
    },
    /// A box has an edge that is NaN or infinite.
    #[error("the box of region {region} must have finite edges; got {bbox:?}")]
    Edges {
        /// The number of the region.
        region: usize,
        /// Its box.
        bbox: BBox,
    },
    /// A setting is out of its range.
    #[error("{field} must be {wanted}; got {got}")]
    Setting {
        /// Which.
        field: &'static str,
        /// What it takes.
        wanted: &'static str,
        /// What it is.
        got: f64,
    },
    /// The map is of another type or has no pixels.
    #[error("regions are read from a map (N,H,W,C) of float32 or float64 with pixels; got {dtype:?} {shape:?}")]
    Map {
        /// Its type.
        dtype: DType,
        /// Its shape.
        shape: Vec<usize>,
    },
}

impl From<RoiError> for candle_core::Error {
    fn from(error: RoiError) -> Self {
        Self::wrap(error)
    }
}

/// The sizes of a map.
#[derive(Clone, Copy, Debug)]
pub(super) struct MapSize {
    pub(super) n: usize,
    pub(super) h: usize,
    pub(super) w: usize,
    pub(super) c: usize,
}

impl MapSize {
    /// Those of a map that regions can be read from.
    pub(super) fn of(map: &Tensor, rois: &[Roi]) -> Result<Self> {
        let (dtype, shape) = (map.dtype(), map.dims().to_vec());
        let float = matches!(dtype, DType::F32 | DType::F64);
        let &[n, h, w, c] = map.dims() else { return Err(RoiError::Map { dtype, shape }.into()) };
        if !float || n * h * w * c == 0 {
            return Err(RoiError::Map { dtype, shape }.into());
        }
        for (region, &Roi { picture, bbox }) in rois.iter().enumerate() {
            if picture >= n {
                return Err(RoiError::Picture { region, picture, pictures: n }.into());
            }
            if !bbox.is_finite() {
                return Err(RoiError::Edges { region, bbox }.into());
            }
        }
        Ok(Self { n, h, w, c })
    }

    /// Where the elements of a pixel begin.
    pub(super) fn at(&self, picture: usize, y: usize, x: usize) -> usize {
        ((picture * self.h + y) * self.w + x) * self.c
    }
}

/// The numbers of the regions of each picture, in their order.
pub(super) fn by_picture(rois: &[Roi], pictures: usize) -> Vec<Vec<usize>> {
    let mut of: Vec<Vec<usize>> = vec![Vec::new(); pictures];
    for (region, roi) in rois.iter().enumerate() {
        of[roi.picture].push(region);
    }
    of
}

/// Refuses a side of the output, or a scale, that cannot be.
pub(super) fn check((height, width): (usize, usize), scale: f64) -> std::result::Result<(), RoiError> {
    for (field, side) in [("the height of a region's map", height), ("the width of a region's map", width)] {
        if !(1..=1024).contains(&side) {
            return Err(RoiError::Setting { field, wanted: "in 1..=1024", got: side as f64 });
        }
    }
    let good = scale > 0.0 && scale.is_finite();
    if good { Ok(()) } else { Err(RoiError::Setting { field: "scale", wanted: "a positive number", got: scale }) }
}
