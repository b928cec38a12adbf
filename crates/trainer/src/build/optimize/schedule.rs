//! A recipe's schedule as an object.

use std::collections::BTreeMap;
use std::fmt;

use candle_core::Tensor;
use taper_optim::{
    Constant, Cosine, CosineRestarts, Exponential, InverseTime, LinearSchedule, MultiStep, OneCycle, OneCycleConfig,
    OneCycleMomentum, OneCycleMomentumConfig, OptimError, Polynomial, ReduceOnPlateau, ReduceOnPlateauConfig, Schedule,
    SnapshotCycles, StepDecay, Threshold, Triangular, Triangular2, Warmup,
};

use super::setting::setting;
use super::span::Span;
use crate::recipe::{OptimizeRecipe, RecipeError, ScheduleRecipe, TriangularMode};

/// The learning rate of a phase, as a factor of the base rate: what a schedule says of the step,
/// times what a plateau of the validation loss has left of it.
pub struct Pace {
    schedule: Box<dyn Schedule>,
    /// In the place of the rule's momentum.
    momentum: Option<Box<dyn Schedule>>,
    plateau: Option<ReduceOnPlateau>,
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace").field("plateau", &self.plateau).finish_non_exhaustive()
    }
}

impl Pace {
    /// The factor of a step of the phase, from 0.
    pub fn at(&self, step: u64) -> f64 {
        self.schedule.at(step) * self.plateau.as_ref().map_or(1.0, ReduceOnPlateau::factor)
    }

    /// What takes the place of the rule's momentum at a step of the phase, from 0; nothing where it
    /// is the rule's own.
    pub fn momentum(&self, step: u64) -> Option<f64> {
        self.momentum.as_ref().map(|momentum| momentum.at(step))
    }

    /// What a plateau remembers; nothing where none is looked for.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn state(&self) -> Result<BTreeMap<String, Tensor>, OptimError> {
        self.plateau.as_ref().map_or_else(|| Ok(BTreeMap::new()), ReduceOnPlateau::state)
    }

    /// Goes on with what [`state`](Self::state) gave.
    ///
    /// # Errors
    /// When it is no such state.
    pub fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<(), OptimError> {
        self.plateau.as_mut().map_or(Ok(()), |plateau| plateau.load_state(state))
    }

    /// Takes in the validation loss after an epoch. One that is NaN is an epoch without
    /// improvement.
    pub fn evaluated(&mut self, loss: f64) {
        if let Some(plateau) = &mut self.plateau {
            plateau.evaluated(loss);
        }
    }
}

/// The pace of a phase.
///
/// # Errors
/// Names a setting that is out of its range.
pub fn pace(o: &OptimizeRecipe, span: Span) -> Result<Pace, RecipeError> {
    let plateau = match o.schedule {
        ScheduleRecipe::ReduceOnPlateau { factor, patience, threshold, cooldown, floor } => {
            let threshold = Threshold::Relative(threshold);
            let defaults = ReduceOnPlateauConfig::default();
            let config = ReduceOnPlateauConfig { factor, patience, threshold, cooldown, min_factor: floor, ..defaults };
            Some(ReduceOnPlateau::new(config).map_err(setting("optimize.schedule"))?)
        }
        _ => None,
    };
    Ok(Pace { schedule: schedule(o, span)?, momentum: momentum(o, span)?, plateau })
}

