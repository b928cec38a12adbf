//! Pictures to look at: contact sheets of augmented ones, every transform at three strengths, and
//! what was found on a picture.

mod framed;
mod sheet;
mod strengths;

pub use framed::{Framed, framed};
pub use sheet::{Row, Sheet, SheetError};
pub use strengths::{Strengths, strengths};
