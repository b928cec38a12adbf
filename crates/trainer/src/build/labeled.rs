//! Pictures in memory with several labels or numbers, for tests.

use taper_data::{DataError, Dataset, LabelKind, RgbImage};
use taper_tensor::Rng;

/// Pictures whose labels are what can be seen in them: how bright their left half is in red, and
/// their right half in green.
#[derive(Debug)]
pub(crate) struct Labeled {
    kind: LabelKind,
    shades: Vec<[u8; 2]>,
    classes: Vec<String>,
}

/// So many of them, with labels of this kind: whether each half is bright, or how bright it is.
pub(crate) fn labeled(kind: LabelKind, count: usize) -> Labeled {
    let mut rng = Rng::new(5).fork("labeled");
    let shades = (0..count).map(|_| [0; 2].map(|_: u8| rng.below(256) as u8)).collect();
    Labeled { kind, shades, classes: vec!["left".into(), "right".into()] }
}

impl Labeled {
    fn bright(&self, index: usize) -> [bool; 2] {
        self.shades[index].map(|shade| shade > 127)
    }
}

impl Dataset for Labeled {
    fn len(&self) -> usize {
        self.shades.len()
    }

    fn get(&self, index: usize) -> Result<RgbImage, DataError> {
        let [left, right] = self.shades[index];
        Ok(RgbImage::from_fn(16, 16, |x, _| image::Rgb(if x < 8 { [left, 60, 60] } else { [60, right, 60] })))
    }

    fn label(&self, index: usize) -> usize {
        self.bright(index).iter().position(|bright| *bright).unwrap_or(0)
    }

    fn label_kind(&self) -> LabelKind {
        self.kind
    }

    fn target(&self, index: usize, row: &mut [f32]) -> Result<(), DataError> {
        match self.kind {
            LabelKind::One => row[self.label(index)] = 1.0,
            LabelKind::Many => row.iter_mut().zip(self.bright(index)).for_each(|(t, bright)| *t = f32::from(bright)),
            LabelKind::Number => {
                row.iter_mut().zip(self.shades[index]).for_each(|(t, shade)| *t = 1000.0 + f32::from(shade));
            }
        }
        Ok(())
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn name(&self, index: usize) -> String {
        format!("{index}.png")
    }
}
