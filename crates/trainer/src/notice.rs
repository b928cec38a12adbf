//! What the library has to say while it works, as data: it prints nothing itself.

use std::fmt;
use std::path::PathBuf;

use taper_data::LeftOut;
use taper_nn::LoadReport;
use taper_transfer::ReadReport;

use crate::build::trained::Trained;
use crate::finding::Finding;

/// A thing worth a line to whoever looks on; its [`Display`](fmt::Display) is that line.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Notice {
    /// What lies among the pictures and is not read.
    LeftOut(LeftOut),
    /// A picture that cannot be read, and why.
    Unreadable {
        /// Names the picture.
        reason: String,
    },
    /// A picture that could be decoded by its header cannot: all are decoded, and the training
    /// begins again without those that cannot be.
    Undecodable {
        /// Names the picture.
        reason: String,
    },
    /// More of them than are named.
    MoreUnreadable {
        /// How many more.
        more: usize,
    },
    /// The work goes on without the pictures that cannot be read.
    WithoutUnreadable {
        /// How many cannot be read.
        count: usize,
        /// Of how many.
        all: usize,
    },
    /// What lay around the weights in a file, and that some of its values are NaN or infinite.
    WeightsRead(ReadReport),
    /// Which parameters have the weights of a file.
    WeightsFit(LoadReport),
    /// A download waits before it tries again.
    Waiting {
        /// The model whose weights are fetched.
        model: String,
        /// Why it waits, and for how long.
        why: String,
    },
    /// A file of weights in the cache is damaged and is fetched again.
    Damaged {
        /// The model whose weights are fetched.
        model: String,
        /// The file.
        path: PathBuf,
    },
    /// A file system without locks: nothing keeps two processes apart.
    Unlocked {
        /// What the system says.
        why: String,
        /// The run folder.
        run: PathBuf,
    },
    /// A checkpoint that is broken.
    PassedOver {
        /// Names the file.
        why: String,
    },
    /// No checkpoint is written, since something else has its name.
    NoCheckpoint {
        /// Steps that are done.
        step: usize,
        /// What is there.
        path: PathBuf,
    },
    /// A run that was broken off has no whole checkpoint.
    BeginsAgain {
        /// Its folder.
        run: PathBuf,
    },
    /// A run is about to begin or to go on.
    Begins {
        /// The model.
        model: String,
        /// Where the pictures lie.
        data: PathBuf,
        /// Pictures to train on.
        train: usize,
        /// Pictures to validate on.
        val: usize,
        /// Classes.
        classes: usize,
        /// The epochs of each phase, and its name.
        phases: Vec<(usize, &'static str)>,
    },
    /// What a phase of it trains.
    Trains(Trained),
    /// It goes on from a checkpoint.
    GoesOn {
        /// Steps that are done.
        steps: usize,
    },
    /// Something is perhaps not as it should be.
    Doubtful(Finding),
    /// All epochs of a recipe fit into a time.
    AllFits {
        /// The time, seconds.
        time: f64,
        /// What they take, seconds.
        takes: f64,
    },
    /// Fewer epochs than a recipe has fit into a time.
    Shortened {
        /// Epochs of the recipe.
        epochs: usize,
        /// What they would take, seconds.
        takes: f64,
        /// Epochs that fit.
        fit: usize,
        /// The time, seconds.
        time: f64,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeftOut(left_out) => write!(f, "left out: {left_out}"),
            Self::Unreadable { reason } => write!(f, "left out: {reason}"),
            Self::Undecodable { reason } => {
                write!(f, "{reason}: every picture is decoded now, and the training begins again without such")
            }
            Self::MoreUnreadable { more } => write!(f, "... and {more} more"),
            Self::WithoutUnreadable { count, all } => {
                write!(f, "going on without {count} of {all} pictures that cannot be read")
            }
            Self::WeightsRead(report) => write!(f, "weights: {report}"),
            Self::WeightsFit(report) => write!(f, "weights: {report}; what has none begins anew"),
            Self::Waiting { model, why } => write!(f, "{model}: waiting: {why}"),
            Self::Damaged { model, path } => write!(f, "{model}: {} is damaged and is fetched again", path.display()),
            Self::Unlocked { why, run } => write!(f, "{why}; begin no other training in {} meanwhile", run.display()),
            Self::PassedOver { why } => write!(f, "passed over: {why}"),
            Self::NoCheckpoint { step, path } => {
                write!(f, "no checkpoint is written after step {step}: {} is there and is no file", path.display())
            }
            Self::BeginsAgain { run } => {
                write!(f, "nothing is whole that {} could go on with: it begins again", run.display())
            }
            Self::Begins { model, data, train, val, classes, phases } => {
                let data = data.display();
                write!(
                    f,
                    "{model} on {data}: {train} pictures to train on, {val} to validate on, {classes} classes; epochs: "
                )?;
                for (i, (epochs, name)) in phases.iter().enumerate() {
                    write!(f, "{}{epochs} x {name}", if i == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            Self::Trains(trained) => trained.fmt(f),
            Self::GoesOn { steps } => write!(f, "going on after {steps} steps"),
            Self::Doubtful(found) => write!(f, "doubtful: {}: {}", found.about, found.said),
            Self::AllFits { time, takes } => {
                write!(f, "all epochs fit into {time:.0} s: they take about {takes:.0} s")
            }
            Self::Shortened { epochs, takes, fit, time } => {
                write!(f, "{epochs} epochs would take about {takes:.0} s; {fit} fit into {time:.0} s")
            }
        }
    }
}
