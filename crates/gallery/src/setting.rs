//! How much work a run of the gallery does, and on what.

use std::path::PathBuf;

/// What every topic is told.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// All of it, or what can be had in two minutes.
    pub effort: Effort,
    /// What all chance follows from.
    pub seed: u64,
    /// A folder of pictures, with a folder for each class; by default pictures are made.
    pub data: Option<PathBuf>,
}

/// How long trainings are and how many samples are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effort {
    /// As the texts say.
    #[default]
    Full,
    /// A part of it, to see that everything runs.
    Quick,
}

impl Setting {
    /// So many, or the part of them that a quick run has time for; at least 2.
    pub fn many(&self, full: usize) -> usize {
        match self.effort {
            Effort::Full => full,
            Effort::Quick => (full / 6).max(2),
        }
    }

    /// The flags of the gallery that lead to this setting.
    pub fn flags(&self) -> String {
        let quick = if self.effort == Effort::Quick { " --quick" } else { "" };
        let seed = if self.seed == 0 { String::new() } else { format!(" --seed {}", self.seed) };
        let data = self.data.as_ref().map_or_else(String::new, |data| format!(" --data {}", data.display()));
        format!("{quick}{seed}{data}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quick_run_does_a_part() {
        let full = Setting::default();
        let quick = Setting { effort: Effort::Quick, seed: 3, ..full.clone() };
        assert_eq!((full.many(60), quick.many(60), quick.many(3)), (60, 10, 2));
        assert_eq!((full.flags().as_str(), quick.flags().as_str()), ("", " --quick --seed 3"));
    }
}
