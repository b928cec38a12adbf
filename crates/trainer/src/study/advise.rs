//! Which layers to train, from what the pictures themselves say.

use std::sync::Arc;

use taper_data::{Dataset, split};
use taper_tensor::Rng;

use crate::build::network::{FeatureExtractor, Reach, backbone};
use crate::error::Result;
use crate::evaluate::linear_probe;
use crate::evaluate::metrics::interval;
use crate::evaluate::stage_features::StageFeatures;
use crate::listener::Listener;
use crate::recipe::{Plan, Recipe};
use crate::study::head_trial;

/// The most training pictures that the stages are tried on.
const PICTURES: usize = 1000;

/// From how many pictures of a class on there is enough to train the layers that the network
/// brings, where the pictures are like those of its training and where they are not:
/// `crates/transfer/EXPERIMENTS.md`.
const MUCH: [f64; 2] = [40.0, 400.0];

/// The most rounds of a cross-validation, each with parts of its own: of few pictures a single one
/// says little.
const ROUNDS: usize = 10;

/// From how many standard errors on the linear classifiers leave no doubt which stage serves
/// better.
const CERTAIN: f64 = 4.0;

/// By how many standard errors an earlier stage must be ahead to be preferred. To cut a network off
/// that the pictures suit costs far more than to keep stages that they do not.
const DOUBT: f64 = 0.25;

/// From how many standard errors on a lead is more than chance (one in twenty).
const CHANCE: f64 = 1.96;

/// Variants of each picture that a new head sees on the last stage.
const VARIANTS: u32 = 4;

/// A stage, and what a linear classifier on it gets right of the training pictures, each part of
/// them answered by what the others teach ([`cross_validated`](linear_probe::cross_validated)).
#[derive(Clone, Debug)]
pub struct StageScore {
    /// The stage.
    pub name: &'static str,
    /// Share of the pictures, fraction.
    pub accuracy: f64,
    /// Its 95 % interval.
    pub interval: [f64; 2],
}

/// What to do with a network for a set of pictures, and why.
#[derive(Clone, Debug)]
pub struct Advice {
    /// Training pictures for each class, on average.
    pub per_class: f64,
    /// How many of them were tried.
    pub tried: usize,
    /// A linear classifier on each stage, from the picture to the last map.
    pub stages: Vec<StageScore>,
    /// The best stage before the last.
    pub earlier: usize,
    /// The share of the pictures that a new head gets right, on the last stage and on that earlier
    /// one; none where the linear classifiers left no doubt.
    pub heads: Option<[f64; 2]>,
    /// By how much the last stage is ahead of the earlier one, in standard errors of the difference
    /// (McNemar's): of the linear classifiers, and of the heads where these were tried.
    pub lead: f64,
}

impl Advice {
    /// Whether the pictures are like those that the network was trained on: its last stage serves
    /// at least as well as an earlier one.
    pub fn similar(&self) -> bool {
        self.lead > -DOUBT
    }

    /// Whether there is enough of them to train the layers below the head.
    pub fn much(&self) -> bool {
        self.per_class >= MUCH[usize::from(!self.similar())]
    }

    /// Which layers to train: with little data the head alone; with much few of them where the last
    /// stage is ahead by more than chance, many where the pictures ask for other features.
    pub fn plan(&self) -> Plan {
        match self.much() {
            false => Plan::Probe,
            true if self.lead > CHANCE => Plan::Top,
            true => Plan::Full,
        }
    }

