//! Activations and initializations by their names.

use std::str::FromStr;

use crate::{Activation, Initialization};

/// A name that nothing has, or a number that does not suit it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// No such name.
    #[error("there is no {kind} {got:?}; there are {}", known.join(", "))]
    Unknown {
        /// What it should be the name of.
        kind: &'static str,
        /// What was given.
        got: String,
        /// The names there are.
        known: &'static [&'static str],
    },
    /// A number that cannot be parsed, is out of range, or follows a name that takes no number.
    #[error("{name}: wanted {wanted}, got {got:?}")]
    Number {
        /// The name.
        name: &'static str,
        /// What it takes.
        wanted: &'static str,
        /// What was given behind the `=`.
        got: String,
    },
}

impl Activation {
    /// The names that [`str::parse`] knows.
    pub const NAMES: &'static [&'static str] = &[
        "sigmoid",
        "tanh",
        "relu",
        "leaky_relu",
        "elu",
        "gelu",
        "gelu_tanh",
        "silu",
        "relu6",
        "hard_sigmoid",
        "hard_swish",
        "maxout",
    ];
}

/// `relu`, `leaky_relu` with PyTorch's slope of 0.01, `leaky_relu=0.2` with another; `elu` with 1,
/// `maxout` with 2 pieces.
///
/// # Examples
/// ```
/// use taper_nn::Activation;
/// assert_eq!("maxout=3".parse(), Ok(Activation::Maxout(3)));
/// assert!("relu7".parse::<Activation>().unwrap_err().to_string().contains("leaky_relu"));
/// ```
impl FromStr for Activation {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let named = Named::read("activation", text, Self::NAMES)?;
        let number = |usual, fits: fn(f64) -> bool, wanted| named.number(usual, fits, wanted);
        Ok(match named.name {
            "sigmoid" => named.alone(Activation::Sigmoid)?,
            "tanh" => named.alone(Activation::Tanh)?,
            "relu" => named.alone(Activation::Relu)?,
            "leaky_relu" => Activation::LeakyRelu(number(0.01, f64::is_finite, "a finite slope")?),
            "elu" => Activation::Elu(number(1.0, |a| a > 0.0 && a.is_finite(), "a positive number")?),
            "gelu" => named.alone(Activation::Gelu)?,
            "gelu_tanh" => named.alone(Activation::GeluTanh)?,
            "silu" => named.alone(Activation::Silu)?,
            "relu6" => named.alone(Activation::Relu6)?,
            "hard_sigmoid" => named.alone(Activation::HardSigmoid)?,
            "hard_swish" => named.alone(Activation::HardSwish)?,
            _ => {
                let whole = |k: f64| (1.0..=1e6).contains(&k) && k.fract() == 0.0;
                Activation::Maxout(number(2.0, whole, "a whole number of pieces, 1 or more")? as usize)
            }
        })
    }
}

impl Initialization {
    /// The names that [`str::parse`] knows.
    pub const NAMES: &'static [&'static str] =
        &["zeros", "normal", "xavier_uniform", "xavier_normal", "he_fan_in", "he_fan_out"];
}

/// `he_fan_in`, and so on; `normal` with a standard deviation of 0.01, `normal=0.05` with another.
///
/// # Examples
/// ```
/// use taper_nn::Initialization;
/// assert_eq!("normal=0.05".parse(), Ok(Initialization::Normal(0.05)));
/// ```
impl FromStr for Initialization {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let named = Named::read("initialization", text, Self::NAMES)?;
        Ok(match named.name {
            "zeros" => named.alone(Initialization::Zeros)?,
            "normal" => {
                let positive = |deviation: f64| deviation > 0.0 && deviation.is_finite();
                Initialization::Normal(named.number(0.01, positive, "a positive standard deviation")?)
            }
            "xavier_uniform" => named.alone(Initialization::XavierUniform)?,
            "xavier_normal" => named.alone(Initialization::XavierNormal)?,
            "he_fan_in" => named.alone(Initialization::HeFanIn)?,
            _ => named.alone(Initialization::HeFanOut)?,
        })
    }
}

/// A name, and what stands behind its `=`.
struct Named<'a> {
    name: &'static str,
    number: Option<&'a str>,
}

impl<'a> Named<'a> {
    fn read(kind: &'static str, text: &'a str, known: &'static [&'static str]) -> Result<Self, NameError> {
        let (name, number) = text.split_once('=').map_or((text, None), |(name, number)| (name, Some(number)));
        let unknown = || NameError::Unknown { kind, got: name.to_owned(), known };
        let name = known.iter().find(|other| **other == name).ok_or_else(unknown)?;
        Ok(Self { name, number })
    }

    fn alone<T>(&self, value: T) -> Result<T, NameError> {
        match self.number {
            None => Ok(value),
            Some(got) => Err(NameError::Number { name: self.name, wanted: "no number", got: got.to_owned() }),
        }
    }

    fn number(&self, usual: f64, fits: fn(f64) -> bool, wanted: &'static str) -> Result<f64, NameError> {
        let Some(got) = self.number else { return Ok(usual) };
        let number = got.trim().parse().ok().filter(|&number| fits(number));
        number.ok_or_else(|| NameError::Number { name: self.name, wanted, got: got.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_one_and_numbers_are_looked_at() {
        for name in Activation::NAMES {
            assert!(name.parse::<Activation>().is_ok(), "{name}");
        }
        for name in Initialization::NAMES {
            assert!(name.parse::<Initialization>().is_ok(), "{name}");
        }
        for text in ["relu=1", "leaky_relu=nan", "elu=0", "maxout=0", "maxout=1.5", "elu=", "leaky_relu=x", ""] {
            assert!(text.parse::<Activation>().is_err(), "{text}");
        }
        for text in ["normal=0", "normal=-1", "normal=inf", "he_fan_in=2", "he"] {
            assert!(text.parse::<Initialization>().is_err(), "{text}");
        }
        assert_eq!("leaky_relu=0.2".parse(), Ok(Activation::LeakyRelu(0.2)));
        let said = "elu=-1".parse::<Activation>().unwrap_err().to_string();
        assert_eq!(said, "elu: wanted a positive number, got \"-1\"");
    }
}
