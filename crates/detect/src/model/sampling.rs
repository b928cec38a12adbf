//! A few of many boxes, some of them of objects.

use taper_tensor::Rng;

use super::matching::Match;

/// Numbers of boxes that a step of training looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Boxes of objects, and the numbers of these, in the order of the boxes.
    pub objects: Vec<(usize, usize)>,
    /// Boxes of background, in their order.
    pub background: Vec<usize>,
}

/// Draws `count` boxes, at most `share` of them of objects; where these are fewer there is more
/// background, and where background is short there are fewer boxes.
pub fn sampled(matches: &[Match], count: usize, share: f64, rng: &mut Rng) -> Sample {
    let mut objects = Vec::new();
    let mut background = Vec::new();
    for (place, found) in matches.iter().enumerate() {
        match found {
            Match::Object(object) => objects.push((place, *object)),
            Match::Background => background.push(place),
            Match::Neither => {}
        }
    }
    few(&mut objects, (count as f64 * share) as usize, rng);
    few(&mut background, count - objects.len().min(count), rng);
    Sample { objects, background }
}

/// As many of them at random, in their order.
fn few<T: Ord>(all: &mut Vec<T>, count: usize, rng: &mut Rng) {
    if all.len() > count {
        rng.shuffle(all);
        all.truncate(count);
        all.sort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_its_share_and_repeats() {
        let matches: Vec<Match> = (0..100)
            .map(|i| match i % 10 {
                0..4 => Match::Object(i),
                4..9 => Match::Background,
                _ => Match::Neither,
            })
            .collect();
        let draw = |count, share| sampled(&matches, count, share, &mut Rng::new(4));
        let half = draw(40, 0.5);
        assert_eq!((half.objects.len(), half.background.len()), (20, 20));
        assert_eq!(half, draw(40, 0.5));
        assert!(half.objects.is_sorted() && half.background.is_sorted());
        assert!(half.objects.iter().all(|&(place, object)| matches[place] == Match::Object(object)));
        let all = draw(1000, 0.5);
        assert_eq!((all.objects.len(), all.background.len()), (40, 50));
        assert_ne!(half, sampled(&matches, 40, 0.5, &mut Rng::new(5)));
    }
}