    /// The stage to cut the network at, where an earlier one is the one to build on.
    pub fn cut(&self) -> Option<&'static str> {
        (!self.similar()).then(|| self.stages[self.earlier].name)
    }

    /// In how many variants frozen stages see a picture, where that is not as usual.
    fn variants(&self) -> Option<u32> {
        (self.plan() == Plan::Probe && self.similar()).then_some(VARIANTS)
    }

    /// The flags of `taper fine-tune` that follow the advice.
    pub fn flags(&self) -> String {
        let plan = format!("--plan {}", self.plan().name());
        let cut = self.cut().map(|stage| format!(" --cut {stage}"));
        let variants = self.variants().map(|count| format!(" --variants {count}"));
        [Some(plan), cut, variants].into_iter().flatten().collect()
    }

    /// A recipe that follows the advice and is `recipe` in all else.
    pub fn follow(&self, recipe: &Recipe) -> Recipe {
        let mut followed = Recipe {
            plan: self.plan(),
            cut: self.cut().map(str::to_owned).or_else(|| recipe.cut.clone()),
            ..recipe.clone()
        };
        followed.data.variants = recipe.data.variants.or(self.variants().filter(|_| !recipe.regularize.mixes()));
        followed
    }

    /// What the advice is, in words.
    pub fn words(&self) -> String {
        match (self.plan(), self.cut()) {
            (Plan::Probe, Some(stage)) => {
                format!("train a new head on an earlier stage, {stage}, of the network as it is")
            }
            (Plan::Probe, None) => "train a new head on the network as it is".to_owned(),
            (Plan::Top, _) => "fine-tune few layers: the head, then with it the last stage".to_owned(),
            (_, Some(stage)) => {
                format!("end the network at an earlier stage, {stage}, and fine-tune many layers of it")
            }
            (_, None) => "fine-tune many layers: the head, then with it all stages but the first".to_owned(),
        }
    }

    /// Why, a sentence each: the numbers that decided.
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons = vec![self.likeness(), self.amount()];
        if self.much() && self.similar() {
            let (layers, order) = match self.plan() {
                Plan::Top => ("few layers", "more than chance: what the network ends with serves as it is"),
                _ => ("many layers", "no more than chance: what the network ends with is to change"),
            };
            reasons
                .push(format!("{layers}: the lead of the last stage, {:+.2} standard errors, is {order}", self.lead));
        }
        reasons
    }

    /// Whether the last stage serves best, and by how much.
    fn likeness(&self) -> String {
        let last = self.stages.len() - 1;
        let [ours, theirs] = [last, self.earlier].map(|i| &self.stages[i]);
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let trial = |what: &str, [a, b]: [f64; 2]| format!("{what} is right on {} and {}", percent(a), percent(b));
        let linear = trial("a linear classifier", [ours.accuracy, theirs.accuracy]);
        let (trials, both) = match self.heads {
            Some(heads) => (format!("{linear}, {}", trial("a new head", heads)), "together "),
            None => (linear, ""),
        };
        let order = if self.lead < 0.0 { "behind" } else { "ahead" };
        let chance = if self.lead.abs() > CHANCE { "more than chance" } else { "within chance" };
        let ahead = format!("{both}the last is {:.2} standard errors {order}, {chance}", self.lead.abs());
        match (self.earlier == last, self.similar()) {
            (true, _) => format!("similar pictures: the network has no stage before the last, {}", ours.name),
            (_, true) => format!(
                "similar pictures: the last stage, {}, serves as well as an earlier one or better; on it and on the best of the others, \
                 {}, {trials}: {ahead}",
                ours.name, theirs.name
            ),
            (_, false) => format!(
                "different pictures: an earlier stage, {}, serves better than the last, {}; on the last and on it {trials}: {ahead}, and an \
                 earlier one is preferred from {DOUBT} on",
                theirs.name, ours.name
            ),
        }
    }

    /// How many pictures there are, and how many are much.
    fn amount(&self) -> String {
        let enough = MUCH[usize::from(!self.similar())];
        format!(
            "{} data: {} pictures of each class to learn, and for such pictures much begins at {enough}",
            if self.much() { "much" } else { "little" },
            // Rounded down, that less than enough does not read as enough.
            (10.0 * self.per_class).floor() / 10.0
        )
    }
}

