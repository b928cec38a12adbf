//! What a training step computes in.

use serde::{Deserialize, Serialize};
use taper_tensor::Precision;

use super::choice::choices;

choices! {
    /// What convolutions and the maps between them are computed in while a network is trained and
    /// its epochs are validated, unless patience chooses one of them; what is left in the end is
    /// measured, and answers, in float32.
    pub enum PrecisionRecipe, default Auto {
        /// bf16 where this machine computes in it, else f32.
        Auto = "auto",
        /// float32.
        F32 = "f32",
        /// Maps of bfloat16, summed in float32; weights stay float32. Needs AVX512-BF16.
        Bf16 = "bf16",
    }
}

impl From<PrecisionRecipe> for Precision {
    fn from(precision: PrecisionRecipe) -> Self {
        match precision {
            PrecisionRecipe::Auto if Precision::Bf16.check().is_ok() => Precision::Bf16,
            PrecisionRecipe::Auto | PrecisionRecipe::F32 => Precision::F32,
            PrecisionRecipe::Bf16 => Precision::Bf16,
        }
    }
}
