//! A topic of the lecture, and what its run gives.

use crate::claim::{Claim, Slides};
use crate::error::GalleryError;
use crate::setting::Setting;

/// A topic: a page of the gallery.
#[derive(Clone, Copy, Debug)]
pub struct Topic {
    /// The name of its page, without the ending.
    pub name: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// Its slides.
    pub slides: &'static [Slides],
    /// What computes its claims, which cover all its slides.
    pub run: fn(&Setting) -> Result<Vec<Claim>, GalleryError>,
}

impl Topic {
    /// Whether a slide belongs to it.
    pub fn has(&self, slide: u8) -> bool {
        self.slides.iter().any(|slides| slides.has(slide))
    }

    /// Its slides as they are written: `14–16`, `72–73, 82–85`.
    pub fn numbers(&self) -> String {
        let range = |&Slides(low, high): &Slides| if low == high { low.to_string() } else { format!("{low}–{high}") };
        self.slides.iter().map(range).collect::<Vec<_>>().join(", ")
    }

    /// Whether it has one slide alone.
    pub fn is_single(&self) -> bool {
        matches!(self.slides, [Slides(low, high)] if low == high)
    }

    /// The flag of the gallery that runs it.
    pub fn only(&self) -> String {
        let first = self.slides.first().map_or(0, |slides| slides.0);
        format!("--only {first}")
    }
}
