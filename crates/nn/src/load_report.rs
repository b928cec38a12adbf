//! What loading weights did.

use std::fmt::{self, Display};

/// A tensor that a file holds in another shape than the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reshaped {
    /// The parameter.
    pub name: String,
    /// The shape in the file.
    pub got: Vec<usize>,
    /// The shape in the network.
    pub wanted: Vec<usize>,
}

/// What [`Params::load`](crate::Params::load) did, each list in the order of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Parameters that got their values.
    pub loaded: Vec<String>,
    /// Parameters of the network that were not given; unchanged.
    pub missing: Vec<String>,
    /// Tensors given that the network does not have.
    pub unexpected: Vec<String>,
    /// Tensors given in another shape; the parameter is unchanged.
    pub reshaped: Vec<Reshaped>,
}

/// In one line: how many were loaded, and what was not, by the first names.
impl Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reshaped = |r: &Reshaped| format!("{} ({:?} in the file, {:?} in the network)", r.name, r.got, r.wanted);
        write!(f, "{} loaded", self.loaded.len())?;
        for (what, names) in [
            ("missing", &self.missing),
            ("unexpected", &self.unexpected),
            ("of another shape", &self.reshaped.iter().map(reshaped).collect()),
        ] {
            if let Some(first) = names.chunks(3).next() {
                let more = if names.len() > first.len() { ", ..." } else { "" };
                write!(f, "; {} {what}: {}{more}", names.len(), first.join(", "))?;
            }
        }
        Ok(())
    }
}

impl LoadReport {
    /// Whether every name and shape was the same on both sides.
    pub fn is_exact(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.reshaped.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_shows_the_first_names_and_the_count() {
        let list = |n: usize| (0..n).map(|i| format!("layer.{i}")).collect();
        let reshaped = vec![Reshaped { name: "fc".into(), got: vec![3], wanted: vec![2] }];
        let report = LoadReport { loaded: list(2), missing: list(40), unexpected: list(1), reshaped };
        assert_eq!(
            report.to_string(),
            "2 loaded; 40 missing: layer.0, layer.1, layer.2, ...; 1 unexpected: layer.0; \
             1 of another shape: fc ([3] in the file, [2] in the network)"
        );
    }
}
