//! What the libraries have to say, told to a person: a line on stderr, a bar where that is a
//! terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use taper_trainer::{Listener, Notice, Progress, Silent, Work};

use crate::output::{is_silent, note};

/// Tells it on stderr.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terminal;

impl Listener for Terminal {
    fn notice(&self, notice: &Notice) {
        note(notice);
    }

    fn work(&self, work: Work<'_>) -> Box<dyn Progress + '_> {
        if is_silent() {
            return Box::new(Silent);
        }
        Box::new(Bar(match work {
            Work::Reading => styled(ProgressBar::new(0), "     reading [{wide_bar}] {pos}/{len} pictures, {eta} left"),
            Work::FirstLook => styled(ProgressBar::new(0), "  first look [{wide_bar}] {pos}/{len} pictures"),
            Work::Answers => styled(ProgressBar::new(0), "     answers [{wide_bar}] {pos}/{len}, {eta} left"),
            Work::Features => styled(ProgressBar::new(0), "    features [{wide_bar}] {pos}/{len} pictures, {eta} left"),
            Work::Weights { model } => {
                let bar = styled(ProgressBar::new_spinner(), "{prefix:>12} reading weights, {elapsed}");
                bar.enable_steady_tick(Duration::from_millis(200));
                bar.with_prefix(model.to_owned())
            }
            Work::Fetching { model } => {
                let style = "{prefix:>12} [{wide_bar}] {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left";
                styled(ProgressBar::new(0), style).with_prefix(model.to_owned())
            }
        }))
    }
}

/// A bar that is gone when its work is done; hidden where stderr is no terminal.
struct Bar(ProgressBar);

impl Progress for Bar {
    fn begin(&self, total: u64) {
        self.0.set_length(total);
        self.0.set_position(0);
    }

    fn advance(&self, more: u64) {
        self.0.inc(more);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A bar that looks like this.
pub(crate) fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}
