//! What becomes of a signal on its way through a network whose weights are as they begin.
//!
//! [`follow`] sends random inputs up through layers of one width, and random gradients back down;
//! [`Signal`] keeps what arrived at every layer, [`verdict`] says whether the first weights are too
//! small, too large or just right, and [`draw`] draws the histograms.
//! [`follow_network`] does it with the stages of a real network.
//!
//! # Examples
//! ```
//! use taper_report::inspect::{Settings, follow, verdict};
//! use taper_nn::Initialization;
//! let small = Settings { init: Initialization::Normal(0.01), ..Settings::default() };
//! assert!(verdict(&small, &follow(&small)?).starts_with("too small"));
//! assert!(verdict(&Settings::default(), &follow(&Settings::default())?).starts_with("just right"));
//! # Ok::<(), candle_core::Error>(())
//! ```

mod signal;
mod verdict;

mod network;

mod histogram;

pub use histogram::{draw, draw_network};
pub use network::{follow_network, reset};
pub use signal::{Settings, Signal, Spread, follow};
pub use verdict::verdict;
