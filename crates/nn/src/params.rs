//! Named weights.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Display};
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Result, Shape, Tensor, Var};
use candle_nn::Init;
use taper_tensor::{Rng, check_memory, element_count};

use crate::error::ParamsError;
use crate::load_report::{LoadReport, Reshaped};
use crate::sample::sample;

/// The named tensors of a network, in the order of their names.
///
/// *Trainables* get gradients; *buffers* (the running statistics of a batch norm) are saved with
/// them but never trained. A clone is another handle to the same tensors. First values are drawn
/// from the stream given to [`new`](Params::new), keyed by the full name of the parameter: adding a
/// layer does not change how the others begin.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device};
/// use taper_nn::Params;
/// use taper_tensor::Rng;
/// let params = Params::new(Rng::new(0).fork("init"), DType::F32, Device::Cpu);
/// // a candle model of one's own, with seeded weights and the names in order
/// let layer = candle_nn::linear(3, 2, params.builder().pp("head"))?;
/// let names: Vec<_> = params.trainables().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["head.bias", "head.weight"]);
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Params {
    entries: Arc<Mutex<BTreeMap<String, Entry>>>,
    rng: Rng,
    dtype: DType,
    device: Device,
    most: usize,
}

#[derive(Clone)]
struct Entry {
    var: Var,
    trainable: bool,
}

impl Params {
    /// The most elements that all parameters together may have unless [`at_most`](Self::at_most)
    /// says otherwise: 2³⁰, 4 GB in float32 and seven times those of VGG-19.
    pub const MOST: usize = 1 << 30;

    /// No parameters yet. `rng` draws their first values.
    pub fn new(rng: Rng, dtype: DType, device: Device) -> Self {
        Self { entries: Arc::default(), rng, dtype, device, most: Self::MOST }
    }

    /// Refuses, before any memory is taken for it, a parameter with which all would have more
    /// elements than this: a network may be described by a file, and its sizes be anything. What
    /// clones of this handle create counts, and is bounded by their own number.
    pub fn at_most(self, elements: usize) -> Self {
        Self { most: elements, ..self }
    }

    /// Where a network puts its parameters: the root of the names.
    pub fn root(&self) -> ParamPath {
        ParamPath { params: self.clone(), prefix: String::new() }
    }

    /// The device that the parameters live on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The type of the parameters.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The trainable parameters in the order of their names.
    pub fn trainables(&self) -> Vec<(String, Var)> {
        self.select(|entry| entry.trainable)
    }

    /// The buffers in the order of their names.
    pub fn buffers(&self) -> Vec<(String, Var)> {
        self.select(|entry| !entry.trainable)
    }

    /// Everything that a file of weights holds: trainables and buffers, detached.
    pub fn tensors(&self) -> BTreeMap<String, Tensor> {
        self.select(|_| true).into_iter().map(|(name, var)| (name, var.as_detached_tensor())).collect()
    }

    /// Forgets the parameters whose names `keep` refuses: those of layers that were built and are
    /// not used.
    pub fn retain(&self, keep: impl Fn(&str) -> bool) {
        self.lock().retain(|name, _| keep(name));
    }

    /// What [`load`](Self::load) would do.
    pub fn compare(&self, tensors: &BTreeMap<String, Tensor>) -> LoadReport {
        let mut report = LoadReport::default();
        let entries = self.lock().clone();
        for (name, entry) in &entries {
            match tensors.get(name) {
                None => report.missing.push(name.clone()),
                Some(tensor) if tensor.dims() != entry.var.dims() => report.reshaped.push(Reshaped {
                    name: name.clone(),
                    got: tensor.dims().to_vec(),
                    wanted: entry.var.dims().to_vec(),
                }),
                Some(_) => report.loaded.push(name.clone()),
            }
        }
        report.unexpected = tensors.keys().filter(|name| !entries.contains_key(*name)).cloned().collect();
        report
    }

    /// Copies values in by name, converting their type; what does not fit is left alone and
    /// reported.
    ///
    /// # Errors
    /// When a conversion or a copy between devices fails.
    pub fn load(&self, tensors: &BTreeMap<String, Tensor>) -> Result<LoadReport> {
        let (report, entries) = (self.compare(tensors), self.lock().clone());
        for name in &report.loaded {
            entries[name].var.set(&tensors[name].to_device(&self.device)?.to_dtype(self.dtype)?.copy()?)?;
        }
        Ok(report)
    }

    pub(crate) fn get_or_create(&self, name: &str, shape: Shape, first: Init, trainable: bool) -> Result<Var> {
        if let Some(entry) = self.lock().get(name) {
            if entry.var.shape() != &shape {
                let (name, got) = (name.to_owned(), entry.var.dims().to_vec());
                return Err(ParamsError::Shape { name, got, wanted: shape.into_dims() }.into());
            }
            return Ok(entry.var.clone());
        }
        let others = self.lock().values().map(|entry| entry.var.elem_count()).sum::<usize>();
        let left = self.most.saturating_sub(others);
        if element_count("a parameter", shape.dims()).is_ok_and(|own| own > left) {
            let (name, shape) = (name.to_owned(), shape.into_dims());
            return Err(ParamsError::TooLarge { name, shape, most: self.most }.into());
        }
        check_memory("a parameter", shape.dims(), self.dtype.size_in_bytes().max(4))
            .map_err(|source| ParamsError::Memory { name: name.to_owned(), source })?;
        let values = sample(first, &shape, &mut self.rng.fork(name), self.dtype, &self.device)?;
        let var = Var::from_tensor(&values)?;
        let entry = Entry { var: var.clone(), trainable };
        self.lock().insert(name.to_owned(), entry);
        Ok(var)
    }

