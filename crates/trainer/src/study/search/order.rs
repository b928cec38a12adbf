//! Which trial is next.

use std::collections::BTreeMap;

use super::range::Range;
use super::space::{Halving, Method, Objective, Space};

/// A trial: its number among the settings, and how often it has gone on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Trial {
    /// From 0. Stages number on.
    pub number: usize,
    /// 0, or with halving how often it was among the best.
    pub rung: usize,
}

/// What came of a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// Validation accuracy, fraction; 0 where the training [broke](Self::FAILED).
    pub accuracy: f64,
    /// Validation loss, nats; infinite where the training broke.
    pub loss: f64,
}

impl Score {
    /// That of a training that broke.
    pub const FAILED: Self = Self { accuracy: 0.0, loss: f64::INFINITY };

    /// What was measured; a loss that is no number is that of a network which broke, whatever it
    /// answers.
    pub(super) fn of(accuracy: f64, loss: f64) -> Self {
        if loss.is_finite() { Self { accuracy, loss } } else { Self::FAILED }
    }

    /// Whether the training broke.
    pub fn failed(&self) -> bool {
        !self.loss.is_finite()
    }
}

/// All results there are.
pub type Scores = BTreeMap<Trial, Score>;

impl Space {
    /// The trials that may be done now, the most wanted first; none when the search is at its end.
    /// It follows from the results alone: any process that sees the same results finds the same.
    pub(super) fn wanted(&self, scores: &Scores) -> Vec<Trial> {
        let open = |numbers: std::ops::Range<usize>| {
            let trials = numbers.map(|number| Trial { number, rung: 0 });
            trials.filter(|trial| !scores.contains_key(trial)).collect::<Vec<_>>()
        };
        if let Some(halving) = self.halving {
            let mut wanted = self.promotions(halving, scores);
            wanted.extend(open(0..self.trials));
            return wanted;
        }
        let mut first = 0;
        for end in self.ends() {
            let wanted = open(first..end);
            if !wanted.is_empty() {
                return wanted;
            }
            first = end;
        }
        Vec::new()
    }

    /// The number behind the last of each stage.
    pub(super) fn ends(&self) -> Vec<usize> {
        match (self.method, &self.stages[..]) {
            (Method::Grid, _) => vec![self.grid()],
            (_, []) => vec![self.trials],
            (_, stages) => {
                let mut end = 0;
                let add = |trials: usize| {
                    end += trials;
                    end
                };
                stages.iter().map(|stage| stage.trials).map(add).collect()
            }
        }
    }

    /// Whether it is a trial of this search.
    pub(super) fn has(&self, trial: &Trial) -> bool {
        let rungs = self.halving.map_or(1, |halving| halving.rungs);
        trial.rung < rungs && self.ends().last().is_some_and(|end| trial.number < *end)
    }

    /// How many settings are known before any result is.
    pub fn first_stage(&self) -> usize {
        if self.halving.is_some() { self.trials } else { self.ends().first().copied().unwrap_or(0) }
    }

    /// The trials of each rung that are among the best of it and have not gone on, from the highest
    /// rung down.
    fn promotions(&self, Halving { factor, rungs }: Halving, scores: &Scores) -> Vec<Trial> {
        let mut wanted = Vec::new();
        for rung in (0..rungs - 1).rev() {
            let ranked = self.ranked(scores.iter().filter(|(trial, _)| trial.rung == rung));
            let best = ranked.iter().take(ranked.len() / factor);
            let up = best.map(|trial| Trial { rung: rung + 1, ..*trial });
            wanted.extend(up.filter(|trial| !scores.contains_key(trial)));
        }
        wanted
    }

