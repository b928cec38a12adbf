//! How a run is told.

use anyhow::Result;
use clap::ValueEnum;
use serde_json::json;

use crate::interrupt::Interrupt;
use crate::json_lines::JsonLines;
use crate::output::{line, lost, regardless};
use crate::progress::Progress;
use crate::terminal::Terminal;
use taper_report::page::of_run::report;
use taper_report::page::render;
use taper_report::tensorboard::TensorBoard;
use taper_trainer::files;
use taper_trainer::fit::Observer;
use taper_trainer::store::checkpoint::Every;
use taper_trainer::store::claim::RunFolder;
use taper_trainer::store::summary::Summary;

use taper_trainer::study::run::{Ended, Manner, Run};

/// How a run is told while it goes on.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(in crate::commands) struct Telling {
    /// json: an object on stdout for each step, each epoch, and at the end the summary
    #[arg(long, value_enum, value_name = "FORM", default_value_t, help_heading = "Output", hide_short_help = true)]
    pub(in crate::commands) log: Log,
    /// Write an event file for TensorBoard into the run folder
    #[arg(long, help_heading = "Output", hide_short_help = true)]
    pub(in crate::commands) tensorboard: bool,
}

/// What a run prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::commands) enum Log {
    /// A line for an epoch, on stderr.
    #[default]
    Text,
    /// Objects, on stdout.
    Json,
}

/// How the result of a run is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// In words.
    Text,
    /// The summary.
    Json,
    /// The summary as the last of many events.
    Lines,
}

impl Form {
    /// Prints what a run that is at its end has to say: its summary, or `words`. The run is done
    /// whether that can be printed or not.
    pub(super) fn tell(self, summary: &impl serde::Serialize, words: impl FnOnce() -> Result<()>) -> Result<()> {
        regardless(match self {
            Self::Text => words(),
            Self::Json => line(serde_json::to_string(summary)?),
            Self::Lines => line(json!({"event": "end", "summary": summary})),
        })
    }
}

impl Telling {
    /// How the result is told.
    pub(super) fn form(self, json: bool) -> Form {
        match (self.log, json) {
            (Log::Json, _) => Form::Lines,
            (Log::Text, true) => Form::Json,
            (Log::Text, false) => Form::Text,
        }
    }

    /// The manner of a run.
    pub(super) fn manner(threads: usize, checkpoint_every: Every) -> Manner<'static> {
        Manner { threads, checkpoint_every, listener: &Terminal, ..Manner::default() }
    }

    /// Trains a run in its folder and draws its report.
    pub(super) fn train(self, run: Run<'_>, folder: &RunFolder) -> Result<Trained> {
        let (mut interrupt, mut progress, mut lines) = (Interrupt, Progress::default(), JsonLines);
        let mut board = TensorBoard::default();
        let mut observers: Vec<&mut dyn Observer> = vec![&mut interrupt, &mut progress];
        if self.log == Log::Json {
            observers.push(&mut lines);
        }
        if self.tensorboard {
            observers.push(&mut board);
        }
        match run.train(folder, &mut observers)? {
            Ended::Interrupted(done, epochs) => Ok(Trained::Interrupted(done, epochs)),
            Ended::Done(finished) => {
                let page = render(&report(&finished)?)?;
                files::write(&finished.folder().join("report.html"), page.as_bytes())?;
                Ok(Trained::Done(Box::new(finished.conclude(lost())?)))
            }
        }
    }
}

/// How a run ended.
pub(super) enum Trained {
    /// At its end.
    Done(Box<Summary>),
    /// The user ended it: epochs that are done, and all.
    Interrupted(usize, usize),
}
