//! Paths of optimizers, drawn by the report's landscapes.

use taper_report::landscape::{Function, Layout, Path, Walk, courses, draw_paths, follow};

use crate::error::GalleryError;

/// Where the rules of a list go on a function, and the picture of it.
pub(crate) fn paths(function: &Function, list: &str, walk: Walk) -> Result<(Vec<Path>, String), GalleryError> {
    let courses = courses(list, None, function)?;
    let paths = courses.iter().map(|course| follow(function, course, walk)).collect::<Result<Vec<_>, _>>()?;
    let svg = draw_paths(function, walk, &paths, Layout::Narrow)?;
    Ok((paths, svg))
}

/// The last loss of a path.
pub(crate) fn end(path: &Path) -> f64 {
    path.losses.last().copied().unwrap_or(f64::NAN)
}

/// The number of the first step at which a path's loss is at or below a bound; infinite where none
/// is.
pub(crate) fn arrival(path: &Path, bound: f64) -> f64 {
    path.losses.iter().position(|&loss| loss <= bound).map_or(f64::INFINITY, |step| step as f64)
}
