//! The verbs of the command line.

mod advise;
mod augment;
mod chart_files;
mod check;
mod data;
mod ensemble;
mod eval;
mod explain;
mod export;
mod features;
mod fine_tune;
mod inspect;
mod models;
mod optimize;
mod predict;
mod probe;
mod report;
mod search;
mod serve;

pub use advise::{AdviseArgs, advise_plan as advise};
pub use augment::{AugmentArgs, augment};
pub use chart_files::SameFile;
pub use check::{CheckArgs, check};
pub use data::{DataArgs, data};
pub use ensemble::{EnsembleArgs, ensemble};
pub use eval::{EvalArgs, eval};
pub use explain::{ExplainArgs, explain};
pub use export::{ExportArgs, export};
pub use features::{FeaturesArgs, features};
pub use fine_tune::{FineTuneArgs, LrFindArgs, ResumeArgs, TrainArgs, fine_tune, lr_find, resume, train};
pub use inspect::{InspectArgs, inspect};
pub use models::{ModelsArgs, models};
pub use optimize::{OptimizeArgs, optimize};
pub use predict::{PredictArgs, predict};
pub use probe::{ProbeArgs, probe_stages as probe};
pub use report::{ReportArgs, report};
pub use search::{SearchArgs, search_settings as search};
pub use serve::{ServeArgs, serve_model as serve};

use taper_regularize::Marginalize;

/// How a flag with a number of passes wants the noise averaged out.
fn passes(flag: Option<u16>) -> Marginalize {
    flag.map_or(Marginalize::Expectation, |n| Marginalize::Samples(n.into()))
}
