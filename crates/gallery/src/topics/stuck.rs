//! Slides 17 and 18: local minima and saddle points.

use taper_report::landscape::{Function, Walk};

use crate::claim::{Check, Claim, Slides};
use crate::draws::{end, paths};
use crate::error::GalleryError;
use crate::setting::Setting;

pub(super) fn run(_: &Setting) -> Result<Vec<Claim>, GalleryError> {
    Ok(vec![minimum()?, saddle()?])
}

fn minimum() -> Result<Claim, GalleryError> {
    let (all, svg) = paths(&Function::Bump, "sgd,momentum", Walk { steps: 300, ..Walk::default() })?;
    let gradient = Function::Bump.gradient(all[0].points[all[0].points.len() - 1]);
    Ok(Claim::new(
        Slides(17, 18),
        "A local minimum holds gradient descent",
        "Behind a first valley and a bump lies a lower valley. Where the gradient is zero, plain gradient descent has \
         nothing to go by and stays in the first; momentum arrives with a velocity and goes over the bump.",
    )
    .by("taper optimize --on bump --rules sgd,momentum --steps 300 --svg bump.svg")
    .with_svg(svg)
    .expects(Check::at_least("loss above the lower minimum after 300 steps of sgd", end(&all[0]), 0.5))
    .expects(Check::at_most("length of the gradient there", gradient[0].hypot(gradient[1]), 1e-3))
    .expects(Check::at_most("the same loss with momentum", end(&all[1]), 0.05)))
}

fn saddle() -> Result<Claim, GalleryError> {
    let (near, svg) = paths(&Function::Saddle, "sgd,momentum", Walk::default())?;
    let ridge = Walk { start: Some([-1.5, 0.0]), ..Walk::default() };
    let (on, _) = paths(&Function::Saddle, "sgd,momentum", ridge)?;
    let slow = near[0].losses.iter().filter(|&&loss| (0.9..1.1).contains(&loss)).count();
    Ok(Claim::new(
        Slides(17, 18),
        "A saddle point slows it down, and stops it where nothing leads off the ridge",
        "All begin a thousandth off a ridge that leads to a saddle point, where the loss is 1. Close to it the \
         gradient vanishes, and descent takes long to leave. Exactly on the ridge it never does, with momentum or \
         without: what leaves a saddle point is the noise of mini-batches, or of rounding.",
    )
    .by("taper optimize --on saddle --rules sgd,momentum --start=-1.5,0 --svg ridge.svg")
    .with_svg(svg)
    .expects(Check::at_least("steps of sgd within a tenth of the saddle's loss", slow as f64, 30.0))
    .expects(Check::within("loss of sgd from the ridge itself", end(&on[0]), 0.999, 1.001))
    .expects(Check::within("loss of momentum from the ridge itself", end(&on[1]), 0.999, 1.001)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descent_is_stuck_where_the_lecture_says() {
        let claims = run(&Setting::default()).unwrap();
        assert!(claims.iter().all(Claim::holds), "{:?}", claims.iter().map(|claim| &claim.checks).collect::<Vec<_>>());
    }
}
