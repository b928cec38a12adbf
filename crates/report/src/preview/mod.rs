//! Augmented pictures to look at: contact sheets, and every transform at three strengths.

mod sheet;
mod strengths;

pub use sheet::{Row, Sheet, SheetError};
pub use strengths::{Strengths, strengths};
