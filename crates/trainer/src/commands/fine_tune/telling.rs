//! How a run is told.

use anyhow::Result;
use clap::ValueEnum;
use serde_json::json;

use crate::checkpoint::Every;
use crate::output::{line, regardless};
use crate::run::Manner;

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
    /// Prints what a run that is at its end has to say: its summary, or `words`. The run is done whether that can be printed or not.
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
    pub(super) fn manner(self, threads: usize, checkpoint_every: Every) -> Manner {
        Manner {
            threads,
            checkpoint_every,
            quiet: false,
            json_lines: self.log == Log::Json,
            tensorboard: self.tensorboard,
        }
    }
}
