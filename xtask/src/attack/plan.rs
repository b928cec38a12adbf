//! Who is killed when.

/// The most kills of one run.
const OF_A_RUN: u64 = 3;

/// A run that is killed once or several times.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trial {
    /// Its recipe, by number.
    pub(super) recipe: usize,
    /// When each of its processes is killed after its start, in parts of the time that an
    /// undisturbed one takes.
    pub(super) moments: Vec<f64>,
}

/// Trials without end, each recipe in its turn; the seed draws how often and when they are killed.
pub(super) struct Plan {
    draws: Draws,
    recipes: usize,
    next: usize,
}

impl Plan {
    pub(super) fn new(seed: u64, recipes: usize) -> Self {
        Self { draws: Draws(seed), recipes, next: 0 }
    }

    /// The next trial, of at most so many kills. What a process has done before it is killed is not
    /// done again by the next, so that there is the less time for it.
    pub(super) fn trial(&mut self, most: u32) -> Trial {
        let recipe = self.next % self.recipes;
        self.next += 1;
        let kills = (1 + self.draws.number() % OF_A_RUN).min(u64::from(most));
        let mut left = 1.0;
        let moment = |_| {
            let moment = left * self.draws.share();
            left -= moment;
            moment
        };
        Trial { recipe, moments: (0..kills).map(moment).collect() }
    }
}

/// Random numbers: G. Steele, D. Lea, C. Flood, *Fast Splittable Pseudorandom Number Generators*,
/// 2014 (SplitMix64).
struct Draws(u64);

impl Draws {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// In [0, 1).
    fn share(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_splitmix64() {
        // The first of seed 1234567, as the reference implementation prints them.
        let mut draws = Draws(1_234_567);
        assert_eq!([draws.number(), draws.number()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn a_seed_is_a_plan_in_which_every_recipe_has_its_turn() {
        let trials = |seed| {
            let mut plan = Plan::new(seed, 6);
            (0..600).map(|_| plan.trial(9)).collect::<Vec<_>>()
        };
        let plan = trials(1);
        assert_eq!(plan, trials(1));
        assert_ne!(plan, trials(2));
        assert!(plan.iter().enumerate().all(|(i, trial)| trial.recipe == i % 6));
        let kills = |n| plan.iter().filter(|trial| trial.moments.len() == n).count();
        assert!([1, 2, 3].iter().all(|&n| (150..250).contains(&kills(n))), "{:?}", [1, 2, 3].map(kills));
        let early = plan.iter().filter(|trial| trial.moments[0] < 0.25).count();
        assert!((110..190).contains(&early), "{early} of 600 in the first quarter");
        assert!(plan.iter().all(|trial| trial.moments.iter().sum::<f64>() < 1.0));
    }

    #[test]
    fn no_more_are_killed_than_asked_for() {
        let mut plan = Plan::new(3, 2);
        assert!((0..50).all(|_| plan.trial(1).moments.len() == 1));
    }
}
