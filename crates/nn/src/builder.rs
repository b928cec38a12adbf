//! Parameters for networks written with `candle_nn`.

use candle_core::{DType, Device, Result, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

use crate::error::ParamsError;
use crate::params::Params;

impl Params {
    /// A `VarBuilder` that creates its variables here, for networks written with `candle_nn`. Names
    /// that end in `running_mean`, `running_var` or `num_batches_tracked` become buffers.
    pub fn builder(&self) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(self.clone()), self.dtype(), self.device().clone())
    }
}

impl SimpleBackend for Params {
    fn get(&self, shape: Shape, name: &str, first: Init, dtype: DType, _: &Device) -> Result<Tensor> {
        let buffer = ["running_mean", "running_var", "num_batches_tracked"].iter().any(|end| name.ends_with(end));
        let var = self.get_or_create(name, shape, first, !buffer)?;
        if dtype == self.dtype() { Ok(var.into_inner()) } else { var.to_dtype(dtype) }
    }

    fn get_unchecked(&self, name: &str, dtype: DType, _: &Device) -> Result<Tensor> {
        match self.find(name) {
            Some(var) => var.to_dtype(dtype),
            None => Err(ParamsError::Missing { name: name.to_owned() }.into()),
        }
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.find(name).is_some()
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Var;
    use taper_tensor::Rng;

    use super::*;

    #[test]
    fn running_statistics_are_no_trainables() -> Result<()> {
        let p = Params::new(Rng::new(0), DType::F32, Device::Cpu);
        candle_nn::batch_norm(3, candle_nn::BatchNormConfig::default(), p.builder().pp("norm"))?;
        let names = |list: Vec<(String, Var)>| list.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(p.trainables()), ["norm.bias", "norm.weight"]);
        assert_eq!(names(p.buffers()), ["norm.running_mean", "norm.running_var"]);
        assert!(p.root().trainable("norm.weight", 4, Init::Const(0.0)).is_err());
        Ok(())
    }
}
