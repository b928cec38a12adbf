//! The loss of words.

use candle_core::{Device, Result, Tensor};
use taper_tensor::cross_entropy;

/// The mean cross-entropy of those rows that have a target; the others, behind the end of a
/// caption, are left out, and get no gradient:
///
/// ```text
/// L = -1/M Σ log softmax(z[m])[t[m]]      over the M rows with a target t[m]
/// ```
///
/// `logits` makes the logits (M,V) of the rows whose numbers it is given, so that nothing is
/// computed for the others. Without any target the loss is 0.
///
/// # Errors
/// When a target is no class, or the logits are not (M,V).
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor};
/// use taper_caption::model::masked_cross_entropy;
/// let all = Tensor::new(&[[0f32, 0.0], [9.0, 9.0], [0.0, 0.0]], &Device::Cpu)?;
/// let loss = masked_cross_entropy(&[Some(1), None, Some(0)], |rows| all.index_select(rows, 0))?;
/// assert!((loss.to_scalar::<f32>()? - 2f32.ln()).abs() < 1e-6);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn masked_cross_entropy(targets: &[Option<u32>], logits: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let (rows, classes): (Vec<u32>, Vec<u32>) =
        targets.iter().enumerate().filter_map(|(row, target)| Some((row as u32, (*target)?))).unzip();
    if rows.is_empty() {
        return Tensor::new(0f32, &Device::Cpu);
    }
    let count = rows.len();
    let logits = logits(&Tensor::from_vec(rows, count, &Device::Cpu)?)?;
    let (rows, width) = logits.dims2()?;
    if rows != count {
        candle_core::bail!("masked_cross_entropy: {count} rows have a target, and the logits are of {rows}");
    }
    let mut targets = vec![0f32; count * width];
    for (row, &class) in targets.chunks_mut(width.max(1)).zip(&classes) {
        match row.get_mut(class as usize) {
            Some(place) => *place = 1.0,
            None => candle_core::bail!("masked_cross_entropy: the target {class} is none of {width} classes"),
        }
    }
    let targets = Tensor::from_vec(targets, (count, width), &Device::Cpu)?.to_dtype(logits.dtype())?;
    cross_entropy(&logits, &targets)
}
