//! The networks that a run of several consists of.

use std::path::{Path, PathBuf};

use taper_trainer::store::snapshots;
use taper_trainer::store::summary::SUMMARY;

use crate::output::{note, shell};

/// What the folder of a member is called, and its number.
pub(super) const MEMBER: &str = "member-";

/// The members of a run that was several, or its snapshots.
pub(super) fn parts(run: &Path) -> Vec<PathBuf> {
    let member = |number: usize| run.join(format!("{MEMBER}{number}"));
    let members: Vec<PathBuf> = (1..).map(member).take_while(|path| path.join("model.json").is_file()).collect();
    if members.is_empty() {
        return snapshots::list(run);
    }
    if !run.join(SUMMARY).is_file() {
        note(format_args!(
            "{} is not at its end: {} of its members are, and answer; taper resume {} goes on",
            run.display(),
            members.len(),
            shell(run)
        ));
    }
    members
}
