//! A linear classifier on features that stay as they are.

use candle_core::{DType, Device, Tensor, Var};
use taper_optim::{Lbfgs, LbfgsConfig, Minimizer, Stopping};
use taper_tensor::{Rng, backward, cross_entropy, linear};

use crate::error::Result;

/// Strengths of the penalty that are tried, the strongest first.
pub const STRENGTHS: [f64; 9] = [10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3];

/// The part of the training pictures that the strength is chosen by, fraction.
const HELD_OUT: f64 = 0.2;

/// Parts of a cross-validation.
pub(crate) const FOLDS: usize = 5;

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

/// Logistic regression on standardized features, solved by L-BFGS over all pictures at once:
///
/// ```text
/// loss(W, b) = mean of crossentropy(W z + b, t) + λ/2 ‖W‖²,   z = (f - mean) / deviation
/// ```
///
/// λ is the one of [`STRENGTHS`] with the lowest cross-entropy on a fifth of the training pictures,
/// drawn class by class from `rng`, when the others are learned. The loss is convex: what comes out
/// depends on nothing else.
///
/// `train` and `test` are features (N,C) in float64 with the classes of the pictures.
///
/// # Errors
/// When there are no pictures, or a feature is not finite.
pub fn probe(train: (&Tensor, &[usize]), test: (&Tensor, &[usize]), classes: usize, rng: &Rng) -> Result<Probe> {
    let strength = strength(train, classes, rng)?;
    let solver = Standardized::of(train.0, train.1, classes)?;
    solver.solve(strength)?;
    let predictions = solver.answers(test.0)?;
    Ok(Probe { strength, accuracy: right(&predictions, test.1), predictions })
}

/// The same classifier without pictures to test it by: each of five parts of the training pictures,
/// drawn class by class, is answered by what the others teach. λ is [`probe`]'s, for all parts.
///
/// # Errors
/// As there.
pub fn cross_validated(train: (&Tensor, &[usize]), classes: usize, rng: &Rng) -> Result<Probe> {
    let strength = strength(train, classes, rng)?;
    let mut predictions = vec![0; train.1.len()];
    let parts = folds(train.1, classes, rng);
    for fold in 0..FOLDS {
        let (held, kept): (Vec<usize>, Vec<usize>) = (0..train.1.len()).partition(|&i| parts[i] == fold);
        if held.is_empty() || kept.is_empty() {
            continue;
        }
        let ((learned, labels), (tested, _)) = (rows(train, &kept)?, rows(train, &held)?);
        let solver = Standardized::of(&learned, &labels, classes)?;
        solver.solve(strength)?;
        held.into_iter().zip(solver.answers(&tested)?).for_each(|(i, answer)| predictions[i] = answer);
    }
    Ok(Probe { strength, accuracy: right(&predictions, train.1), predictions })
}

/// The pictures of these numbers.
fn rows((features, labels): (&Tensor, &[usize]), numbers: &[usize]) -> Result<(Tensor, Vec<usize>)> {
    let picked: Vec<u32> = numbers.iter().map(|&i| i as u32).collect();
    let features = features.index_select(&Tensor::new(picked, &Device::Cpu)?, 0)?;
    Ok((features, numbers.iter().map(|&i| labels[i]).collect()))
}

/// The strength with the lowest cross-entropy on a part of the pictures when the others are
/// learned.
fn strength(train: (&Tensor, &[usize]), classes: usize, rng: &Rng) -> Result<f64> {
    let (kept, held) = split(train.1, classes, rng);
    let (kept, held) = (rows(train, &kept)?, rows(train, &held)?);
    // The weights of one strength are where the next begins.
    let solver = Standardized::of(&kept.0, &kept.1, classes)?;
    let targets = targets(&held.1, classes)?;
    let mut best = (f64::INFINITY, STRENGTHS[0]);
    for strength in STRENGTHS {
        solver.solve(strength)?;
        let loss = cross_entropy(&solver.logits(&held.0)?, &targets)?.to_scalar::<f64>()?;
        if loss < best.0 {
            best = (loss, strength);
        }
    }
    Ok(best.1)
}

