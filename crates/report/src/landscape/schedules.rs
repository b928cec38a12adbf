//! Every schedule by its name, over a run of a given length.

use taper_optim::{
    Constant, Cosine, CosineRestarts, Exponential, InverseTime, LinearSchedule, MultiStep, OneCycle, OneCycleConfig,
    OptimError, Polynomial, Schedule, SnapshotCycles, StepDecay, Then, Triangular, Triangular2, Warmup,
};

use super::LandscapeError;
use super::error::require;
use super::names::{Listed, listed};
use super::parameters::Parameters;
use super::path::MOST_STEPS;

/// A schedule over a run of a given length.
#[derive(Debug)]
pub struct NamedSchedule {
    /// The name with its parameters, as it is typed.
    pub name: String,
    /// How it is made, in short: the constructor and what it is told.
    pub expression: String,
    /// The factor of each step of the run.
    pub factors: Vec<f64>,
}

/// A schedule, and the expression for it.
type Made = (String, Box<dyn Schedule>);

/// A name, and what makes the schedule of a run of so many steps.
struct Row(&'static str, fn(u64, &Parameters<'_>) -> Result<Made, OptimError>);

/// A row whose expression is also what is written in the picture; its parameters have a usual value
/// each.
macro_rules! row {
    ($name:literal, ($t:ident $(, $kind:ident $p:ident = $usual:expr)*) => $make:expr, $($expression:tt)+) => {
        Row($name, |$t, _p| {
            $(let $p = _p.$kind(stringify!($p), $usual);)*
            Ok((format!($($expression)+), Box::new($make)))
        })
    };
}

/// In the order of the README.
static TABLE: [Row; 15] = [
    row!("constant", (_t) => Constant, "Constant"),
    row!(
        "step-decay",
        (t, whole every = t / 4, number factor = 0.5) => StepDecay::new(every, factor)?,
        "StepDecay::new({every}, {factor})"
    ),
    row!(
        "multi-step",
        (t, whole first = t / 2, whole second = t * 3 / 4, number factor = 0.1) => {
            MultiStep::new(vec![first, second], factor)?
        },
        "MultiStep::new([{first}, {second}], {factor})"
    ),
    row!("exponential", (t, number k = 5.0 / t as f64) => Exponential::new(k)?, "Exponential::new({k})"),
    row!("inverse-time", (t, number k = 10.0 / t as f64) => InverseTime::new(k)?, "InverseTime::new({k})"),
    row!("linear", (t, number to = 0.0) => LinearSchedule::new(t, 1.0, to)?, "LinearSchedule::new({t}, 1.0, {to:?})"),
    row!(
        "polynomial",
        (t, number power = 2.0, number floor = 0.0) => Polynomial::new(t, power, floor)?,
        "Polynomial::new({t}, {power:?}, {floor:?})"
    ),
    row!("cosine", (t, number floor = 0.0) => Cosine::new(t, floor)?, "Cosine::new({t}, {floor:?})"),
    row!(
        "cosine-restarts",
        (t, whole first = t.div_ceil(7), whole times = 2, number floor = 0.0) => CosineRestarts::new(first, times, floor)?,
        "CosineRestarts::new({first}, {times}, {floor:?})"
    ),
    row!("snapshot-cycles", (t, whole cycles = 5) => SnapshotCycles::new(t, cycles)?, "SnapshotCycles::new({t}, {cycles})"),
    row!(
        "triangular",
        (t, whole half = t / 4, number floor = 0.1) => Triangular::new(half, floor)?,
        "Triangular::new({half}, {floor})"
    ),
    row!(
        "triangular2",
        (t, whole half = t / 8, number floor = 0.1) => Triangular2::new(half, floor)?,
        "Triangular2::new({half}, {floor})"
    ),
    row!("one-cycle", (t) => OneCycle::new(t, OneCycleConfig::default())?, "OneCycle::new({t}, default)"),
    row!(
        "warmup",
        (t, whole steps = t / 10, number from = 0.0) => {
            Warmup::new(steps, from, Cosine::new(t.saturating_sub(steps).max(1), 0.0)?)?
        },
        "Warmup::new({steps}, {from:?}, Cosine)"
    ),
    row!(
        "then",
        (t, whole steps = t / 2) => {
            Then::new(Constant, steps, LinearSchedule::new(t.saturating_sub(steps).max(1), 1.0, 0.0)?)?
        },
        "Then::new(Constant, {steps}, LinearSchedule)"
    ),
];

/// The schedules of a list such as `cosine,step-decay:every=30:factor=0.1` over a run of `steps`
/// updates; `all` is every one there is. A wrong parameter is told the right ones.
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
    rows.into_iter().map(|listed| named(listed, steps)).collect()
}

fn named(listed: Listed<'_, Row>, steps: u64) -> Result<NamedSchedule, LandscapeError> {
    let (&Row(name, make), label) = (listed.entry, listed.label);
    if let Some(value) = listed.value {
        let (field, got) = (name.to_owned(), value.to_owned());
        return Err(LandscapeError::Field { field, wanted: "given without a value", got });
    }
    let parameters = Parameters::new(name, listed.parameters);
    let made = make(steps, &parameters);
    parameters.finish()?;
    let (expression, schedule) = made.map_err(|source| LandscapeError::Optim { name, source: Box::new(source) })?;
    Ok(NamedSchedule { name: label, expression, factors: (0..steps).map(|step| schedule.at(step)).collect() })
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
        assert!(said("step-decay:k=3", 90).ends_with("there are every, factor"));
        let steps = schedules("step-decay:every=30:factor=0.1,step-decay", 90).unwrap();
        assert_eq!((steps[0].factors[29], steps[0].factors[30]), (1.0, 0.1));
        assert_eq!((steps[0].name.as_str(), steps[1].name.as_str()), ("step-decay every=30 factor=0.1", "step-decay"));
    }
}
