//! A linear classifier on features that stay as they are.

use anyhow::Result;
use candle_core::{DType, Device, Tensor, Var};
use taper_optim::{Lbfgs, LbfgsConfig, Minimiser, Stopping};
use taper_tensor::{Rng, backward, cross_entropy, linear};

/// Strengths of the penalty that are tried, the strongest first.
pub const STRENGTHS: [f64; 7] = [1.0, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3];

/// The part of the training pictures that the strength is chosen by, fraction.
const HELD_OUT: f64 = 0.2;

/// What a probe found.
#[derive(Clone, Debug)]
pub struct Probe {
    /// λ, of [`STRENGTHS`].
    pub strength: f64,
    /// Share of the test pictures that it names right, fraction.
    pub accuracy: f64,
    /// The answer to each test picture.
    pub predictions: Vec<usize>,
}

/// Logistic regression on standardised features, solved by L-BFGS over all pictures at once:
///
/// ```text
/// loss(W, b) = mean of crossentropy(W z + b, t) + λ/2 ‖W‖²,   z = (f - mean) / deviation
/// ```
///
/// λ is the one of [`STRENGTHS`] that does best on a fifth of the training pictures, drawn class by class from `rng`, when the
/// others are learned; of equal ones the strongest. The loss is convex: what comes out depends on nothing else.
///
/// `train` and `test` are features (N,C) in float64 with the classes of the pictures.
///
/// # Errors
/// When there are no pictures, or a feature is not finite.
pub fn probe(train: (&Tensor, &[usize]), test: (&Tensor, &[usize]), classes: usize, rng: &Rng) -> Result<Probe> {
    let (kept, held) = split(train.1, classes, rng);
    let rows = |numbers: &[usize]| -> Result<(Tensor, Vec<usize>)> {
        let picked: Vec<u32> = numbers.iter().map(|&i| i as u32).collect();
        let features = train.0.index_select(&Tensor::new(picked, &Device::Cpu)?, 0)?;
        Ok((features, numbers.iter().map(|&i| train.1[i]).collect()))
    };
    let (kept, held) = (rows(&kept)?, rows(&held)?);
    // The weights of one strength are where the next begins.
    let solver = Standardised::of(&kept.0, &kept.1, classes)?;
    let mut best = (STRENGTHS[0], -1.0);
    for strength in STRENGTHS {
        solver.solve(strength)?;
        let accuracy = right(&solver.answers(&held.0)?, &held.1);
        if accuracy > best.1 {
            best = (strength, accuracy);
        }
    }
    let solver = Standardised::of(train.0, train.1, classes)?;
    solver.solve(best.0)?;
    let predictions = solver.answers(test.0)?;
    Ok(Probe { strength: best.0, accuracy: right(&predictions, test.1), predictions })
}

fn right(predictions: &[usize], labels: &[usize]) -> f64 {
    predictions.iter().zip(labels).filter(|(a, b)| a == b).count() as f64 / labels.len().max(1) as f64
}

/// The pictures to learn and those to choose by; a class of one picture is learned.
fn split(labels: &[usize], classes: usize, rng: &Rng) -> (Vec<usize>, Vec<usize>) {
    let (mut kept, mut held) = (Vec::new(), Vec::new());
    for class in 0..classes {
        let mut pictures: Vec<usize> = (0..labels.len()).filter(|&i| labels[i] == class).collect();
        rng.fork("probe").at(class as u64).shuffle(&mut pictures);
        let count = (HELD_OUT * pictures.len() as f64).round() as usize;
        held.extend_from_slice(&pictures[..count]);
        kept.extend_from_slice(&pictures[count..]);
    }
    kept.sort_unstable();
    held.sort_unstable();
    (kept, held)
}

/// Features with mean 0 and deviation 1, and a classifier of them.
struct Standardised {
    mean: Tensor,
    deviation: Tensor,
    features: Tensor,
    targets: Tensor,
    weight: Var,
    bias: Var,
}