fn schedule(o: &OptimizeRecipe, span: Span) -> Result<Box<dyn Schedule>, RecipeError> {
    fn boxed(schedule: impl Schedule + 'static) -> Box<dyn Schedule> {
        Box::new(schedule)
    }
    // At least one step of the phase lies behind the warm-up.
    let warmup = ((span.steps as f64 * o.warmup) as u64).min(span.steps.saturating_sub(1));
    let rest = Span { steps: span.steps - warmup, ..span };
    let then = match o.schedule {
        ScheduleRecipe::OneCycle { div_factor, final_div_factor, .. } => {
            return one_cycle(o, span, (div_factor, final_div_factor)).map(boxed);
        }
        ScheduleRecipe::Triangular { epochs, floor, mode } => {
            // The way up ends within the phase; where that is a single step, it is at the peak.
            let flank = span.epochs("optimize.schedule.epochs", epochs)?.min(span.steps.saturating_sub(1).max(1));
            let first = u64::from(span.steps == 1);
            let triangular = match mode {
                TriangularMode::Triangular => Triangular::new(flank, floor).map(boxed),
                TriangularMode::Triangular2 => Triangular2::new(flank, floor).map(boxed),
            };
            let triangular = triangular.map_err(setting("optimize.schedule"))?;
            return Ok(boxed(move |step: u64| triangular.at(step.saturating_add(first))));
        }
        ScheduleRecipe::SnapshotCycles { cycles } => {
            let cycles = SnapshotCycles::new(span.steps, cycles.min(span.steps));
            return cycles.map(boxed).map_err(setting("optimize.schedule"));
        }
        ScheduleRecipe::Constant {} | ScheduleRecipe::ReduceOnPlateau { .. } => Ok(boxed(Constant)),
        ScheduleRecipe::Linear { floor } => LinearSchedule::new(rest.steps, 1.0, floor).map(boxed),
        ScheduleRecipe::Polynomial { power, floor } => Polynomial::new(rest.steps, power, floor).map(boxed),
        ScheduleRecipe::Cosine { floor } => Cosine::new(rest.steps, floor).map(boxed),
        ScheduleRecipe::CosineRestarts { epochs, t_mult, floor, decay } => {
            let first = span.epochs("optimize.schedule.epochs", epochs)?;
            CosineRestarts::with_falling_peaks(first, t_mult, floor, decay).map(boxed)
        }
        ScheduleRecipe::StepDecay { epochs, gamma } => {
            StepDecay::new(span.epochs("optimize.schedule.epochs", epochs)?, gamma).map(boxed)
        }
        ScheduleRecipe::MultiStep { ref milestones, gamma } => {
            MultiStep::new(places(milestones, span, warmup)?, gamma).map(boxed)
        }
        ScheduleRecipe::Exponential { gamma } => Exponential::by_epoch(gamma, span.per_epoch).map(boxed),
        ScheduleRecipe::InverseTime { k } => InverseTime::new(k / span.per_epoch as f64).map(boxed),
    };
    let then = then.map_err(setting("optimize.schedule"))?;
    if warmup == 0 {
        return Ok(then);
    }
    Warmup::new(warmup, 0.1, then).map(boxed).map_err(setting("optimize.warmup"))
}

fn one_cycle(
    o: &OptimizeRecipe,
    span: Span,
    (div_factor, final_div_factor): (f64, f64),
) -> Result<OneCycle, RecipeError> {
    let config = OneCycleConfig { warmup_fraction: o.warmup, div_factor, final_div_factor };
    OneCycle::new(span.steps, config).map_err(setting("optimize.schedule"))
}

/// The momentum against the rate of one cycle, where either of its bounds is said.
fn momentum(o: &OptimizeRecipe, span: Span) -> Result<Option<Box<dyn Schedule>>, RecipeError> {
    let ScheduleRecipe::OneCycle { div_factor, final_div_factor, base_momentum, max_momentum } = o.schedule else {
        return Ok(None);
    };
    if base_momentum.or(max_momentum).is_none() {
        return Ok(None);
    }
    let usual = OneCycleMomentumConfig::default();
    let config = OneCycleMomentumConfig {
        base_momentum: base_momentum.unwrap_or(usual.base_momentum),
        max_momentum: max_momentum.unwrap_or(usual.max_momentum),
    };
    let cycle = one_cycle(o, span, (div_factor, final_div_factor))?;
    let momentum = OneCycleMomentum::new(cycle, config).map_err(setting("optimize.schedule"))?;
    Ok(Some(Box::new(momentum)))
}

