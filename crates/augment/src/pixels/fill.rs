//! What an erased part is filled with.

use image::{Rgb, RgbImage};
use serde::{Deserialize, Serialize};
use taper_tensor::Rng;

use crate::geometry::Rect;

/// What an erased part is filled with.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// One color: red, green, blue.
    Color([u8; 3]),
    /// Every value of every pixel drawn anew, uniform in 0..=255: the form that the paper finds
    /// best.
    Noise,
}

impl Default for Fill {
    /// The mean color of ImageNet, which the normalization of most pretrained networks turns into
    /// zeros: torchvision's.
    fn default() -> Self {
        Self::Color([124, 116, 104])
    }
}

/// Fills a rectangle, which lies within the picture.
pub(super) fn hide(image: &mut RgbImage, rect: Rect, fill: Fill, rng: &mut Rng) {
    for y in rect.top..rect.top + rect.height {
        for x in rect.left..rect.left + rect.width {
            let color = match fill {
                Fill::Color(color) => color,
                Fill::Noise => [(); 3].map(|()| rng.below(256) as u8),
            };
            image.put_pixel(x, y, Rgb(color));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read_and_recipes_keep_theirs() {
        let ink = Fill::Color([1, 2, 3]);
        for text in [r#"{"color":[1,2,3]}"#, r#"{"color":[1,2,3]}"#] {
            assert_eq!(serde_json::from_str::<Fill>(text).unwrap(), ink);
        }
        assert_eq!(serde_json::to_string(&ink).unwrap(), r#"{"color":[1,2,3]}"#);
        assert_eq!(serde_json::to_string(&Fill::Noise).unwrap(), r#""noise""#);
    }
}
