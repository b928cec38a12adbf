//! The verbs of the command line.

mod advise;
mod augment;
mod chart_files;
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

pub use advise::{AdviseArgs, advise_plan as advise};
pub use augment::{AugmentArgs, augment};
pub use chart_files::SameFile;
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

use std::sync::Arc;

use anyhow::{Result, bail};
use taper_data::{Dataset, Subset, check};

use crate::progress::reading;

/// The share of unreadable pictures that a run goes on without, fraction.
const TOLERATED: f64 = 0.05;

/// Reads every picture once. Returns the set without the unreadable ones, which are listed on stderr, and their number.
fn readable(dataset: Arc<dyn Dataset>, strict: bool) -> Result<(Arc<dyn Dataset>, usize)> {
    let bar = reading(dataset.len());
    let bad = check(&*dataset, |_| bar.inc(1));
    bar.finish_and_clear();
    if bad.is_empty() {
        return Ok((dataset, 0));
    }
    if strict {
        bail!(
            "{}\n(--strict stops at the first unreadable picture; without it a run goes on without them)",
            bad[0].reason
        );
    }
    for picture in bad.iter().take(20) {
        eprintln!("left out: {}", picture.reason);
    }
    if bad.len() > 20 {
        eprintln!("... and {} more", bad.len() - 20);
    }
    let (count, all) = (bad.len(), dataset.len());
    if count as f64 > TOLERATED * all as f64 {
        bail!(
            "{count} of {all} pictures cannot be read, more than {:.0} %: mend or remove them (listed above)",
            100.0 * TOLERATED
        );
    }
    eprintln!("going on without {count} of {all} pictures that cannot be read");
    let indices: Vec<usize> = bad.iter().map(|picture| picture.index).collect();
    Ok((Arc::new(Subset::without(dataset, &indices)?), count))
}
