//! Update rules, one formula in one file.
//!
//! [`Sgd`] shows how a rule that treats every element alike is written, [`Adam`] how two of them
//! share a formula; `moments` has what the rules of Adam's family have in common. [`Lars`],
//! [`Lamb`] and [`Muon`] need a norm or a product of a whole tensor: `direction` has the two passes
//! that they take, `newton_schulz` the iteration of Muon.

mod momentum;
mod sgd;

mod adadelta;
mod adagrad;
mod rmsprop;
mod sgdw;

pub(crate) mod decay;
pub(crate) mod moments;

mod adam;
mod adamax;
mod adamw;
mod nadam;
mod nadamw;
mod radam;

mod lion;
mod radamw;

pub(crate) mod direction;
mod gradient_centralization;
mod lookahead;
mod prodigy;
mod schedule_free_adamw;

mod lamb;
mod lars;

mod adafactor;
pub(crate) mod eigenbasis;
mod muon;
pub(crate) mod newton_schulz;
mod soap;

pub use adadelta::{AdaDelta, AdaDeltaConfig};
pub use adafactor::{Adafactor, AdafactorConfig};
pub use adagrad::{AdaGrad, AdaGradConfig};
pub use adam::{Adam, AdamConfig};
pub use adamax::{AdaMax, AdaMaxConfig};
pub use adamw::{AdamW, AdamWConfig};
pub use gradient_centralization::GradientCentralization;
pub use lamb::{Lamb, LambConfig};
pub use lars::{Lars, LarsConfig};
pub use lion::{Lion, LionConfig};
pub use lookahead::{Lookahead, LookaheadConfig};
pub use momentum::{Momentum, MomentumConfig};
pub use muon::{Muon, MuonConfig, MuonScale};
pub use nadam::{NAdam, NAdamConfig};
pub use nadamw::{NAdamW, NAdamWConfig};
pub use prodigy::{Prodigy, ProdigyConfig};
pub use radam::{RAdam, RAdamConfig};
pub use radamw::{RAdamW, RAdamWConfig};
pub use rmsprop::{RmsProp, RmsPropConfig};
pub use schedule_free_adamw::{ScheduleFreeAdamW, ScheduleFreeAdamWConfig};
pub use sgd::{Sgd, SgdConfig};
pub use sgdw::{SgdW, SgdWConfig};
pub use soap::{Soap, SoapConfig};
