//! How a network that learns no more is asked: in which precision, with its weights packed once.

use taper_tensor::{PackedWeights, Precision};
use taper_trainer::recipe::RecipeError;

use crate::choices::named;

/// A precision, or that which this machine is fast in.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    Auto,
    In(Precision),
}

/// What each is called, and what is said of it.
const PRECISIONS: [(&str, Wanted, &str); 4] = [
    ("f32", Wanted::In(Precision::F32), "float32, what it was measured in"),
    ("auto", Wanted::Auto, "bf16 where this machine computes in it, else f32"),
    ("bf16", Wanted::In(Precision::Bf16), "Maps of bfloat16 between convolutions; needs AVX512-BF16"),
    ("int8", Wanted::In(Precision::Int8), "Integers of 8 bits, weights by output channel; fast with AVX512-VNNI"),
];

/// The flag.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct PrecisionFlag {
    /// What the products of the network are computed in
    #[arg(long, value_name = "TYPE", value_parser = named(PRECISIONS), default_value = "f32")]
    precision: Wanted,
}

/// How networks are asked, as long as their weights do not change.
#[derive(Clone, Debug, Default)]
pub struct Asking {
    precision: Precision,
    packed: PackedWeights,
}

impl PrecisionFlag {
    /// Begins to ask so.
    ///
    /// # Errors
    /// When this machine does not compute in the precision.
    pub(crate) fn asking(self) -> Result<Asking, RecipeError> {
        let precision = match self.precision {
            Wanted::In(precision) => precision,
            Wanted::Auto if Precision::Bf16.check().is_ok() => Precision::Bf16,
            Wanted::Auto => Precision::F32,
        };
        precision.check()?;
        Ok(Asking { precision, packed: PackedWeights::default() })
    }
}

impl Asking {
    /// Runs `ask`, whose answers are computed so.
    ///
    /// # Errors
    /// That of `ask`.
    pub(crate) fn run<R, E: From<candle_core::Error>>(&self, ask: impl FnOnce() -> Result<R, E>) -> Result<R, E> {
        self.packed.run(|| self.precision.run(ask))
    }
}
