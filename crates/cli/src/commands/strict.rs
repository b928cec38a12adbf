//! The flag that makes an unreadable picture an error.

use clap::Args;
use taper_trainer::store::readable::Unreadable;

/// What to do about pictures that cannot be read.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Strict {
    /// Stop at the first picture that cannot be read
    #[arg(long, hide_short_help = true)]
    strict: bool,
}

impl Strict {
    /// As the library takes it.
    pub(super) fn policy(self) -> Unreadable {
        if self.strict { Unreadable::Refuse } else { Unreadable::LeaveOut }
    }
}
