//! Slides 49 to 51: BFGS and L-BFGS.

use std::ops::ControlFlow;

use candle_core::Tensor;
use taper_nn::{Layer, Mode};
use taper_optim::{Lbfgs, LbfgsConfig, Minimizer, Sgd, SgdConfig, Stopping};
use taper_report::draw::{Axis, Chart, Look, Series};
use taper_report::landscape::{Function, Walk};
use taper_tensor::{Rng, backward, cross_entropy};

use crate::claim::{Check, Claim, Slides, Table};
use crate::draws::{arrival, paths};
use crate::error::GalleryError;
use crate::nets::{Net, Plan, Set, fit};
use crate::setting::Setting;
use crate::shapes::{Look as Shape, pictures};

pub(super) fn run(setting: &Setting) -> Result<Vec<Claim>, GalleryError> {
    Ok(vec![quasi()?, batches(setting)?])
}

fn quasi() -> Result<Claim, GalleryError> {
    let (all, svg) = paths(&Function::Rosenbrock, "newton,bfgs,lbfgs,sgd", Walk::default())?;
    let steps: Vec<f64> = all.iter().map(|path| arrival(path, 1e-8)).collect();
    let mut table = Table::of(["method", "steps to a loss of 1e-8", "numbers kept for a network of 1e6"]);
    let n = 1e6f64;
    for (path, (steps, kept)) in all.iter().zip(steps.iter().zip([n * n, n * n, 20.0 * n, 0.0])) {
        table.row(path.name.clone(), [*steps, kept]);
    }
    Ok(Claim::new(
        Slides(49, 50),
        "BFGS learns the inverse of the Hessian from gradients; L-BFGS does not even keep it",
        "From the change of the gradient along each step, BFGS builds the inverse of the Hessian, a square of numbers \
         and no inversion. L-BFGS keeps the last ten steps in its place. Both need no second derivative, and come \
         close to Newton's method in steps.",
    )
    .by("taper optimize --on rosenbrock --rules newton,bfgs,lbfgs,sgd --svg quasi.svg")
    .with_svg(svg)
    .and(table)
    .expects(Check::at_most("steps of BFGS beside those of Newton", steps[1] / steps[0], 3.0))
    .expects(Check::at_most("steps of L-BFGS beside those of BFGS", steps[2] / steps[1], 1.5)))
}

/// The loss of all samples by the passes over them.
type Course = Vec<[f64; 2]>;

/// The network, which is small enough for its full batch.
fn net(set: &Set, rng: &Rng) -> Result<Net, GalleryError> {
    Net::mlp(rng, 1200, &[24], set.classes)
}

/// Loss and gradients over some samples.
fn loss_of(
    net: &Net,
    (x, targets): &(Tensor, Tensor),
    rng: &Rng,
) -> candle_core::Result<(Tensor, candle_core::backprop::GradStore)> {
    let loss = cross_entropy(&net.layers.forward(x, Mode::Train(rng))?, targets)?;
    let grads = backward(&loss)?;
    Ok((loss, grads))
}

fn method(max_iterations: u64, max_evaluations: Option<u64>) -> Result<Lbfgs, GalleryError> {
    let stopping = Stopping { max_iterations, tolerance_grad: 0.0, tolerance_change: 0.0, max_evaluations };
    Ok(Lbfgs::new(LbfgsConfig { stopping, ..LbfgsConfig::default() })?)
}

/// One run of L-BFGS on all samples: an evaluation is a pass.
fn full(set: &Set, passes: usize, rng: &Rng) -> Result<Course, GalleryError> {
    let net = net(set, rng)?;
    let all = set.some(&(0..set.len()).collect::<Vec<_>>())?;
    let mut course = Vec::new();
    let mut loss = || loss_of(&net, &all, rng);
    method(passes as u64, Some(passes as u64))?.minimize_observed(
        &net.params.trainables(),
        &mut loss,
        &mut |iterate| {
            course.push([iterate.evaluations as f64, iterate.loss]);
            ControlFlow::Continue(())
        },
    )?;
    Ok(course)
}

/// L-BFGS on one mini-batch after the other, some iterations on each.
fn small(set: &Set, batch: usize, passes: usize, rng: &Rng) -> Result<Course, GalleryError> {
    let net = net(set, rng)?;
    let (mut done, mut course, mut turn) = (0.0, vec![[0.0, net.evaluate(set)?[0]]], 0u64);
    while done < passes as f64 {
        let mut order: Vec<usize> = (0..set.len()).collect();
        rng.fork("order").at(turn).shuffle(&mut order);
        turn += 1;
        let some = set.some(&order[..batch])?;
        let mut loss = || loss_of(&net, &some, rng);
        let outcome = method(5, None)?.minimize(&net.params.trainables(), &mut loss)?;
        // Each evaluation goes once through the batch, and one more at the start.
        done += (outcome.evaluations + 1) as f64 * batch as f64 / set.len() as f64;
        course.push([done, net.evaluate(set)?[0].min(1e3)]);
    }
    Ok(course)
}

fn batches(setting: &Setting) -> Result<Claim, GalleryError> {
    let rng = Rng::new(setting.seed).fork("bfgs");
    let set = Set::maps(&pictures(512, Shape::plain(), &rng.fork("pictures")))?.rows()?;
    let passes = setting.many(120);
    let full = full(&set, passes, &rng)?;
    let small = small(&set, 32, passes, &rng)?;
    let net = net(&set, &rng)?;
    let per_pass = set.len() / 32;
    let mut sgd = vec![[0.0, net.evaluate(&set)?[0]]];
    let plan = Plan::by(Sgd::new(SgdConfig { momentum: 0.9, ..SgdConfig::default() })?, 0.01, passes * per_pass)?;
    fit(&net, &set, plan, &rng, &mut |step| {
        if step % per_pass == 0 {
            sgd.push([(step / per_pass) as f64, net.evaluate(&set)?[0]]);
        }
        Ok(())
    })?;
    let end = |course: &Course| course[course.len() - 1][1];
    let mut table = Table::of(["method", "loss over all samples at the end"]);
    for (name, course) in
        [("L-BFGS, full batch", &full), ("L-BFGS, batches of 32", &small), ("SGD, batches of 32", &sgd)]
    {
        table.row(name, [end(course)]);
    }
    let ends = [end(&full), end(&small), end(&sgd)];
    let chart = Chart {
        title: "Full batch and mini-batches".into(),
        x: Axis::new("passes over the samples"),
        y: Axis::log("loss over all samples"),
        series: vec![
            Series::new("L-BFGS, full batch", Look::Line, full),
            Series::new("L-BFGS, batches of 32", Look::Line, small),
            Series::new("SGD + momentum, batches of 32", Look::Line, sgd),
        ],
    };
    Ok(Claim::new(
        Slides(51, 51),
        "L-BFGS does well on the full batch, and badly on mini-batches",
        "A network of one hidden layer and 512 pictures, so that the full batch fits. Every method gets as many passes \
         over the pictures. On mini-batches each batch gets five iterations: L-BFGS goes to the minimum of this batch, \
         which is not that of all.",
    )
    .with(&chart)?
    .and(table)
    .expects(Check::at_least("loss of L-BFGS on batches beside that on the full batch", ends[1] / ends[0], 2.0))
    .expects(
        Check::at_most("loss of L-BFGS on the full batch beside SGD's", ends[0] / ends[2], 1.0)
            .or("SGD makes sixteen steps a pass, and with so few passes they are worth more"),
    ))
}
