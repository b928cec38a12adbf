//! What a training step computes in.

use serde::{Deserialize, Serialize};
use taper_tensor::Precision;

/// What the products of convolutions are computed in while a network is trained; it is measured, and answers, in float32.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PrecisionRecipe {
    /// float32.
    #[default]
    F32,
    /// bfloat16, summed in float32; weights stay float32. Needs AVX512-BF16.
    Bf16,
}

impl From<PrecisionRecipe> for Precision {
    fn from(precision: PrecisionRecipe) -> Self {
        match precision {
            PrecisionRecipe::F32 => Precision::F32,
            PrecisionRecipe::Bf16 => Precision::Bf16,
        }
    }
}
