//! Pixels of a picture.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

use super::DrawError;

/// Pixels of the PNG to one of the SVG, so that letters stay sharp on a fine screen and in print.
const SCALE: f32 = 2.0;

/// An SVG of this module as a PNG, twice as wide and high. Its letters come from the binary: no
/// font need be installed.
///
/// # Errors
/// [`DrawError`] when the text is no SVG, or one of no size.
pub fn png(svg: &str) -> Result<Vec<u8>, DrawError> {
    let mut options = Options::default();
    let fonts = options.fontdb_mut();
    for font in [dejavu::sans::regular(), dejavu::sans::bold()] {
        fonts.load_font_data(font.to_vec());
    }
    fonts.set_sans_serif_family("DejaVu Sans");
    let tree = Tree::from_str(svg, &options).map_err(DrawError::of)?;
    let size = tree.size().to_int_size().scale_by(SCALE).ok_or_else(|| DrawError::of("it has no size"))?;
    let pixels = Pixmap::new(size.width(), size.height());
    let mut pixels = pixels.ok_or_else(|| DrawError::of(format!("{size:?} is too large for a PNG")))?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().map_err(DrawError::of)
}

#[cfg(test)]
mod tests {
    use super::super::canvas::{Letters, TEXT, picture};
    use super::*;

    fn pixels(text: &str) -> image::RgbaImage {
        let svg = picture([80.0, 20.0], |canvas| canvas.text(text, [4.0, 16.0], Letters::TITLE)).unwrap();
        image::load_from_memory(&png(&svg).unwrap()).unwrap().to_rgba8()
    }

    #[test]
    fn letters_are_drawn_without_a_font_of_the_system() {
        let image = pixels("x² - κ");
        assert_eq!(image.dimensions(), (160, 40));
        let dark = |image: &image::RgbaImage| image.pixels().filter(|pixel| pixel.0[0] < 0x80).count();
        assert!(dark(&image) > 100 && dark(&pixels("")) == 0);
        assert!(image.pixels().any(|pixel| pixel.0[..3] == [TEXT.0, TEXT.1, TEXT.2]));
    }

    #[test]
    fn what_is_no_svg_is_refused() {
        let error = png("<p>no picture</p>").unwrap_err();
        assert_eq!(error.to_string(), "the picture cannot be drawn");
        assert!(!error.source.to_string().is_empty());
    }
}
