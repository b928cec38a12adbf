//! What operations a pass goes through, and how much memory is in use after each.

use std::cell::RefCell;
use std::panic::Location;
use std::path::Path;

use candle_core::Shape;

/// The way of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Its result was computed.
    Forward,
    /// Its gradients were.
    Backward,
}

/// An operation that has just run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    /// The operation: the name of the file of `ops` that it is in.
    pub operation: &'static str,
    /// Which way it ran.
    pub pass: Pass,
    /// The shape of its result.
    pub shape: Shape,
    /// What `measure` said after it.
    pub measured: usize,
}

/// Runs `work` and notes every operation of this crate that leads to a variable, forward and
/// backward, in their order, with what `measure` says after each: the bytes in use
/// ([`Recycler::in_use`](crate::Recycler::in_use)), or the time.
///
/// `work` has to run its operations on the thread that calls this.
///
/// # Examples
/// ```
/// use candle_core::{Device, Var};
/// use taper_tensor::{Pass, backward, relu, trace};
/// let x = Var::new(&[-1f32, 2.0], &Device::Cpu)?;
/// let (_, traced) = trace(|| 0, || backward(&relu(&x)?.sum_all()?));
/// assert_eq!(traced.iter().map(|t| t.pass).collect::<Vec<_>>(), [Pass::Forward, Pass::Backward]);
/// assert_eq!(traced[0].operation, "activation");
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn trace<R>(measure: impl Fn() -> usize + 'static, work: impl FnOnce() -> R) -> (R, Vec<Traced>) {
    let outer = TRACE.replace(Some(Trace { measure: Box::new(measure), traced: Vec::new() }));
    let result = work();
    let own = TRACE.replace(outer);
    (result, own.map(|trace| trace.traced).unwrap_or_default())
}

struct Trace {
    measure: Box<dyn Fn() -> usize>,
    traced: Vec<Traced>,
}

thread_local! {
    static TRACE: RefCell<Option<Trace>> = const { RefCell::new(None) };
}

/// Notes an operation called at `place`, where somebody wants to know.
pub(super) fn note(place: &'static Location<'static>, pass: Pass, shape: &Shape) {
    TRACE.with_borrow_mut(|trace| {
        let Some(Trace { measure, traced }) = trace else { return };
        let operation = Path::new(place.file()).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        traced.push(Traced { operation, pass, shape: shape.clone(), measured: measure() });
    });
}
