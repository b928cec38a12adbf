//! Which numbers a place takes.

use std::fmt;

use toml::Value;

use Range::{Fraction, Positive, Real, Whole};

/// Which numbers are taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Range {
    /// Whole numbers, both ends included.
    Whole(i64, i64),
    /// Finite and above 0.
    Positive,
    /// In [0, 1).
    Fraction,
    /// Both ends included.
    Real(f64, f64),
}

/// A place in a file and what may stand there.
pub(crate) type Row = (&'static str, Range);

/// Longer is no training: 10⁶ epochs of a single step are 10⁶ validations.
pub(crate) const EPOCHS: Range = Whole(0, 1_000_000);

/// A length of at least a millionth of an epoch.
pub(crate) const LENGTH: Range = Real(1e-6, 1e6);

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whole(low, i64::MAX) => write!(f, "{low} or more"),
            Whole(low, high) if low == high => write!(f, "{low}"),
            Whole(low, high) => write!(f, "from {low} to {high}"),
            Real(low, high) => write!(f, "from {low:?} to {high:?}"),
            Positive => f.write_str("a positive number"),
            Fraction => f.write_str("in [0, 1)"),
        }
    }
}

impl Range {
    /// Whether a value is no number, or one of these.
    pub fn takes(self, value: &Value) -> bool {
        let real = |value: f64| match self {
            Whole(..) => false,
            Positive => value > 0.0 && value.is_finite(),
            Fraction => (0.0..1.0).contains(&value),
            Real(low, high) => (low..=high).contains(&value),
        };
        match (value, self) {
            (Value::Integer(value), Whole(low, high)) => (low..=high).contains(value),
            (Value::Integer(value), _) => real(*value as f64),
            (Value::Float(value), _) => real(*value),
            _ => true,
        }
    }
}

/// A number outside the range of its setting.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{place} must be {wanted}; got {got}")]
#[non_exhaustive]
pub struct OutOfRange {
    /// Where it stands in its file.
    pub place: String,
    /// What may stand there.
    pub wanted: String,
    /// What does.
    pub got: String,
}
