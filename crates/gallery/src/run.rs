//! Runs topics and writes their pages.

use std::path::Path;
use std::time::Instant;

use taper_trainer::files;

use crate::claim::{Claim, Picture, Slides};
use crate::error::GalleryError;
use crate::page::{index_page, seconds_page, topic_page};
use crate::setting::{Effort, Setting};
use crate::slides;
use crate::topic::Topic;
use crate::topics::{TOPICS, timed};

/// Why a quick run may come out otherwise where a full one does not.
const SHORT: &str = "a quick run makes a sixth of the steps, which may be too few";

/// What is told while a gallery is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// The name of the topic that ended.
    pub topic: &'static str,
    /// Its slides, as they are written.
    pub slides: String,
    /// How long it took, seconds.
    pub seconds: f64,
    /// What came out otherwise than the lecture says.
    pub otherwise: Vec<String>,
}

/// Runs the topics that have a slide of `only`, all of them where it is none, and writes the pages
/// into a folder: `index.html`, a page a topic, `seconds.html`, and each drawing in `pictures`.
///
/// # Errors
/// When the choice is none, the folder of pictures cannot be used, a topic fails or a file cannot
/// be written.
pub fn make(
    out: &Path,
    only: Option<&str>,
    setting: &Setting,
    mut tell: impl FnMut(Progress),
) -> Result<(), GalleryError> {
    let only = match only {
        Some(text) => Some(slides::parse(text).ok_or_else(|| GalleryError::Slides { got: text.to_owned() })?),
        None => None,
    };
    if let Some(folder) = setting.data.as_ref().filter(|folder| !folder.is_dir()) {
        return Err(GalleryError::Data { reason: format!("{} is no folder", folder.display()) });
    }
    let wanted = |topic: &&Topic| only.is_none_or(|Slides(low, high)| (low..=high).any(|slide| topic.has(slide)));
    let (mut all, mut times) = (Vec::new(), Vec::new());
    for topic in TOPICS.iter().filter(wanted) {
        let begun = Instant::now();
        let failed = |source| GalleryError::Topic { topic: topic.name, source: Box::new(source) };
        let mut claims = (topic.run)(setting).map_err(failed)?;
        if setting.effort == Effort::Quick {
            let checks = claims.iter_mut().flat_map(|claim| &mut claim.checks);
            checks.filter(|check| check.otherwise.is_empty()).for_each(|check| check.otherwise = SHORT);
        }
        let seconds = begun.elapsed().as_secs_f64();
        write(&out.join(format!("{}.html", topic.name)), topic_page(topic, &claims, setting).as_bytes())?;
        write_pictures(out, topic, &claims)?;
        let deviations = claims.iter().flat_map(|claim| &claim.checks).filter(|check| !check.holds());
        let otherwise = deviations.map(|check| check.deviation()).collect();
        tell(Progress { topic: topic.name, slides: topic.numbers(), seconds, otherwise });
        times.push((topic.name, seconds));
        all.extend(claims);
    }
    let timed = if only.is_none_or(|slides| slides.has(timed::SLIDE)) { timed::claims(setting)? } else { Vec::new() };
    write(&out.join("seconds.html"), seconds_page(&times, &timed, setting).as_bytes())?;
    write(&out.join("index.html"), index_page(TOPICS, &all, setting, only).as_bytes())
}

fn write_pictures(out: &Path, topic: &Topic, claims: &[Claim]) -> Result<(), GalleryError> {
    for (number, figure) in claims.iter().flat_map(|claim| &claim.figures).enumerate() {
        let (ending, bytes) = match &figure.picture {
            Picture::Svg(svg) => ("svg", svg.as_bytes()),
            Picture::Png(png) => ("png", &png[..]),
        };
        write(&out.join(format!("pictures/{}-{}.{ending}", topic.name, number + 1)), bytes)?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), GalleryError> {
    let failed = |source| GalleryError::Write { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| failed(Box::new(error)))?;
    }
    files::write(path, bytes).map_err(|error| failed(Box::new(error)))
}