/// The part of each picture, of [`FOLDS`]: as many of each class in each as can be.
pub(crate) fn folds(labels: &[usize], classes: usize, rng: &Rng) -> Vec<usize> {
    let mut parts = vec![0; labels.len()];
    let mut next = 0;
    for class in 0..classes {
        let mut pictures: Vec<usize> = (0..labels.len()).filter(|&i| labels[i] == class).collect();
        rng.fork("folds").at(class as u64).shuffle(&mut pictures);
        for i in pictures {
            parts[i] = next % FOLDS;
            next += 1;
        }
    }
    parts
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
struct Standardized {
    mean: Tensor,
    deviation: Tensor,
    features: Tensor,
    targets: Tensor,
    weight: Var,
    bias: Var,
}

impl Standardized {
    fn of(features: &Tensor, labels: &[usize], classes: usize) -> Result<Self> {
        let channels = features.dim(1)?;
        let mean = features.mean_keepdim(0)?;
        // A channel that never changes says nothing, and stays 0.
        let deviation = (features.broadcast_sub(&mean)?.sqr()?.mean_keepdim(0)?.sqrt()? + 1e-12)?;
        Ok(Self {
            features: features.broadcast_sub(&mean)?.broadcast_div(&deviation)?,
            mean,
            deviation,
            targets: targets(labels, classes)?,
            weight: Var::zeros((classes, channels), DType::F64, &Device::Cpu)?,
            bias: Var::zeros(classes, DType::F64, &Device::Cpu)?,
        })
    }

    fn solve(&self, strength: f64) -> Result<()> {
        let stopping = Stopping { tolerance_grad: 1e-5, ..Stopping::default() };
        let lbfgs = Lbfgs::new(LbfgsConfig { stopping, ..LbfgsConfig::default() })?;
        let params = [("bias".to_owned(), self.bias.clone()), ("weight".to_owned(), self.weight.clone())];
        lbfgs.minimize(&params, &mut || {
            let logits = linear(&self.features, &self.weight, Some(&self.bias))?;
            let penalty = (self.weight.sqr()?.sum_all()? * (0.5 * strength))?;
            let loss = (cross_entropy(&logits, &self.targets)? + penalty)?;
            let grads = backward(&loss)?;
            Ok((loss, grads))
        })?;
        Ok(())
    }

    fn logits(&self, features: &Tensor) -> Result<Tensor> {
        let features = features.broadcast_sub(&self.mean)?.broadcast_div(&self.deviation)?;
        Ok(linear(&features, &self.weight, Some(&self.bias))?)
    }

    /// The most probable class of each picture; the first of equals.
    fn answers(&self, features: &Tensor) -> Result<Vec<usize>> {
        let classes = self.logits(features)?.argmax(1)?.to_vec1::<u32>()?;
        Ok(classes.into_iter().map(|class| class as usize).collect())
    }
}

/// 1 for the class of each picture, (N,classes).
fn targets(labels: &[usize], classes: usize) -> Result<Tensor> {
    let row = |&label: &usize| (0..classes).map(move |class| f64::from(class == label));
    Ok(Tensor::from_vec(labels.iter().flat_map(row).collect::<Vec<_>>(), (labels.len(), classes), &Device::Cpu)?)
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
    fn every_picture_is_answered_by_what_the_others_teach() {
        let (features, labels) = pictures(60, 3);
        let found = cross_validated((&features, &labels), 2, &Rng::new(1)).unwrap();
        assert!(found.accuracy > 0.95 && found.predictions.len() == 60, "{found:?}");
        // Labels that nothing tells apart cannot be known by heart.
        let mut rng = Rng::new(9);
        let drawn: Vec<usize> = (0..60).map(|_| usize::from(rng.chance(0.5))).collect();
        let found = cross_validated((&features, &drawn), 2, &Rng::new(1)).unwrap();
        assert!((0.25..0.75).contains(&found.accuracy), "{found:?}");
        let parts = folds(&labels, 2, &Rng::new(1));
        for fold in 0..FOLDS {
            assert_eq!([0, 1].map(|class| (0..60).filter(|&i| parts[i] == fold && labels[i] == class).count()), [6, 6]);
        }
    }

    #[test]
    fn every_class_has_its_share_in_both_parts() {
        let labels: Vec<usize> = (0..50).map(|i| usize::from(i < 10)).chain([2]).collect();
        let (kept, held) = split(&labels, 3, &Rng::new(4));
        let count = |part: &[usize], class| part.iter().filter(|&&i| labels[i] == class).count();
        assert_eq!([0, 1, 2].map(|class| (count(&kept, class), count(&held, class))), [(32, 8), (8, 2), (1, 0)]);
    }
}
