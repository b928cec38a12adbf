//! Ctrl-C and SIGTERM: the first asks the training to end after this step, the second ends the
//! process.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

use crate::output::note;
use taper_trainer::ObserverError;
use taper_trainer::fit::{Begin, Observer, StepInfo};

/// The exit code of a process that was interrupted.
pub const EXIT_CODE: i32 = 130;

static ASKED: AtomicBool = AtomicBool::new(false);

/// Breaks the training once the user has asked for it; listens from its beginning on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Interrupt;

impl Interrupt {
    /// Listens from now on, whoever else listens.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub fn listen() -> Result<Self> {
        static LISTENING: Mutex<bool> = Mutex::new(false);
        let mut listening = LISTENING.lock().unwrap_or_else(PoisonError::into_inner);
        if *listening {
            return Ok(Self);
        }
        ctrlc::set_handler(|| {
            if ASKED.swap(true, Ordering::SeqCst) {
                std::process::exit(EXIT_CODE);
            }
            note("interrupted: ending after this step (again to leave at once)");
        })
        .context("cannot listen for Ctrl-C")?;
        *listening = true;
        Ok(Self)
    }

    /// Whether the user has asked.
    pub fn asked(&self) -> bool {
        ASKED.load(Ordering::SeqCst)
    }
}

impl Observer for Interrupt {
    fn begin(&mut self, _: &Begin<'_>) -> Result<(), ObserverError> {
        Ok(Self::listen().map(drop)?)
    }

    fn step(&mut self, _: &StepInfo) -> ControlFlow<()> {
        if self.asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
