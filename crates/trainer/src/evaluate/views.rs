//! Test-time augmentation: a picture is seen several times, each time a little differently.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use taper_augment::{Compose, HorizontalFlip, Interpolation, Resize, TEN, TenCrop, Transform};
use taper_data::{Dataset, Need};
use taper_regularize::Marginalize;
use taper_transfer::Classifier;

use crate::build::need::{decoded_once, train_need};
use crate::build::pipeline::{BATCH, Input, in_order};
use crate::build::transforms::train_transform;
use crate::error::Result;
use crate::evaluate::error::ViewsError;
use crate::evaluate::{Evaluation, Truth, answers};
use crate::listener::{Listener, Work};
use crate::objective::Objective;
use crate::ranks::Ranks;
use crate::recipe::Recipe;

/// How a picture is seen several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Views {
    /// As it is, and mirrored left to right.
    Flips,
    /// Corners and middle of the picture at 256/224 of the size, and these mirrored.
    TenCrop,
    /// The same ten at 224, 256, 384, 480 and 640 parts in 224 of the size: 50 views.
    MultiScale,
    /// So many draws of what is done to pictures in training.
    Random(u16),
}

/// Short sides of the pictures that ten crops are cut from, where the network sees 224 pixels.
const SCALES: [u32; 5] = [224, 256, 384, 480, 640];

/// How the answers to several views become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mean {
    /// The mean of the probabilities.
    #[default]
    Probabilities,
    /// The softmax of the mean of the logits, a geometric mean of the probabilities.
    Logits,
}

impl Mean {
    /// What is [said](Objective::said) by the mean, of the sum of so many answers, or of what is
    /// said by these.
    pub(crate) fn of_sum(self, objective: &Objective, mut sum: Vec<f64>, count: usize) -> Vec<f64> {
        sum.iter_mut().for_each(|sum| *sum /= count as f64);
        match self {
            Self::Probabilities => objective.said_by_mean(&sum),
            Self::Logits => objective.summed_to_one(sum),
        }
    }
}

/// `flips`, `ten-crop`, `multi-scale`, or a number of random views.
impl FromStr for Views {
    type Err = ViewsError;

    fn from_str(text: &str) -> Result<Self, ViewsError> {
        match (text, text.parse()) {
            ("flips", _) => Ok(Self::Flips),
            ("ten-crop", _) => Ok(Self::TenCrop),
            ("multi-scale", _) => Ok(Self::MultiScale),
            (_, Ok(n @ 1..)) => Ok(Self::Random(n)),
            _ => Err(ViewsError { got: text.to_owned() }),
        }
    }
}

impl Views {
    /// The fixed preparations, one a view; none for random views.
    fn transforms(self, Input { size, framing, .. }: Input) -> Result<Vec<Compose>> {
        let ten = |scale: u32| {
            let short = scaled(size, scale);
            (0..TEN).map(move |index| {
                let steps: [Box<dyn Transform>; 2] =
                    [Box::new(Resize::new(short, Interpolation::Bilinear)?), Box::new(TenCrop::new(size, index)?)];
                Ok(Compose(Vec::from(steps)))
            })
        };
        match self {
            Self::Flips => {
                let mut mirrored = framing.transform(size)?;
                mirrored.0.push(Box::new(HorizontalFlip::new(1.0)?));
                Ok(vec![framing.transform(size)?, mirrored])
            }
            Self::TenCrop => ten(SCALES[1]).collect(),
            Self::MultiScale => SCALES.into_iter().flat_map(ten).collect(),
            Self::Random(_) => Ok(Vec::new()),
        }
    }

    /// What all views of a picture need of it.
    fn need(self, recipe: &Recipe, Input { size, framing, .. }: Input) -> Need {
        match self {
            Self::Flips => framing.need(size),
            Self::TenCrop => Need::ShortSide(scaled(size, SCALES[1])),
            Self::MultiScale => Need::ShortSide(scaled(size, SCALES[SCALES.len() - 1])),
            Self::Random(_) => train_need(&recipe.augment, size),
        }
    }

    /// How many views a picture has.
    pub fn count(self) -> usize {
        match self {
            Self::Flips => 2,
            Self::TenCrop => TEN,
            Self::MultiScale => TEN * SCALES.len(),
            Self::Random(n) => n.into(),
        }
    }
}

/// A short side for a network that sees `size` pixels, where one that sees 224 has `scale`.
fn scaled(size: u32, scale: u32) -> u32 {
    (u64::from(size) * u64::from(scale) / u64::from(SCALES[0])) as u32
}

/// Tests a classifier on several views of every picture, which is decoded once for all of them;
/// each view is marginalised by `how`. Random views are those of the recipe's training. Of several
/// processes each answers some batches, and the first alone learns what came out.
///
/// # Errors
/// When a picture cannot be read, or a setting of the recipe is out of its range.
pub fn evaluate_views(
    (classifier, objective): (&Classifier, &Objective),
    (dataset, input, threads): (&Arc<dyn Dataset>, Input, usize),
    (views, mean): (Views, Mean),
    (recipe, how): (&Recipe, Marginalize),
    (listener, ranks): (&dyn Listener, &dyn Ranks),
) -> Result<Evaluation> {
    let pictures = decoded_once(Arc::clone(dataset), views.need(recipe, input));
    let in_order = |transform| in_order(Arc::clone(&pictures), transform, BATCH, input, threads);
    // A loader and the number that its random draws are keyed by.
    let passes: Vec<_> = match views {
        Views::Random(n) => {
            let loader = in_order(train_transform(&recipe.augment, input.size)?)?;
            (0..n.into()).map(|pass| (loader.clone(), pass)).collect()
        }
        fixed => fixed.transforms(input)?.into_iter().map(|t| Ok((in_order(t)?, 0))).collect::<Result<_>>()?,
    };
    let progress = listener.work(Work::Answers);
    progress.begin((passes.len() * dataset.len()) as u64);
    Evaluation::timed(objective, |result| {
        let (mut sums, mut waited) = (vec![Vec::new(); dataset.len()], Duration::ZERO);
        for (loader, pass) in &passes {
            waited += answers((classifier, objective), (loader, *pass), how, ranks, |rows, indices| {
                progress.advance(indices.len() as u64);
                for (row, &index) in rows.into_iter().zip(indices) {
                    let row = if mean == Mean::Logits { row } else { objective.answer(&row) };
                    let sum: &mut Vec<f64> = &mut sums[index];
                    sum.resize(row.len(), 0.0);
                    sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                }
                Ok(())
            })?;
        }
        // Those of another process than the first have nothing to tell.
        for (index, sum) in sums.into_iter().enumerate().filter(|(_, sum)| !sum.is_empty()) {
            let row = mean.of_sum(objective, sum, passes.len());
            result.add_rows(&[row], Truth::of(objective, &**dataset, &[index])?);
        }
        Ok(waited)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::framing::Framing;

    #[test]
    fn views_have_names_or_a_number() {
        for (text, views) in [
            ("flips", Views::Flips),
            ("ten-crop", Views::TenCrop),
            ("multi-scale", Views::MultiScale),
            ("7", Views::Random(7)),
        ] {
            assert_eq!(text.parse(), Ok(views));
        }
        for text in ["0", "-1", "ten", ""] {
            assert!(text.parse::<Views>().unwrap_err().to_string().contains("ten-crop"));
        }
        for views in [Views::Flips, Views::TenCrop, Views::MultiScale] {
            let input = Input { size: 64, framing: Framing::USUAL, mean: [0.5; 3], std: [0.5; 3] };
            assert_eq!(views.transforms(input).unwrap().len(), views.count());
        }
    }
}
