//! What a network is trained on.

use candle_core::{Result, Tensor, bail};

/// Pictures and what they show.
///
/// Targets are probabilities, so that labels, smoothed labels, mixed pictures and the outputs of a
/// teacher are all trained with the one loss [`cross_entropy`](crate::cross_entropy).
#[derive(Clone, Debug)]
pub struct Batch {
    /// Normalized pictures, (N,H,W,3).
    pub images: Tensor,
    /// One distribution over the C classes for each picture, (N,C); rows sum to 1.
    pub targets: Tensor,
}

impl Batch {
    /// Puts both together.
    ///
    /// # Errors
    /// When images are not (N,H,W,channels), targets not (N,C), or the two N differ.
    pub fn new(images: Tensor, targets: Tensor) -> Result<Self> {
        let (n, ..) = images.dims4()?;
        let (rows, _) = targets.dims2()?;
        if n != rows {
            bail!("a batch needs as many rows of targets as pictures: got {rows} rows for {n} pictures");
        }
        Ok(Self { images, targets })
    }

    /// How many pictures.
    pub fn len(&self) -> usize {
        self.images.dims()[0]
    }

    /// Whether there is no picture.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
