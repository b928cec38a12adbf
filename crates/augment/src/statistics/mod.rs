//! Means and deviations of colors: measured on a data set ([`color_statistics`]), and applied to a
//! picture on its way into a batch ([`normalize`]).

mod color_statistics;
mod normalize;

pub use color_statistics::{ColorStatistics, Principal};
pub use normalize::Normalize;