/// Tries the stages of a network by cross-validation over training pictures, a thousand at the
/// most, and fills in the table that every course teaches:
///
/// ```text
///                                            little data                 much data
/// similar (the last stage serves best)       a new head on the top       fine-tune few layers
/// different (an earlier one serves better)   a new head on that stage    fine-tune many layers up to that stage
/// ```
///
/// Where the last stage serves as well as an earlier one and is not ahead by more than chance, much
/// data is for many layers, up to the last.
///
/// On every stage a linear classifier is tried. Unless it leaves no doubt, the recipe's head is
/// tried on the last stage and on the best of the others, and both count: of many pictures the head
/// sees more of the difference, of few the linear classifier is steadier. Where little ends was
/// measured: `crates/transfer/EXPERIMENTS.md`. Pictures that validate are not looked at.
///
/// # Errors
/// When a picture cannot be read or is too small for the network, a class has a single one, or the
/// rule takes no steps (`lbfgs`).
pub fn advise(recipe: &Recipe, train: &Arc<dyn Dataset>, threads: usize, listener: &dyn Listener) -> Result<Advice> {
    let rng = Rng::new(recipe.seed).fork("advise");
    let tried = match train.len() {
        few if few <= PICTURES => Arc::clone(train),
        many => Arc::new(split(Arc::clone(train), PICTURES as f64 / many as f64, &rng)?.1),
    };
    let size = Some(recipe.data.image_size);
    let FeatureExtractor { classifier, params, input } =
        backbone(&recipe.model, recipe.weights.as_deref(), (size, Reach::Maps), listener)?;
    let (names, classes) = (classifier.backbone().stages(), train.classes().len());
    let features = StageFeatures::of((&classifier, &params), names.len(), &tried, input, threads)?;
    let rounds = (PICTURES / tried.len().max(1)).clamp(1, ROUNDS);
    let (mut stages, mut right) = (Vec::new(), Vec::new());
    for (stage, of_stage) in names.iter().zip(&features.stages) {
        let mut all = Vec::new();
        for round in 0..rounds {
            let rng = rng.at(round as u64);
            let found = linear_probe::cross_validated((of_stage, &features.labels), classes, &rng)?;
            all.extend(found.predictions.iter().zip(&features.labels).map(|(answer, label)| answer == label));
        }
        let accuracy = share(&all);
        stages.push(StageScore { name: stage.name, accuracy, interval: interval(accuracy, tried.len()) });
        right.push(all);
    }
    let last = stages.len() - 1;
    let better = |best: usize, i: usize| if stages[i].accuracy >= stages[best].accuracy { i } else { best };
    let earlier = (0..last).reduce(better).unwrap_or(last);
    let per_class = train.len() as f64 / classes as f64;
    let lead = self::lead(&right[last], &right[earlier], rounds);
    let mut advice = Advice { per_class, tried: tried.len(), stages, earlier, heads: None, lead };
    if lead.abs() < CERTAIN && earlier < last {
        let head = |lead| {
            let advice = Advice { lead, per_class: 0.0, ..advice.clone() };
            head_trial::cross_validated(&advice.follow(recipe), &tried, (&rng, rounds), (threads, listener))
        };
        // As the two cells of little data have them.
        let (top, below) = (head(1.0)?, head(-1.0)?);
        advice.heads = Some([share(&top), share(&below)]);
        let both = |linear: &[bool], head: Vec<bool>| [linear, &head].concat();
        advice.lead = self::lead(&both(&right[last], top), &both(&right[earlier], below), 2 * rounds);
    }
    Ok(advice)
}

/// Share of what is right, fraction.
fn share(right: &[bool]) -> f64 {
    right.iter().filter(|right| **right).count() as f64 / right.len().max(1) as f64
}