    pub(crate) fn find(&self, name: &str) -> Option<Var> {
        self.lock().get(name).map(|entry| entry.var.clone())
    }

    fn select(&self, keep: impl Fn(&Entry) -> bool) -> Vec<(String, Var)> {
        self.lock()
            .iter()
            .filter(|(_, entry)| keep(entry))
            .map(|(name, entry)| (name.clone(), entry.var.clone()))
            .collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The names and shapes of the parameters.
impl Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.select(|_| true);
        f.debug_map().entries(all.iter().map(|(name, var)| (name, var.dims()))).finish()
    }
}

/// A place in the names of [`Params`]: `params.root().at("features").at(3)` is `features.3`.
#[derive(Clone, Debug)]
pub struct ParamPath {
    params: Params,
    prefix: String,
}

impl ParamPath {
    /// The place below this one.
    pub fn at(&self, name: impl Display) -> ParamPath {
        ParamPath { params: self.params.clone(), prefix: self.full(name) }
    }

    /// The parameters that this is a place of.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The name of this place, such as `features.3`.
    pub fn name(&self) -> &str {
        &self.prefix
    }

    /// The trainable `name` below this place, created where it does not exist.
    ///
    /// # Errors
    /// When it exists with another shape, or is larger than the parameters [may
    /// be](Params::at_most).
    pub fn trainable(&self, name: &str, shape: impl Into<Shape>, first: Init) -> Result<Var> {
        self.params.get_or_create(&self.full(name), shape.into(), first, true)
    }

    /// The buffer `name` below this place, created where it does not exist.
    ///
    /// # Errors
    /// When it exists with another shape, or is larger than the parameters [may
    /// be](Params::at_most).
    pub fn buffer(&self, name: &str, shape: impl Into<Shape>, first: Init) -> Result<Var> {
        self.params.get_or_create(&self.full(name), shape.into(), first, false)
    }

    fn full(&self, name: impl Display) -> String {
        if self.prefix.is_empty() { name.to_string() } else { format!("{}.{name}", self.prefix) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> Params {
        Params::new(Rng::new(0), DType::F32, Device::Cpu)
    }

    const NORMAL: Init = Init::Randn { mean: 0.0, stdev: 1.0 };

    #[test]
    fn first_values_depend_on_the_name_and_not_on_the_order() -> Result<()> {
        let (a, b) = (params(), params());
        a.root().trainable("x", 4, NORMAL)?;
        let a_y = a.root().at("block").trainable("y", 4, NORMAL)?;
        let b_y = b.root().at("block").trainable("y", 4, NORMAL)?;
        assert_eq!(a_y.to_vec1::<f32>()?, b_y.to_vec1::<f32>()?);
        assert_eq!(a.trainables()[0].0, "block.y");
        Ok(())
    }

    #[test]
    fn sizes_beyond_the_bound_are_refused_before_they_are_allocated() -> Result<()> {
        let p = params().at_most(10);
        p.root().trainable("a", (2, 3), NORMAL)?;
        p.root().trainable("b", 4, NORMAL)?;
        assert!(p.root().buffer("c", 1, NORMAL).unwrap_err().to_string().contains("c of the shape [1]"));
        // What exists is no further parameter.
        assert!(p.root().trainable("b", 4, NORMAL).is_ok());
        let said = params().root().trainable("huge", Params::MOST + 1, NORMAL).unwrap_err().to_string();
        assert!(said.contains("huge") && said.contains("more than 1073741824 numbers"), "{said}");
        for shape in [vec![1 << 40, 1 << 40], vec![usize::MAX, 2]] {
            assert!(params().root().trainable("huge", shape, NORMAL).unwrap_err().to_string().contains("huge"));
        }
        Ok(())
    }

    #[test]
    fn what_is_not_retained_is_gone_for_all_handles() -> Result<()> {
        let p = params();
        let path = p.root().at("a");
        path.trainable("x", 1, Init::Const(1.0))?;
        p.root().buffer("b", 1, Init::Const(1.0))?;
        path.params().retain(|name| name != "a.x");
        assert_eq!(p.tensors().into_keys().collect::<Vec<_>>(), ["b"]);
        Ok(())
    }

    #[test]
    fn load_reports_what_did_not_fit_and_leaves_it_alone() -> Result<()> {
        let p = params();
        let kept = p.root().trainable("kept", 2, Init::Const(5.0))?;
        let other = p.root().trainable("other_shape", 2, Init::Const(6.0))?;
        let given = p.root().buffer("given", 2, Init::Const(7.0))?;
        let tensor = |n: usize| Tensor::ones(n, DType::F64, &Device::Cpu);
        let report = p.load(&BTreeMap::from([
            ("given".to_owned(), tensor(2)?),
            ("other_shape".to_owned(), tensor(3)?),
            ("stranger".to_owned(), tensor(1)?),
        ]))?;
        assert_eq!(report.loaded, ["given"]);
        assert_eq!(report.missing, ["kept"]);
        assert_eq!(report.unexpected, ["stranger"]);
        assert_eq!((report.reshaped[0].got[0], report.reshaped[0].wanted[0]), (3, 2));
        assert!(!report.is_exact());
        assert_eq!(kept.to_vec1::<f32>()?, [5.0; 2]);
        assert_eq!(other.to_vec1::<f32>()?, [6.0; 2]);
        assert_eq!(given.to_vec1::<f32>()?, [1.0; 2]);
        Ok(())
    }
}