impl Standardised {
    fn of(features: &Tensor, labels: &[usize], classes: usize) -> Result<Self> {
        let channels = features.dim(1)?;
        let mean = features.mean_keepdim(0)?;
        // A channel that never changes says nothing, and stays 0.
        let deviation = (features.broadcast_sub(&mean)?.sqr()?.mean_keepdim(0)?.sqrt()? + 1e-12)?;
        let targets: Vec<f64> =
            labels.iter().flat_map(|&label| (0..classes).map(move |class| f64::from(class == label))).collect();
        Ok(Self {
            features: features.broadcast_sub(&mean)?.broadcast_div(&deviation)?,
            mean,
            deviation,
            targets: Tensor::from_vec(targets, (labels.len(), classes), &Device::Cpu)?,
            weight: Var::zeros((classes, channels), DType::F64, &Device::Cpu)?,
            bias: Var::zeros(classes, DType::F64, &Device::Cpu)?,
        })
    }

    fn solve(&self, strength: f64) -> Result<()> {
        let stopping = Stopping { tolerance_grad: 1e-5, ..Stopping::default() };
        let lbfgs = Lbfgs::new(LbfgsConfig { stopping, ..LbfgsConfig::default() })?;
        let params = [("bias".to_owned(), self.bias.clone()), ("weight".to_owned(), self.weight.clone())];
        lbfgs.minimise(&params, &mut || {
            let logits = linear(&self.features, &self.weight, Some(&self.bias))?;
            let penalty = (self.weight.sqr()?.sum_all()? * (0.5 * strength))?;
            let loss = (cross_entropy(&logits, &self.targets)? + penalty)?;
            let grads = backward(&loss)?;
            Ok((loss, grads))
        })?;
        Ok(())
    }

    /// The most probable class of each picture; the first of equals.
    fn answers(&self, features: &Tensor) -> Result<Vec<usize>> {
        let features = features.broadcast_sub(&self.mean)?.broadcast_div(&self.deviation)?;
        let logits = linear(&features, &self.weight, Some(&self.bias))?;
        Ok(logits.argmax(1)?.to_vec1::<u32>()?.into_iter().map(|class| class as usize).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two classes along the first feature, noise in the others, the last constant.
    fn pictures(n: usize, seed: u64) -> (Tensor, Vec<usize>) {
        let mut rng = Rng::new(seed);
        let labels: Vec<usize> = (0..n).map(|i| i % 2).collect();
        let features = labels.iter().flat_map(|&label| [100.0 + 8.0 * label as f64 + rng.normal(), rng.normal(), 5.0]);
        (Tensor::from_vec(features.collect::<Vec<_>>(), (n, 3), &Device::Cpu).unwrap(), labels)
    }

    #[test]
    fn what_is_linear_is_found_and_the_rest_is_left_to_chance() {
        let ((train, labels), (test, wanted)) = (pictures(60, 1), pictures(40, 2));
        let found = probe((&train, &labels), (&test, &wanted), 2, &Rng::new(0)).unwrap();
        assert!(found.accuracy > 0.97 && STRENGTHS.contains(&found.strength), "{found:?}");
        let noise = |t: &Tensor| t.narrow(1, 1, 2).unwrap().contiguous().unwrap();
        let found = probe((&noise(&train), &labels), (&noise(&test), &wanted), 2, &Rng::new(0)).unwrap();
        assert!((0.2..0.8).contains(&found.accuracy), "{found:?}");
    }

    #[test]
    fn every_class_has_its_share_in_both_parts() {
        let labels: Vec<usize> = (0..50).map(|i| usize::from(i < 10)).chain([2]).collect();
        let (kept, held) = split(&labels, 3, &Rng::new(4));
        let count = |part: &[usize], class| part.iter().filter(|&&i| labels[i] == class).count();
        assert_eq!([0, 1, 2].map(|class| (count(&kept, class), count(&held, class))), [(32, 8), (8, 2), (1, 0)]);
    }
}
