//! The markers of a JPEG before its first scan.

/// What a JPEG says of itself before its first scan, and how it begins that.
#[derive(Debug, Default)]
pub(super) struct Header {
    /// The marker of the frame (`SOF`), which tells the coding.
    pub(super) coding: u8,
    /// Bits of a sample.
    pub(super) precision: u8,
    /// Width and height, pixels.
    pub(super) size: (u16, u16),
    /// Of each component its name, and its samples across and down.
    pub(super) components: Vec<(u8, [u8; 2])>,
    pub(super) jfif: bool,
    /// The color transform of Adobe's marker.
    pub(super) adobe: Option<u8>,
    /// How many components the first scan has.
    pub(super) first_scan: usize,
    /// Where the first scan begins.
    pub(super) scan_at: usize,
}

impl Header {
    /// Steps over the segments before the first scan by their lengths: a thumbnail in them has
    /// markers of its own. `None` where the bytes end before a scan.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut header = Self::default();
        let mut at = 2;
        loop {
            let [marker, kind, high, low] = *bytes.get(at..)?.first_chunk()?;
            if marker != 0xff || kind == 0xff {
                at += 1;
                continue;
            }
            // No marker, or one that has no length.
            if matches!(kind, 0x00 | 0x01 | 0xd0..=0xd7) {
                at += 2;
                continue;
            }
            let length = usize::from(u16::from_be_bytes([high, low]));
            let segment = bytes.get(at + 4..(at + 2 + length).max(at + 4))?;
            match kind {
                0xda => {
                    header.first_scan = usize::from(*segment.first()?);
                    header.scan_at = at;
                    return Some(header);
                }
                0xc0..=0xcf if !matches!(kind, 0xc4 | 0xc8 | 0xcc) => header.frame(kind, segment)?,
                0xe0 => header.jfif |= segment.starts_with(b"JFIF\0"),
                0xee if segment.starts_with(b"Adobe") => header.adobe = segment.get(11).copied(),
                _ => {}
            }
            at += 2 + length;
        }
    }

    fn frame(&mut self, coding: u8, segment: &[u8]) -> Option<()> {
        let (&[precision, y, y2, x, x2, count], components) = segment.split_first_chunk()?;
        self.coding = coding;
        self.precision = precision;
        self.size = (u16::from_be_bytes([x, x2]), u16::from_be_bytes([y, y2]));
        let components = components.get(..3 * usize::from(count))?.as_chunks::<3>().0;
        self.components = components.iter().map(|&[name, samples, _]| (name, [samples >> 4, samples & 15])).collect();
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_length_is_stepped_over() {
        let segments = [0xff, 0xd8, 0xff, 0x00, 0xff, 0x01, 0xff, 0xd0, 0xff, 0xff, 0xd7, 0xff, 0xda, 0, 3, 1];
        assert_eq!(Header::read(&segments).map(|header| header.scan_at), Some(11));
    }
}