/// Fractions of the phase as steps behind the warm-up. In a phase of few steps two may be one.
fn places(milestones: &[f64], span: Span, warmup: u64) -> Result<Vec<u64>, RecipeError> {
    const FIELD: &str = "optimize.schedule.milestones";
    if !milestones.is_sorted() {
        let (field, wanted, got) = (FIELD, "ascending", format!("{milestones:?}"));
        return Err(RecipeError::Field { field, wanted, got });
    }
    let place = |&fraction: &f64| Ok(span.place(FIELD, fraction)?.saturating_sub(warmup).max(1));
    let mut places = milestones.iter().map(place).collect::<Result<Vec<_>, RecipeError>>()?;
    places.dedup();
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::chain;

    fn factors(o: &OptimizeRecipe, steps: u64, per_epoch: u64) -> Vec<f64> {
        let pace = pace(o, Span { steps, per_epoch }).unwrap();
        (0..steps).map(|step| pace.at(step)).collect()
    }

    #[test]
    fn every_schedule_has_a_step_at_the_full_rate_however_few_there_are() {
        for name in ScheduleRecipe::NAMES {
            for warmup in [0.0, 0.1, 0.3, 1.0] {
                let schedule = ScheduleRecipe::named(name).unwrap();
                let o = OptimizeRecipe { schedule, warmup, ..OptimizeRecipe::default() };
                for (steps, per_epoch) in [(1, 1), (2, 1), (2, 2), (3, 3), (4, 1), (5, 100), (100, 10)] {
                    let factors = factors(&o, steps, per_epoch);
                    assert!(factors.iter().all(|f| (0.0..=1.0).contains(f)), "{name} over {steps}: {factors:?}");
                    assert!(factors.contains(&1.0), "{name} over {steps}, warm-up {warmup}: {factors:?}");
                }
            }
        }
    }

    #[test]
    fn epochs_and_fractions_become_steps_behind_the_warm_up() {
        let after_two = |text: &str| {
            let text = format!("[optimize]\nwarmup = 0.25\nschedule = {text}\n");
            let recipe = crate::recipe::Recipe::parse(&text, "r.toml".as_ref()).unwrap();
            factors(&recipe.optimize, 8, 2)[2..].to_vec()
        };
        let steps = after_two("{ name = \"step_decay\", epochs = 1.5, gamma = 0.5 }");
        assert_eq!(steps, [1.0, 1.0, 1.0, 0.5, 0.5, 0.5]);
        let milestones = after_two("{ name = \"multi_step\", milestones = [0.5, 0.75], gamma = 0.5 }");
        assert_eq!(milestones, [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]);
        assert_eq!(after_two("{ name = \"exponential\", gamma = 0.5 }"), [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]);
        assert_eq!(after_two("{ name = \"inverse_time\", k = 2 }")[..2], [1.0, 0.5]);
        let restarts = after_two("{ name = \"cosine_restarts\", epochs = 1, t_mult = 1 }");
        assert!((restarts[1] - 0.5).abs() < 1e-15 && restarts[2] == 1.0, "{restarts:?}");
        assert_eq!(after_two("{ name = \"linear\", floor = 0.4 }")[3], 0.7);
        let falling = after_two("{ name = \"cosine_restarts\", epochs = 1, t_mult = 1, decay = 0.5 }");
        assert_eq!([falling[0], falling[2], falling[4]], [1.0, 0.5, 0.25]);
        let halved = after_two("{ name = \"triangular\", epochs = 0.5, floor = 0, mode = \"triangular2\" }");
        assert_eq!(halved, [0.0, 0.5, 0.0, 0.25, 0.0, 0.125]);
    }

    #[test]
    fn momentum_cycles_against_the_rate_where_a_bound_is_said() {
        let pace = |text: &str| {
            let text = format!("[optimize]\nschedule = {{ name = \"one_cycle\"{text} }}\n");
            let recipe = crate::recipe::Recipe::parse(&text, "r.toml".as_ref()).unwrap();
            pace(&recipe.optimize, Span { steps: 10, per_epoch: 1 }).unwrap()
        };
        assert!((0..10).all(|step| pace("").momentum(step).is_none()));
        let cycled = pace(", base_momentum = 0.5");
        let highest = (0..10).find(|&step| cycled.at(step) == 1.0).unwrap();
        assert_eq!([0, highest, 9].map(|step| cycled.momentum(step).unwrap()), [0.95, 0.5, 0.95]);
    }

    #[test]
    fn a_plateau_lowers_the_rate_of_what_follows() {
        let schedule = ScheduleRecipe::named("reduce_on_plateau").unwrap();
        let o = OptimizeRecipe { schedule, warmup: 0.0, ..OptimizeRecipe::default() };
        let mut pace = pace(&o, Span { steps: 100, per_epoch: 1 }).unwrap();
        for (loss, factor) in [(1.0, 1.0), (1.0, 1.0), (1.0, 1.0), (1.0, 0.1)] {
            pace.evaluated(loss);
            assert_eq!(pace.at(9), factor);
        }
    }

    #[test]
    fn settings_out_of_range_are_named() {
        for (text, word) in [
            ("{ name = \"cosine\", floor = 2 }", "floor"),
            ("{ name = \"triangular\", epochs = 0 }", "optimize.schedule.epochs"),
            ("{ name = \"cosine_restarts\", decay = 0 }", "decay"),
            ("{ name = \"one_cycle\", base_momentum = 0.99 }", "base_momentum"),
            ("{ name = \"one_cycle\", max_momentum = 1 }", "max_momentum"),
            ("{ name = \"multi_step\", milestones = [0.5, 0.2] }", "ascending"),
            ("{ name = \"multi_step\", milestones = [1.5] }", "optimize.schedule.milestones"),
            ("{ name = \"reduce_on_plateau\", factor = 1 }", "factor"),
        ] {
            let text = format!("[optimize]\nschedule = {text}\n");
            let recipe = crate::recipe::Recipe::parse(&text, "r.toml".as_ref()).unwrap();
            let said = chain(&pace(&recipe.optimize, Span { steps: 10, per_epoch: 1 }).map(drop).unwrap_err());
            assert!(said.contains(word), "{said}");
        }
    }
}
