//! Flags of trainings in epochs, detectors' and captioners', beside their recipes.

use anyhow::Result;
use taper_trainer::recipe::{Rule, ScheduleRecipe};

/// Takes what a flag says.
pub(super) fn set<T: Clone>(setting: &mut T, flag: &Option<T>) {
    if let Some(value) = flag {
        setting.clone_from(value);
    }
}

/// Takes what flags say of the rule, the course of its rate, and its peak.
///
/// # Errors
/// When there is no rule or no schedule of that name.
pub(super) fn set_rule(
    (rule, schedule, lr): (&mut Rule, &mut ScheduleRecipe, &mut Option<f64>),
    (named, course, peak): (&Option<String>, &Option<String>, Option<f64>),
) -> Result<()> {
    if let Some(name) = named {
        // A rate of the recipe was for its rule.
        (*rule, *lr) = (Rule::named(name)?, None);
    }
    if let Some(name) = course {
        *schedule = ScheduleRecipe::named(name)?;
    }
    *lr = peak.or(*lr);
    Ok(())
}
