//! What kind of JPEG a header describes, and which decoder reads it.

use jpeg_decoder::ColorTransform;

use super::header::Header;

impl Header {
    /// The most samples that a component has, across and down.
    fn most(&self) -> [u8; 2] {
        let most = |side: usize| self.components.iter().map(|(_, samples)| samples[side]).max().unwrap_or(0);
        [most(0), most(1)]
    }

    /// Whether a component has several samples for one of another.
    pub(super) fn is_coarse(&self) -> bool {
        self.components.iter().any(|(_, samples)| *samples != self.most())
    }

    /// The kind of JPEG, where neither decoder reads it.
    pub(super) fn unsupported(&self) -> Option<String> {
        let (most, count) = (self.most(), self.components.len());
        let coding = match self.coding {
            0xc0..=0xc2 => None,
            0xc3 => Some("a lossless JPEG"),
            0xc9..=0xcb => Some("a JPEG in arithmetic coding"),
            _ => Some("a hierarchical JPEG"),
        };
        if let Some(coding) = coding {
            return Some(coding.into());
        }
        if self.precision != 8 {
            return Some(format!("a JPEG of {} bits a sample", self.precision));
        }
        if !matches!(count, 1 | 3 | 4) {
            return Some(format!("a JPEG of {count} components"));
        }
        for (_, samples) in &self.components {
            let broken = (0..2).any(|side| samples[side] == 0 || !most[side].is_multiple_of(samples[side]));
            let some = (0..2).any(|side| samples[side] > 1 && samples[side] < most[side]);
            if broken || (some && self.in_several_scans()) {
                let samples = self.components.iter().map(|(_, [across, down])| format!("{across}x{down}"));
                return Some(format!("a JPEG sampled {}", samples.collect::<Vec<_>>().join(", ")));
            }
        }
        None
    }

    /// Whether there is a scan without some of the components.
    fn in_several_scans(&self) -> bool {
        self.coding == 0xc2 || self.first_scan != self.components.len()
    }

    /// Whether this is what nearly all files are: the first component has the most samples, others
    /// as many or one for many, and unless they come progressively all lie in one scan.
    pub(super) fn usual(&self) -> bool {
        let most = self.most();
        let samples =
            |(number, (_, samples)): (usize, &(u8, [u8; 2]))| *samples == most || (number > 0 && *samples == [1, 1]);
        let in_order = self.coding == 0xc2 || self.first_scan == self.components.len();
        // zune-jpeg takes the names of components for what they are, whatever the markers say.
        let named = self.components.iter().map(|(name, _)| *name).eq(*b"RGB");
        let adobe_is_right = self.components.len() != 3 || !self.jfif || self.transform_by_adobe() == self.transform();
        most[0] != 3 && in_order && !named && adobe_is_right && self.components.iter().enumerate().all(samples)
    }

    /// What the components are, by the rules of libjpeg: JFIF knows one kind; where there is
    /// neither its marker nor Adobe's, names tell.
    pub(super) fn transform(&self) -> ColorTransform {
        if self.jfif && self.components.len() == 3 { ColorTransform::YCbCr } else { self.transform_by_adobe() }
    }

    /// The same where JFIF is not asked, as decoders have it that think more of Adobe's marker.
    fn transform_by_adobe(&self) -> ColorTransform {
        let names = self.components.iter().map(|(name, _)| *name);
        match (self.components.len(), self.adobe) {
            (1, _) => ColorTransform::Grayscale,
            (3, Some(0)) => ColorTransform::RGB,
            (3, None) if names.eq(*b"RGB") => ColorTransform::RGB,
            (3, _) => ColorTransform::YCbCr,
            (_, None | Some(0)) => ColorTransform::CMYK,
            _ => ColorTransform::YCCK,
        }
    }
}
