//! Which layers are trained.

use serde::{Deserialize, Serialize};

use super::choice::choices;

choices! {
    /// Which layers are trained after the head.
    pub enum Plan, default Full {
        /// The head alone, for all epochs.
        Probe = "probe",
        /// The head first, then with it the last stage of the backbone.
        Top = "top",
        /// The head first, then all layers above the frozen stages.
        Full = "full",
        /// The head first, then one stage more at a time from the top to the frozen ones, the
        /// epochs shared out among them; the optimizer keeps what it remembers (J. Howard, S.
        /// Ruder, *Universal Language Model Fine-tuning*, 2018).
        Gradual = "gradual",
    }
}
