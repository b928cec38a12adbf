//! Why a report cannot be made.

use std::fmt;

/// Why a report could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReportError {
    /// A chart could not be drawn.
    Chart {
        /// Heading of the chart.
        name: &'static str,
        /// What the drawing library said.
        reason: String,
    },
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chart { name, reason } => write!(f, "cannot draw the chart of {name}: {reason}"),
        }
    }
}

impl std::error::Error for ReportError {}
