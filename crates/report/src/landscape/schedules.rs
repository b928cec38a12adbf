//! Every schedule by its name, over a run of a given length.

use taper_optim::{
    Constant, Cosine, CosineRestarts, Exponential, InverseTime, LinearSchedule, MultiStep, OneCycle, OneCycleConfig,
    OptimError, Polynomial, Schedule, SnapshotCycles, StepDecay, Then, Triangular, Triangular2, Warmup,
};

use super::LandscapeError;
use super::error::require;
use super::names::listed;
use super::path::MOST_STEPS;

/// A schedule over a run of a given length.
#[derive(Debug)]
pub struct NamedSchedule {
    /// The name, as it is typed.
    pub name: &'static str,
    /// How it is made, in short: the constructor and what it is told.
    pub expression: String,
    /// The factor of each step of the run.
    pub factors: Vec<f64>,
}

/// A schedule, and the expression for it.
type Made = (String, Box<dyn Schedule>);

/// A name, and what makes the schedule of a run of so many steps.
struct Row(&'static str, fn(u64) -> Result<Made, OptimError>);

/// A row whose expression is also what is written in the picture.
macro_rules! row {
    ($name:literal, |$t:ident| $make:expr, $($expression:tt)+) => {
        Row($name, |$t| Ok((format!($($expression)+), Box::new($make))))
    };
}

/// In the order of the README.
static TABLE: [Row; 15] = [
    row!("constant", |_t| Constant, "Constant"),
    row!("step-decay", |t| StepDecay::new(t / 4, 0.5)?, "StepDecay::new({}, 0.5)", t / 4),
    row!(
        "multi-step",
        |t| MultiStep::new(vec![t / 2, t * 3 / 4], 0.1)?,
        "MultiStep::new([{}, {}], 0.1)",
        t / 2,
        t * 3 / 4
    ),
    row!("exponential", |t| Exponential::new(5.0 / t as f64)?, "Exponential::new({})", 5.0 / t as f64),
    row!("inverse-time", |t| InverseTime::new(10.0 / t as f64)?, "InverseTime::new({})", 10.0 / t as f64),
    row!("linear", |t| LinearSchedule::new(t, 1.0, 0.0)?, "LinearSchedule::new({t}, 1.0, 0.0)"),
    row!("polynomial", |t| Polynomial::new(t, 2.0, 0.0)?, "Polynomial::new({t}, 2.0, 0.0)"),
    row!("cosine", |t| Cosine::new(t, 0.0)?, "Cosine::new({t}, 0.0)"),
    row!(
        "cosine-restarts",
        |t| CosineRestarts::new(t.div_ceil(7), 2, 0.0)?,
        "CosineRestarts::new({}, 2, 0.0)",
        t.div_ceil(7)
    ),
    row!("snapshot-cycles", |t| SnapshotCycles::new(t, 5)?, "SnapshotCycles::new({t}, 5)"),
    row!("triangular", |t| Triangular::new(t / 4, 0.1)?, "Triangular::new({}, 0.1)", t / 4),
    row!("triangular2", |t| Triangular2::new(t / 8, 0.1)?, "Triangular2::new({}, 0.1)", t / 8),
    row!("one-cycle", |t| OneCycle::new(t, OneCycleConfig::default())?, "OneCycle::new({t}, default)"),
    row!(
        "warmup",
        |t| Warmup::new(t / 10, 0.0, Cosine::new(t - t / 10, 0.0)?)?,
        "Warmup::new({}, 0.0, Cosine)",
        t / 10
    ),
    row!(
        "then",
        |t| Then::new(Constant, t / 2, LinearSchedule::new(t - t / 2, 1.0, 0.0)?)?,
        "Then::new(Constant, {}, LinearSchedule)",
        t / 2
    ),
];

/// The schedules of a list such as `cosine,one-cycle` over a run of `steps` updates; `all` is every
/// one there is.
///
/// # Errors
/// [`LandscapeError::Unknown`] and [`LandscapeError::Twice`] for names, [`LandscapeError::Field`]
/// for a run too short to have a course, or too long to be drawn.
///
/// # Examples
/// ```
/// let cosine = &taper_report::landscape::schedules("cosine", 100)?[0];
/// assert_eq!(cosine.expression, "Cosine::new(100, 0.0)");
/// assert!((cosine.factors[50] - 0.5).abs() < 1e-12);
/// # Ok::<(), taper_report::landscape::LandscapeError>(())
/// ```
pub fn schedules(list: &str, steps: u64) -> Result<Vec<NamedSchedule>, LandscapeError> {
    require((10..=MOST_STEPS).contains(&steps), "--steps with --schedules", "from 10 to 10000", steps)?;
    let rows = listed("schedule", list, &TABLE, |row| row.0)?;
    let named = |&Row(name, make): &Row| {
        let (expression, schedule) =
            make(steps).map_err(|source| LandscapeError::Optim { name, source: Box::new(source) })?;
        Ok(NamedSchedule { name, expression, factors: (0..steps).map(|step| schedule.at(step)).collect() })
    };
    rows.into_iter()
        .map(|(row, value)| match value {
            None => named(row),
            Some(value) => Err(LandscapeError::Field {
                field: row.0.to_owned(),
                wanted: "given without a value",
                got: value.to_owned(),
            }),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schedule_is_a_factor_at_every_length() {
        for steps in [10, 11, 100, 9999] {
            let all = schedules("all", steps).unwrap();
            assert_eq!(all.len(), TABLE.len());
            for schedule in all {
                assert_eq!(schedule.factors.len(), steps as usize);
                let within = schedule.factors.iter().all(|factor| (0.0..=1.0 + 1e-12).contains(factor));
                // The peak may lie between two steps.
                assert!(
                    within && schedule.factors.iter().any(|&factor| factor > 0.9),
                    "{} over {steps}",
                    schedule.name
                );
            }
        }
    }

    #[test]
    fn wrong_lists_and_lengths_are_refused() {
        let said = |list, steps| schedules(list, steps).err().unwrap().to_string();
        assert!(said("cosin", 100).starts_with("there is no schedule \"cosin\"; there are constant, step-decay"));
        assert_eq!(said("cosine", 9), "--steps with --schedules must be from 10 to 10000, got 9");
        assert_eq!(said("cosine=3", 90), "cosine must be given without a value, got 3");
    }
}