/// How far the first is ahead on the same pictures, each asked about `times`, in standard errors:
/// `(b - c) / √(b + c)`, b and c the pictures that one of both alone gets right (Q. McNemar, *Note
/// on the Sampling Error of the Difference between Correlated Proportions*, 1947).
fn lead(first: &[bool], second: &[bool], times: usize) -> f64 {
    let alone = |wanted: bool| {
        let pairs = first.iter().zip(second).filter(|(a, b)| **a == wanted && **b != wanted);
        pairs.count() as f64 / times as f64
    };
    let (b, c) = (alone(true), alone(false));
    if b + c == 0.0 { 0.0 } else { (b - c) / (b + c).sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(per_class: f64, lead: f64) -> Advice {
        let score = |name| StageScore { name, accuracy: 0.5, interval: interval(0.5, 100) };
        let stages = ["a", "b", "c"].map(score).to_vec();
        Advice { per_class, tried: 100, stages, earlier: 1, heads: None, lead }
    }

    /// Each cell by numbers on both sides of what decides, with its flags, its words, and what its
    /// reasons begin with.
    #[test]
    fn the_table_has_four_cells_and_one_between_them() {
        let similar_little = ("--plan probe --variants 4", "a new head on the network", ["similar", "little", ""]);
        let similar_much = ("--plan top", "few layers", ["similar", "much", "few layers: the lead"]);
        let between = ("--plan full", "many layers: the head", ["similar", "much", "many layers: the lead"]);
        let different_little = ("--plan probe --cut b", "an earlier stage, b", ["different", "little", ""]);
        let different_much = ("--plan full --cut b", "end the network at", ["different", "much", ""]);
        for (per_class, lead, (flags, words, begin)) in [
            (10.0, 3.0, similar_little),
            (39.99, -0.2, similar_little),
            (40.0, 1.97, similar_much),
            (5000.0, 9.0, similar_much),
            (40.0, 1.95, between),
            (5000.0, -0.2, between),
            (100.0, -0.3, different_little),
            (399.0, -9.0, different_little),
            (400.0, -0.3, different_much),
        ] {
            let found = advice(per_class, lead);
            assert_eq!(found.flags(), flags, "{per_class} {lead}");
            assert!(found.words().contains(words), "{}", found.words());
            let reasons = found.reasons();
            assert_eq!(reasons.len(), begin.iter().filter(|begin| !begin.is_empty()).count(), "{reasons:?}");
            assert!(reasons.iter().zip(begin).all(|(reason, begin)| reason.starts_with(begin)), "{reasons:?}");
        }
        let reasons = advice(10.0, -2.5).reasons();
        assert!(reasons[0].contains("2.50 standard errors behind, more than chance"), "{reasons:?}");
        assert!(reasons[1].starts_with("little data: 10 pictures"), "{reasons:?}");
        assert!(advice(40.0, 2.5).reasons()[2].contains("+2.50 standard errors"));
        assert!(advice(39.99, 1.0).reasons()[1].starts_with("little data: 39.9 pictures"));
    }

    #[test]
    fn reasons_hold_the_numbers_that_decided() {
        // The linear classifiers outweigh the heads: with these alone the sentence would contradict
        // itself.
        let mut found = Advice { heads: Some([0.985, 0.983]), ..advice(10.0, -0.4) };
        (found.stages[2].accuracy, found.stages[1].accuracy) = (0.960, 0.984);
        let likeness = found.likeness();
        let wanted = "different pictures: an earlier stage, b, serves better than the last, c; on the last and on it a linear classifier is \
                      right on 96.0 % and 98.4 %, a new head is right on 98.5 % and 98.3 %: together the last is 0.40 standard errors \
                      behind, within chance, and an earlier one is preferred from 0.25 on";
        assert_eq!(likeness, wanted);
        found.lead = -0.1;
        assert!(
            found.reasons()[0].starts_with("similar")
                && found.reasons()[0].ends_with("0.10 standard errors behind, within chance")
        );
        let alone = Advice { earlier: 2, ..found };
        assert!(alone.reasons()[0].contains("no stage before the last"));
    }

    #[test]
    fn a_recipe_keeps_what_the_advice_says_nothing_of() {
        let mut recipe = Recipe { seed: 3, ..Recipe::default() };
        let followed = advice(10.0, -1.0).follow(&recipe);
        assert_eq!((followed.plan, followed.cut.as_deref(), followed.seed), (Plan::Probe, Some("b"), 3));
        recipe.data.variants = Some(9);
        assert_eq!(advice(10.0, 1.0).follow(&recipe).data.variants, Some(9));
        recipe.data.variants = None;
        assert_eq!(advice(10.0, 1.0).follow(&recipe).data.variants, Some(4));
        recipe.regularize.mixup = 0.2;
        assert_eq!(advice(10.0, 1.0).follow(&recipe).data.variants, None);
    }

    #[test]
    fn a_lead_is_counted_on_pictures_that_one_alone_gets_right() {
        let (a, b) = ([true, true, true, true, false], [true, false, false, false, true]);
        // (3 - 1) / 2
        assert_eq!((lead(&a, &b, 1), lead(&b, &a, 1), lead(&a, &a, 1)), (1.0, -1.0, 0.0));
        // The same pictures again say nothing new.
        assert_eq!(lead(&[a, a].concat(), &[b, b].concat(), 2), 1.0);
    }
}