    /// Trials, the best first.
    pub fn ranked<'a>(&self, scores: impl IntoIterator<Item = (&'a Trial, &'a Score)>) -> Vec<Trial> {
        let mut all: Vec<(&Trial, &Score)> = scores.into_iter().collect();
        all.sort_by(|(a, x), (b, y)| {
            let accuracy = y.accuracy.total_cmp(&x.accuracy);
            let loss = x.loss.total_cmp(&y.loss);
            let better = if self.objective == Objective::Accuracy { accuracy.then(loss) } else { loss };
            better.then(a.cmp(b))
        });
        all.into_iter().map(|(trial, _)| *trial).collect()
    }

    /// The best of all: of those that were trained in full, where some were not.
    pub fn best(&self, scores: &Scores) -> Option<Trial> {
        self.ranking(scores).first().copied()
    }

    /// The rung or the stage of a trial: those of one depth were trained alike.
    pub(super) fn depth(&self, trial: &Trial) -> usize {
        self.stage_of(trial).max(trial.rung)
    }

    /// The stage of a trial, from 0.
    pub fn stage_of(&self, trial: &Trial) -> usize {
        self.ends().iter().filter(|end| trial.number >= **end).count()
    }

    /// All trials, the best first; those that were trained for longer before the others.
    pub fn ranking(&self, scores: &Scores) -> Vec<Trial> {
        let mut ranked = self.ranked(scores);
        ranked.sort_by_key(|trial| std::cmp::Reverse(self.depth(trial)));
        ranked
    }

    /// Where the first two settings of a trial lie in their ranges, as shares.
    pub fn places(&self, trial: Trial, scores: &Scores) -> [f64; 2] {
        let settings = self.settings_of(trial, scores);
        let mut shares = self.space.iter().map(|(place, range)| range.share(&settings[place]));
        [shares.next().unwrap_or(0.5), shares.next().unwrap_or(0.5)]
    }

    /// The settings of a trial. With stages its ranges are those around the best of the stage
    /// before, of which all must be done.
    pub fn settings_of(&self, trial: Trial, scores: &Scores) -> BTreeMap<String, toml::Value> {
        let ends = self.ends();
        let stage = self.stage_of(&trial);
        let mut space = self.clone();
        let mut first = 0;
        for (before, end) in ends.iter().enumerate().take(stage) {
            let done = scores.iter().filter(|(trial, _)| (first..*end).contains(&trial.number));
            let best: Vec<Trial> = self.ranked(done).into_iter().take(self.stages[before + 1].around).collect();
            let settings: Vec<_> = best.iter().map(|trial| space.settings(trial.number)).collect();
            let around = |(place, range): (&String, &Range)| {
                (place.clone(), range.around(&settings.iter().map(|one| &one[place]).collect::<Vec<_>>()))
            };
            space.space = space.space.iter().map(around).collect();
            first = *end;
        }
        let mut settings = space.settings(trial.number);
        if let Some(stage) = self.stages.get(stage) {
            settings.extend(stage.set.clone());
        }
        settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(text: &str) -> Space {
        let text = format!("{text}\n[space]\n\"optimize.lr\" = {{ log = [1e-4, 1.0] }}\n");
        Space::parse(&text, "space.toml".as_ref()).unwrap()
    }

    fn score(accuracy: f64) -> Score {
        Score { accuracy, loss: 1.0 - accuracy }
    }

    /// One process: does what is wanted most until nothing is.
    fn all(space: &Space, accuracy: impl Fn(&BTreeMap<String, toml::Value>) -> f64) -> (Vec<Trial>, Scores) {
        let (mut done, mut scores) = (Vec::new(), Scores::new());
        while let Some(trial) = space.wanted(&scores).first().copied() {
            let settings = space.settings_of(trial, &scores);
            scores.insert(trial, score(accuracy(&settings)));
            done.push(trial);
        }
        (done, scores)
    }

    fn near(rate: f64) -> impl Fn(&BTreeMap<String, toml::Value>) -> f64 {
        move |settings| 1.0 - (settings["optimize.lr"].as_float().unwrap() / rate).ln().abs() / 20.0
    }

    #[test]
    fn one_of_three_goes_on_as_soon_as_it_can() {
        let halving = space("trials = 9\nhalving = { factor = 3, rungs = 3 }");
        let (done, scores) = all(&halving, near(1e-2));
        let rung = |rung| done.iter().filter(|trial| trial.rung == rung).count();
        assert!(rung(0) == 9 && rung(1) >= 3 && rung(2) >= 1, "{done:?}");
        // After three are done the best of them goes on at once.
        assert_eq!(done[3].rung, 1);
        let best = halving.best(&scores).unwrap();
        assert_eq!(best.rung, 2);
        assert!(
            done.iter().all(|trial| trial.rung == 0 || scores.contains_key(&Trial { rung: trial.rung - 1, ..*trial }))
        );
    }

    #[test]
    fn stages_close_in_on_the_best() {
        let text = "[[stages]]\ntrials = 12\n[[stages]]\ntrials = 12\naround = 2\nset = { \"optimize.epochs\" = 5 }\n";
        let text = format!("{text}[space]\n\"optimize.lr\" = {{ log = [1e-4, 1.0] }}\n");
        let staged = Space::parse(&text, "space.toml".as_ref()).unwrap();
        let (done, scores) = all(&staged, near(1e-2));
        assert_eq!(done.len(), 24);
        let rate = |number| {
            let settings = staged.settings_of(Trial { number, rung: 0 }, &scores);
            assert_eq!(settings.contains_key("optimize.epochs"), number >= 12);
            settings["optimize.lr"].as_float().unwrap().log10()
        };
        let far = |numbers: std::ops::Range<usize>| numbers.map(|n| (rate(n) + 2.0).abs()).fold(0.0f64, f64::max);
        assert!(far(12..24) < 1.2 && far(0..12) > 1.2, "{} then {}", far(0..12), far(12..24));
        assert!(staged.best(&scores).unwrap().number >= 12);
    }

    #[test]
    fn a_loss_that_is_no_number_is_a_failure_whatever_the_accuracy() {
        for loss in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Score::of(0.9, loss), Score::FAILED);
        }
        let scores: Scores = [(0, Score::of(0.9, f64::NAN)), (1, score(0.1))]
            .map(|(number, score)| (Trial { number, rung: 0 }, score))
            .into();
        for objective in ["accuracy", "loss"] {
            let space = space(&format!("trials = 2\nobjective = \"{objective}\""));
            assert_eq!(space.ranking(&scores).iter().map(|trial| trial.number).collect::<Vec<_>>(), [1, 0]);
        }
    }

    #[test]
    fn trials_of_another_search_are_none_of_it() {
        let trial = |number, rung| Trial { number, rung };
        let halving = space("trials = 9\nhalving = { factor = 3, rungs = 3 }");
        assert!(halving.has(&trial(8, 2)) && !halving.has(&trial(9, 0)) && !halving.has(&trial(8, 3)));
        let staged = "[[stages]]\ntrials = 2\n[[stages]]\ntrials = 3\n[space]\nseed = { choice = [1] }\n";
        let staged = Space::parse(staged, "space.toml".as_ref()).unwrap();
        assert!(staged.has(&trial(4, 0)) && !staged.has(&trial(5, 0)) && !staged.has(&trial(0, 1)));
    }

    #[test]
    fn a_loss_can_decide() {
        let scores: Scores = [(0, (0.9, 0.5)), (1, (0.9, 0.4)), (2, (0.8, 0.3))]
            .map(|(number, (accuracy, loss))| (Trial { number, rung: 0 }, Score { accuracy, loss }))
            .into();
        assert_eq!(space("trials = 3").best(&scores).unwrap().number, 1);
        assert_eq!(space("trials = 3\nobjective = \"loss\"").best(&scores).unwrap().number, 2);
    }
}
