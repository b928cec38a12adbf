//! A part of a picture.

use image::RgbImage;

/// A rectangle of pixels: its upper left corner and its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    /// Distance from the left edge, in pixels.
    pub left: u32,
    /// Distance from the upper edge, in pixels.
    pub top: u32,
    /// Width, in pixels.
    pub width: u32,
    /// Height, in pixels.
    pub height: u32,
}

impl Rect {
    /// The part of it that lies in a picture; without pixels where none does.
    pub fn within(self, image: &RgbImage) -> Self {
        let left = self.left.min(image.width());
        let top = self.top.min(image.height());
        Self { left, top, width: self.width.min(image.width() - left), height: self.height.min(image.height() - top) }
    }
}
