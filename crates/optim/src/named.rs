//! Parameters that have a name and no other settings.

use candle_core::{DType, Device, Tensor, Var};

use crate::error::{OptimError, tensor_error};
use crate::group::{Group, by_name};

/// Checks the parameters as [`Optimizer::new`](crate::Optimizer::new) does, as one group, and puts
/// them in the order of their names.
pub(crate) fn named(params: Vec<(String, Var)>) -> Result<Vec<(String, Var)>, OptimError> {
    let listed = by_name(vec![Group { params, ..Group::default() }])?;
    Ok(listed.into_iter().map(|(name, listed)| (name, listed.var)).collect())
}

/// The elements in row order, as float64.
pub(crate) fn elements(name: &str, tensor: &Tensor) -> Result<Vec<f64>, OptimError> {
    // By way of the CPU: Metal has no float64.
    let on_cpu = tensor.detach().flatten_all().and_then(|t| t.to_device(&Device::Cpu)?.to_dtype(DType::F64));
    on_cpu.and_then(|t| t.to_vec1()).map_err(|source| tensor_error(name, source))
}

/// Sets a parameter to the elements, rounded to its type.
pub(crate) fn set_elements(name: &str, var: &Var, values: &[f64]) -> Result<(), OptimError> {
    let tensor = Tensor::from_slice(values, var.shape(), &Device::Cpu);
    let tensor = tensor.and_then(|t| t.to_dtype(var.dtype())?.to_device(var.device()));
    tensor.and_then(|t| var.set(&t)).map_err(|source| tensor_error(name, source))
}
